# SPDX-License-Identifier: MIT
"""Runs inside a network and mount namespace of its own (see test_web_setup.py): a relay on the standard ports, and
genuine clients that come by what its web offers. Prints what it has measured as one JSON object."""
import json
import pathlib
import statistics
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import deltachat  # noqa: E402
from relay import DOMAIN, NO_RATE, Account, Relay, run_martlet  # noqa: E402
from standard_ports import mounted, prepare_names  # noqa: E402

BY_DOMAIN, BY_URL = f"dcaccount:{DOMAIN}", f"dcaccount:https://{DOMAIN}/new"
SETUPS = 5


def milliseconds_to_configure(core, link):
    profile = core.new_profile()
    began = time.monotonic()
    profile.add_transport_from_qr(link)
    took = (time.monotonic() - began) * 1000
    assert profile.address.endswith("@" + DOMAIN)
    profile.remove_account()
    return took


def settle(core, relay):
    """Milliseconds of the fastest and of the middle one, for each way; in turn, so that all have the same machine."""
    ways = {"domain": lambda: BY_DOMAIN, "url": lambda: BY_URL, "told": lambda: relay.dclogin(Account.invent())}
    times = {name: [] for name in ways}
    for _ in range(SETUPS):
        for name, link in ways.items():
            times[name].append(milliseconds_to_configure(core, link()))
            time.sleep(0.6)  # two offers a second
    return {name: {"min": round(min(t)), "median": round(statistics.median(t))} for name, t in times.items()}


def converse(alice, bob):
    alice_to_bob, bob_to_alice = alice.securejoin_with(bob)
    for sender, there, receiver, here in (
        (alice, alice_to_bob, bob, bob_to_alice),
        (bob, bob_to_alice, alice, alice_to_bob),
    ):
        mark = receiver.mark()
        sender.send_text(there, "hello by the web")
        receiver.wait_text(here, "hello by the web", mark)


def links(core, relay):
    figures = settle(core, relay)
    time.sleep(1)
    converse(core.new_profile("Alice").login(BY_DOMAIN), core.new_profile("Bob").login(BY_URL))
    return figures


def block_all_ports_but_443():
    """Policy routing: no route for these connections, so they fail as behind a strict firewall that says so."""
    subprocess.run(["ip", "rule", "add", "pref", "10", "lookup", "local"], check=True)
    subprocess.run(["ip", "rule", "del", "pref", "0", "lookup", "local"], check=True)
    tcp = str(socket.IPPROTO_TCP)  # a minimal system has no file that tells the numbers of names
    for port in ("80", "143", "465", "587", "993"):
        rule = ["pref", "1", "ipproto", tcp, "dport", port, "prohibit"]
        subprocess.run(["ip", "rule", "add", *rule], check=True)


def only_443(core, relay):
    block_all_ports_but_443()
    try:
        relay.imap(timeout=2).close()
        raise AssertionError("port 993 is not blocked")
    except OSError:
        pass
    began = time.monotonic()
    alice = core.new_profile("Alice").login(BY_DOMAIN)
    figures = {"domain over 443": round((time.monotonic() - began) * 1000)}
    account = Account.invent()
    link = f"dclogin:{account.address}?p={account.password}&v=1&ip=443&is=ssl&sp=443&ss=ssl"
    converse(alice, core.new_profile("Bob").login(link))
    return figures


def refusal(core, link):
    """What the client says to its user."""
    try:
        core.new_profile().add_transport_from_qr(link)
    except deltachat.RpcError as error:
        return str(error)
    raise AssertionError(f"{link} was not refused")


def invited(core, relay):
    made = json.loads(run_martlet("invite", "--dir", relay.state, "--uses", 1, "--json").stdout)
    said = {"without": refusal(core, BY_URL), "by domain": refusal(core, BY_DOMAIN)}
    guest = core.new_profile("Guest").login(f"{BY_URL}?t={made['token']}")
    said["again"] = refusal(core, f"{BY_URL}?t={made['token']}")
    guest.stop_io()
    said["link"] = made["link"]
    return said


def main():
    version, scenario = sys.argv[1:]
    run = {"links": links, "only_443": only_443, "invited": invited}[scenario]
    settings = {**NO_RATE, "registration": "invite" if scenario == "invited" else "open"}
    with tempfile.TemporaryDirectory(prefix="martlet-ns-") as folder:
        try:
            prepare_names(folder)
            with Relay(settings=settings, offset=0) as relay, deltachat.Core(version) as core:
                figures = run(core, relay)
            print(json.dumps(figures))
        finally:  # what is mounted cannot be removed with the folder
            for target in reversed(mounted):
                subprocess.run(["umount", "--lazy", target], check=False)


if __name__ == "__main__":
    main()
