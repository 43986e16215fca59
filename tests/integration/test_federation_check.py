# SPDX-License-Identifier: MIT
"""`martlet check --peer`: a message to another relay and one back, and nothing of it left on either side; and the same
from a machine that is neither."""
import json
import re
import shutil
import signal
import subprocess

import pytest
from admin import run_martlet
from lab import NAME_SERVER, NET4, PATH
from relay import wait_until
from timelimit import GUARD

OWN = {"account-1", "account-2", "submission-465", "submission-587", "encryption", "imap-143", "mail-443", "clean-up"}


@pytest.fixture(scope="module")
def resolving(tmp_path_factory):
    """The front of a command line that gives it the lab's name server."""
    file = tmp_path_factory.mktemp("resolv") / "resolv.conf"
    file.write_text(f"nameserver {NET4}{NAME_SERVER}\n")
    script = f'mount --bind {file} /etc/resolv.conf && exec "$@"'
    return [shutil.which("unshare", path=PATH), "--mount", "sh", "-c", script, "sh"]


def start(host, resolving, binary, *args):
    with host.inside():
        return subprocess.Popen([*resolving, binary, "check", *map(str, args)], stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True)


def check(here, resolving, *args):
    """{step: row} of a test of this relay, on its own host. In the lab there is no gateway, and the test says so."""
    before = Before(here)
    process = start(here.host, resolving, here.binary, "--json", "--config", here.config_path, *args)
    output, _ = process.communicate(timeout=4 * GUARD)
    assert process.returncode == 1 and before.new_accounts() == [], output
    before.wait_queue()
    rows = {row["step"]: row for row in json.loads(output)["steps"]}
    assert "has no address" in rows["push-gateway"]["text"]
    return rows


def accounts(relay):
    done = run_martlet("account", "list", "--json", "--config", relay.config_path, binary=relay.binary)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def waiting(relay):
    done = run_martlet("queue", "list", "--json", "--config", relay.config_path, binary=relay.binary)
    return [json.loads(line)["destination"] for line in done.stdout.splitlines()]


class Before:
    """What stood on a relay before a test, which other tests have left."""

    def __init__(self, relay):
        self.relay, self.accounts, self.queue = relay, accounts(relay), waiting(relay)

    def new_accounts(self):
        known = {account["address"] for account in self.accounts}
        return [account for account in accounts(self.relay) if account["address"] not in known]

    def new_queue(self):
        return [destination for destination in waiting(self.relay) if destination not in self.queue]

    def wait_queue(self):
        """A message is at its receiver's before the sender has noted that."""
        wait_until(lambda: not self.new_queue(), GUARD, "an empty queue")


@pytest.mark.parametrize("way", ["ab", "ac", "ca"])
def test_there_and_back(internet, resolving, way):
    here, there = (internet[name] for name in way)
    before = Before(there)
    rows = check(here, resolving, "--peer", there.domain)
    assert {name for name, row in rows.items() if row["verdict"] == "failed"} == {"push-gateway"}, rows
    for name in OWN | {"peer-account", "peer-to", "peer-from"}:
        assert rows[name]["verdict"] == "ok", rows[name]
    assert 0 < rows["peer-to"]["ms"] and 0 < rows["peer-from"]["ms"]
    left, = before.new_accounts()  # that, only its operator can delete
    assert left["messages"] == 0
    before.wait_queue()
    if way == "ab":
        assert re.match(r"for a.test, \d+ days left", rows["certificate"]["text"]), rows["certificate"]


def test_a_peer_that_makes_no_account(internet, resolving):
    here, there = internet["a"], internet["b"]
    before = Before(there)
    there.reload(registration="closed")
    try:
        wait_until(lambda: check_registration(there) == "closed", GUARD, "the reload")
        rows = check(here, resolving, "--peer", there.domain)
        assert rows["peer-account"]["verdict"] == rows["peer-from"]["verdict"] == "skipped"
        assert "only sending is tried" in rows["peer-account"]["text"]
        assert rows["peer-to"]["verdict"] == "ok" and "550" in rows["peer-to"]["text"], rows["peer-to"]
        assert before.new_accounts() == []
    finally:
        there.reload(registration="open")
        wait_until(lambda: check_registration(there) == "open", GUARD, "the reload")


def check_registration(relay):
    done = run_martlet("status", "--json", "--config", relay.config_path, binary=relay.binary)
    return json.loads(done.stdout)["settings"]["registration"]


def test_a_peer_that_nobody_knows(internet, resolving):
    here = internet["a"]
    rows = check(here, resolving, "--peer", "nowhere.test")
    assert rows["peer-account"]["verdict"] == "failed" and "nowhere.test has no address" in rows["peer-account"]["text"]
    assert rows["peer-to"]["verdict"] == rows["peer-from"]["verdict"] == "skipped"


def test_interrupted_while_a_message_waits(internet, resolving):
    """Port 25 and 443 of the peer cannot be reached: what waits for it is dropped with the accounts."""
    here, there = internet["a"], internet["b"]
    wait_until(lambda: there.domain not in waiting(here), GUARD, "the queue of before")
    before = Before(here)
    here.host.block(25, 443)
    process = start(here.host, resolving, here.binary, "--peer", there.domain, "--host", here.host.ipv4,
                    "--config", here.config_path)
    try:
        wait_until(lambda: there.domain in before.new_queue(), 2 * GUARD, "a message that waits")
    finally:
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=4 * GUARD)
    assert process.returncode == 2 and "ok       clean-up" in output and "interrupted" in output, output
    assert before.new_accounts() == before.new_queue() == []


def test_from_elsewhere(internet, resolving):
    """A relay seen from another host: its ports and what they serve; the accounts stay, and it says so."""
    there = internet["b"]
    before = Before(there)
    process = start(internet["a"].host, resolving, there.binary, "--json", "--domain", there.domain)
    output, _ = process.communicate(timeout=4 * GUARD)
    rows = {row["step"]: row for row in json.loads(output)["steps"]}
    # What signs the certificates of the lab, this host does not trust: as the world sees a wrong certificate.
    assert {name for name, row in rows.items() if row["verdict"] == "failed"} == {"certificate"}, output
    assert process.returncode == 1 and "clients cannot check it" in rows["certificate"]["text"]
    assert rows["relay"]["verdict"] == rows["clean-up"]["verdict"] == "skipped"
    assert rows["clean-up"]["text"].endswith("stay until they expire; they are empty")
    left = before.new_accounts()
    assert len(left) == 2 and all(account["messages"] == 0 for account in left)
