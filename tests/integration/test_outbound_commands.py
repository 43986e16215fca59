# SPDX-License-Identifier: MIT
"""The operator's side of outgoing mail: `martlet queue` and `martlet dkim`, with nobody to send to."""
import json
import re
import socket

import mail
import pytest
from admin import refused, run
from relay import DOMAIN, NO_RATE, Relay, run_martlet, wait_until


@pytest.fixture(scope="module")
def nowhere():
    """A port where no resolver answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"127.0.0.1@{silent.getsockname()[1]}"


@pytest.fixture(scope="module")
def lonely(nowhere):
    ports = {"outbound_smtp_port": 9, "outbound_https_port": 9}
    with Relay(settings={**NO_RATE, **ports, "dns_forward": nowhere, "queue_retry_min": 4000}) as relay:
        yield relay


def send(relay, sender, *receivers):
    with relay.smtp(sender) as smtp:
        assert smtp.send_message(sender.address, list(receivers), mail.encrypted(sender.address))[0] == 250


def rows(relay, *args):
    return [json.loads(line) for line in run(relay, "queue", *args, "--json").stdout.splitlines()]


def inbox(relay, account):
    with relay.imap(account) as imap:
        return int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))


def test_waits_and_is_given_up(lonely):
    alice = lonely.new_account()
    assert run(lonely, "queue").stdout == "no mail waits\n" and rows(lonely, "list") == []
    send(lonely, alice, "bob@one.example", "carol@one.example", "bob@[127.0.0.9]")
    send(lonely, alice, "dave@one.example")
    send(lonely, alice, "bob@two.example")
    listed = {row["destination"]: row for row in rows(lonely, "list")}
    assert set(listed) == {"one.example", "two.example", "[127.0.0.9]"}
    assert (listed["one.example"]["messages"], listed["one.example"]["recipients"]) == (2, 3)
    table = run(lonely, "queue").stdout.splitlines()
    assert len(table) == 4 and table[0].split()[:3] == ["destination", "messages", "recipients"]

    shown = rows(lonely, "show", "One.Example")
    assert [row["recipients"] for row in shown] == [["bob@one.example", "carol@one.example"], ["dave@one.example"]]
    assert all(row["sender"] == alice.address for row in shown)
    text = run(lonely, "queue", "show", "one.example").stdout
    assert re.search(rf"(?m)^{shown[0]['id']}: \d+ octets, .* from {re.escape(alice.address)}$", text)
    assert "    to carol@one.example\n" in text

    assert run(lonely, "queue", "drop", str(shown[0]["id"])).stdout == "given up; the senders are told\n"
    wait_until(lambda: len(rows(lonely, "show", "one.example")) == 1, 40, "one of two is gone")
    wait_until(lambda: inbox(lonely, alice) == 1, 20, "the bounce")
    run(lonely, "queue", "drop", "[127.0.0.9]")
    wait_until(lambda: inbox(lonely, alice) == 2, 40, "the other bounce")
    assert {row["destination"] for row in rows(lonely, "list")} == {"one.example", "two.example"}
    assert run(lonely, "queue", "retry", "two.example").stdout.startswith("1 message")
    assert run(lonely, "queue", "retry").stdout.startswith("2 messages")
    for destination in ("one.example", "two.example"):
        run(lonely, "queue", "drop", destination)
    wait_until(lambda: rows(lonely, "list") == [], 40, "the queue is empty")
    wait_until(lambda: inbox(lonely, alice) == 4, 20, "every bounce")


def test_mistakes(lonely):
    cases = [
        (["queue", "show", "nobody.example"], "nothing waits for nobody.example"),
        (["queue", "drop", "nobody.example"], "nothing waits for nobody.example"),
        (["queue", "retry", "nobody.example"], "nothing waits for nobody.example"),
        (["queue", "drop", "99999999"], "no message of this number waits"),
        (["queue", "drop", "0"], "say which message, by its number, or which destination"),
        (["queue", "drop", "99999999999999999999999"], "nothing waits for 99999999999999999999999"),
        (["queue", "show", "x" * 300], "that is no destination: it has more than"),
        (["dkim", "remove", "opendkim"], 'the key "opendkim" signs now; make a new one first'),
        (["dkim", "remove", "../opendkim"], 'there is no key "../opendkim"'),
        (["dkim", "remove", "gone"], 'there is no key "gone"'),
    ]
    for args, want in cases:
        assert want in refused(lonely, *args), args


def test_misuse():
    cases = [
        (["queue", "sho"], 'no "sho" here, did you mean "show"'),
        (["queue", "show"], "show wants a destination"),
        (["queue", "drop"], "drop wants a destination or the number of a message"),
        (["queue", "list", "x"], 'what is "x"?'),
        (["queue", "retry", "a", "b"], 'what is "b"?'),
        (["dkim", "rotat"], 'no "rotat" here, did you mean "rotate"'),
        (["dkim", "remove"], "remove wants a selector"),
        (["dkim", "list", "x"], 'what is "x"?'),
        (["dkim", "--jsn"], "unknown option --jsn, did you mean --json"),
    ]
    for args, want in cases:
        done = run_martlet(*args)
        assert done.returncode == 2 and done.stdout == "" and want in done.stderr, (args, done.stderr)
        assert done.stderr.count("\n") == 1


def test_no_relay(tmp_path):
    for command in (["queue"], ["queue", "drop", "x.example"], ["dkim"], ["dkim", "rotate"]):
        done = run_martlet(*command, "--dir", tmp_path)
        assert (done.returncode, done.stdout) == (1, "") and "no relay runs with the state directory" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_keys_are_made_and_kept():
    with Relay(settings=NO_RATE) as relay:
        keys = relay.state / "dkim"
        assert keys.stat().st_mode & 0o777 == 0o700
        assert {key.name for key in keys.glob("*.pem")} == {"opendkim.pem", "opendkim-ed25519.pem"}
        assert all(key.stat().st_mode & 0o777 == 0o600 for key in keys.iterdir())
        text = run(relay, "dkim").stdout
        assert re.search(rf'(?m)^opendkim\._domainkey\.{re.escape(DOMAIN)}\. 3600 IN TXT "v=DKIM1;k=rsa;p=', text)
        run(relay, "dkim", "rotate")
        listed = [json.loads(line) for line in run(relay, "dkim", "--json").stdout.splitlines()]
        assert len(listed) == 4 and [row["selector"] for row in listed if row["signs"]] == ["opendkim"]
        second = next(row["selector"] for row in listed if row["selector"].startswith("m") and row["algorithm"] == "rsa")
        assert run(relay, "dkim", "remove", second).stdout == "the key is removed; its record can leave the zone\n"
        assert not (keys / f"{second}.pem").exists()


def test_key_that_is_none(tmp_path):
    with Relay(settings=NO_RATE) as relay:
        relay.stop()
        (relay.state / "dkim" / "opendkim.pem").write_text("no key")
        done = run_martlet("dev", "--dir", relay.state, "--port-offset", str(relay.offset))
        assert done.returncode == 1 and "dkim/opendkim.pem" in done.stderr + done.stdout
        (relay.state / "dkim" / "opendkim.pem").unlink()
        relay.start()


def test_no_key_for_an_address():
    with Relay(settings={**NO_RATE, "mail_domain": "127.0.0.1"}) as relay:
        assert run(relay, "dkim").stdout == "this relay does not sign: its domain is an IP address\n"
        assert not (relay.state / "dkim").exists()
