# SPDX-License-Identifier: MIT
"""Where the memory of control groups of version 2 may be limited, and that the relay finds the closest limit. Run by
tools/test-cgroup2, on a kernel that has version 2 alone (cgroups(7))."""
import os

import pytest
from pressure import pressure, wait_calm, wait_level
from relay import NO_RATE, Relay, release_binary_path, wait_until
from test_overload import CGROUPS

MIB = 1 << 20
LIMIT_MB = 64


@pytest.fixture
def groups():
    """A group for the relay, and the one above it."""
    above = CGROUPS / f"martlet-above-{os.getpid()}"
    own = above / "relay"
    (CGROUPS / "cgroup.subtree_control").write_text("+memory")
    above.mkdir()
    (above / "cgroup.subtree_control").write_text("+memory")
    own.mkdir()
    yield above, own
    wait_until(lambda: not (own / "cgroup.procs").read_text(), 10, "the end of what was in the control group")
    own.rmdir()
    above.rmdir()


def relay_in(group):
    return Relay(
        settings=NO_RATE,
        binary=release_binary_path(),
        preexec=lambda: (group / "cgroup.procs").write_text("0"),
    )


@pytest.mark.parametrize("name", ["memory.max", "memory.high"])
@pytest.mark.parametrize("is_above", [False, True])
def test_limit(groups, is_above, name):
    above, own = groups
    (above if is_above else own).joinpath(name).write_text(f"{LIMIT_MB}M")
    (own if is_above else above).joinpath(name).write_text(f"{2 * LIMIT_MB}M")
    with relay_in(own) as relay:
        relay.new_account()
        memory = pressure(relay)["memory"]
        assert memory["limit"] == LIMIT_MB * MIB and 3 * MIB < memory["taken"] < LIMIT_MB * MIB / 2


def test_limit_that_changes(groups):
    """What is taken stays, and the limit comes close."""
    _, own = groups
    (own / "memory.max").write_text("200M")
    with relay_in(own) as relay:
        relay.new_account()
        memory = pressure(relay)["memory"]
        assert memory["limit"] == 200 * MIB
        taken_mb = memory["taken"] // MIB + 1
        (own / "memory.high").write_text(f"{taken_mb + 1}M")
        wait_level(relay, "memory", 2, 40)
        assert f"of {taken_mb + 1} MB of memory are taken (cgroup)" in relay.log()
        (own / "memory.high").write_text("max")
        wait_calm(relay, 40)
        assert pressure(relay)["memory"]["limit"] == 200 * MIB


def test_no_limit(groups):
    """The machine's memory is the limit then."""
    with relay_in(groups[1]) as relay:
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        assert pressure(relay)["memory"]["limit"] == machine
