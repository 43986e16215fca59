# SPDX-License-Identifier: MIT
"""A call between two browsers on different hosts that may only use the relay, with the credentials of METADATA."""
import contextlib
import pathlib

import browser
import pytest
from relay import wait_until
from timelimit import GUARD, PATIENCE

CALL = (pathlib.Path(__file__).parent / "call.js").read_text()
RUN = "const done = arguments[arguments.length - 1]; call.%s(...[...arguments].slice(0, -1)).then(done, e => done(`${e}`))"


class Page:
    """A page in a browser of its own, within a host of the lab."""

    def __init__(self, host):
        self.host = host
        with host.inside():
            self.driver = browser.start("--autoplay-policy=no-user-gesture-required")
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
            self.driver.set_script_timeout(2 * GUARD * PATIENCE)
            self.driver.get("about:blank")
            self.driver.execute_script(CALL)

    def run(self, name, *args):
        with self.host.inside():
            return self.driver.execute_async_script(RUN % name, *args)

    def received(self):
        with self.host.inside():
            return self.driver.execute_script("return call.received")

    def close(self):
        with self.host.inside():
            self.driver.quit()


def ice_server(relay, ipv6):
    credentials = relay.credentials()
    host = f"[{relay.host.ipv6}]" if ipv6 else relay.host.ipv4
    return {"urls": f"turn:{host}:3478", "username": credentials.username, "credential": credentials.password}


@pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])
def test_call_through_the_relay(turn_lab, ipv6):
    relay = turn_lab.open
    ice = ice_server(relay, ipv6)
    with contextlib.ExitStack() as stack:
        pages = []
        for host in (turn_lab.guest, turn_lab.peer):
            pages.append(Page(host))
            stack.callback(pages[-1].close)
        caller, callee = pages
        offer = caller.run("offer", ice)
        candidates = [line for line in offer["sdp"].splitlines() if line.startswith("a=candidate")]
        assert candidates and all(" typ relay " in c for c in candidates), (candidates, caller.run("state"))
        answer = callee.run("answer", ice, offer)
        with caller.host.inside():
            caller.driver.execute_script("call.pc.setRemoteDescription(arguments[0])", answer)
        # 1 MB there and back.
        messages = [f"{i} " + "x" * 10_000 for i in range(100)]
        assert caller.run("say", messages) is None
        wait_until(lambda: len(caller.received()) == len(messages), GUARD, "all messages back")
        assert caller.received() == messages
        for page in pages:
            state = wait_until(lambda page=page: is_seen(page.run("state")), GUARD, "picture and sound")
            assert state["connection"] == "connected"
            for side in ("local", "remote"):
                assert state[side][0] == "relay" and state[side][1] in (relay.host.ipv4, relay.host.ipv6), state


def is_seen(state):
    return state["frames"] >= 10 and state["packets"].get("audio", 0) >= 20 and state


def test_wrong_credentials_make_no_candidates(turn_lab):
    ice = {**ice_server(turn_lab.open, False), "credential": "wrong"}
    page = Page(turn_lab.guest)
    try:
        offer = page.run("offer", ice)
        assert "a=candidate" not in offer["sdp"]
        assert any(" 401 " in e for e in page.run("state")["errors"])
    finally:
        page.close()
