# SPDX-License-Identifier: MIT
"""No process of ours leaves a core dump, however it ends and whatever the system allows."""
import os
import pathlib
import resource
import signal
import subprocess
import sys

import pytest
from ports import free_port
from relay import Relay, release_binary_path, wait_until
from timelimit import GUARD, PATIENCE

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
PATTERN = pathlib.Path("/proc/sys/kernel/core_pattern")


def allow_cores():
    resource.setrlimit(resource.RLIMIT_CORE, UNLIMITED)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a job of a shell that runs in the background ignores it


def core_limits(pid):
    (line,) = [x for x in pathlib.Path(f"/proc/{pid}/limits").read_text().splitlines() if x.startswith("Max core file")]
    return line.split()[4:6]


@pytest.fixture
def folder(tmp_path):
    """A folder in which a program that aborts leaves a core."""
    (tmp_path / "state").mkdir()
    if PATTERN.read_text().startswith("|"):
        return tmp_path  # cores go to a program, and cannot be seen from here
    subprocess.run([sys.executable, "-c", "import os; os.abort()"], preexec_fn=allow_cores, cwd=tmp_path, check=False)
    found = cores(tmp_path)
    assert found, "an ordinary program leaves no core here, so that ours left none would say nothing"
    for path in found:
        path.unlink()
    return tmp_path


def cores(folder):
    if PATTERN.read_text().startswith("|"):
        return []
    where = pathlib.Path(folder, PATTERN.read_text().strip()).parent
    return [p for p in (*where.iterdir(), *(folder / "state").iterdir()) if p.name.startswith("core")]


@pytest.mark.parametrize("number", [signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT])
def test_relay_and_parent(folder, number):
    relay = Relay(
        binary=release_binary_path(), state=folder / "state", wrapper=["env", "-C", str(folder)], preexec=allow_cores
    )
    with relay:
        parent, child = relay.process.pid, relay.wait_for_child()
        assert core_limits(parent) == core_limits(child) == ["0", "0"]
        assert "dumpable=off" in relay.log()
        os.kill(child, number)
        relay.wait_for_child(other_than=child)
        if number != signal.SIGQUIT:
            os.kill(parent, number)
            relay.process.wait(GUARD * PATIENCE)
            relay.kill()
    assert cores(folder) == []


def test_other_commands(folder):
    """One that runs long enough to be looked at."""
    command = [str(release_binary_path()), "web", "--preview", "--port", str(free_port())]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, preexec_fn=allow_cores, cwd=folder, **quiet)
    try:
        wait_until(lambda: core_limits(process.pid) == ["0", "0"], 5, "the limit")
        process.send_signal(signal.SIGABRT)
        assert process.wait(GUARD * PATIENCE) == -signal.SIGABRT
    finally:
        process.kill()
        process.wait()
    assert cores(folder) == []
