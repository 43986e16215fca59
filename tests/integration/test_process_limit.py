# SPDX-License-Identifier: MIT
"""No room for another process or thread (TasksMax= of a service, `ulimit -u`): threads count as processes do
(setrlimit(2))."""
import contextlib
import os
import signal
import subprocess

import pytest
from relay import free_offset, public_binary, relay_of, wait_until
from test_mistakes import ENV, Place, needs_root, refused
from timelimit import GUARD, PATIENCE

USER = 61234  # of whom nothing else runs
AS_USER = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
LIMIT = 300 + 4 * (os.cpu_count() or 1)  # more than a relay needs


@pytest.fixture
def place():
    with Place() as made:
        made.state.mkdir(0o700)
        os.chown(made.state, USER, USER)
        yield made


@contextlib.contextmanager
def crowd():
    """As many threads as the user may have, in a process without that limit."""
    program = f"import threading\nfor _ in range({LIMIT}): threading.Thread(target=input).start()\nprint('here', flush=True)"
    command = [*AS_USER, "/usr/bin/python3", "-c", program]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout.readline() == b"here\n"
        yield
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def running(place):
    command = [*AS_USER, "prlimit", f"--nproc={LIMIT}", public_binary(), "serve"]
    command += ["--config", place.config, "--port-offset", free_offset()]
    with open(place.path / "log", "w+") as log:
        parent = subprocess.Popen(list(map(str, command)), stderr=log, env=ENV, cwd=place.path)
        try:
            wait_until(lambda: place.is_ready() or parent.poll() is not None, 20, "the relay")
            assert parent.poll() is None, place.log()
            yield parent
        finally:
            parent.terminate()
            assert parent.wait(GUARD * PATIENCE) == 0, place.log()


@needs_root
@pytest.mark.parametrize("limit, want", [(1, "the relay's process cannot be started"), (2, "no thread can be started")])
def test_a_start(place, limit, want):
    """The parent alone, or the parent and the relay."""
    wrapper = [*AS_USER, "prlimit", f"--nproc={limit}"]
    refused(place.serve(wrapper=wrapper, dry=False), want, "raise TasksMax= of the service or `ulimit -u`")


@needs_root
def test_a_relay_that_had_served(place):
    """It is tried again until there is room."""
    with running(place) as parent:
        with crowd():
            os.kill(wait_until(lambda: relay_of(parent.pid), 20, "the relay"), signal.SIGKILL)
            wait_until(lambda: place.log().count("parent.spawn_failed") >= 2, 20, "two attempts")
            assert parent.poll() is None
        wait_until(lambda: place.log().count("parent.ready") >= 2, 20, "a new relay")
