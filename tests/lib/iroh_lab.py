# SPDX-License-Identifier: MIT
"""One relay for the tests of iroh that leave it whole, as a pytest plugin, and what those tests share."""
import re

import iroh
import pytest
from admin import run
from iroh import A, B, websocket_frame
from relay import Relay, wait_until
from timelimit import GUARD


@pytest.fixture(scope="session")
def iroh_relay():
    with Relay() as relay:
        yield relay


@pytest.fixture
def iroh_port(iroh_relay):
    return iroh_relay.port(80)


def b_v1(port, **more):
    return B(port, offer="iroh-relay-v1", **more)


DIALECTS = pytest.mark.parametrize("dialect", [A, B, b_v1])


def counters(relay):
    """What has been counted about iroh, by name and label."""
    text = run(relay, "metrics").stdout
    return {name: int(n) for name, n in re.findall(r"^martlet_iroh_(\S+) (\d+)$", text, re.MULTILINE)}


def wait_counted(relay, name, at_least):
    wait_until(lambda: counters(relay).get(name, 0) >= at_least, GUARD, f"{name} {at_least}")


def message(payload):
    """Of B: a whole message, however wrong."""
    return websocket_frame(0x80 | iroh.BINARY, payload)
