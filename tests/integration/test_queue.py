# SPDX-License-Identifier: MIT
"""`martlet queue`: mail for servers that do not answer waits, survives every death of the relay, and is tried again or
given up when the operator says so. The far servers are address literals on loopback, with or without a listener."""
import contextlib
import json
import re
import signal
import socket
import threading
import time

import mail
import pytest
from admin import Control, refused, run
from ledger import Sender, mailbox
from ports import free_port
from relay import NO_RATE, Relay, Service, run_martlet, wait_until
from timelimit import GUARD, PATIENCE

DEAD, OTHER = "[127.0.0.9]", "[127.0.0.10]"


def outward(**more):
    """Ports that nobody listens on, unless the test does."""
    return {**NO_RATE, "outbound_smtp_port": free_port(), "outbound_https_port": free_port(), **more}


def send(relay, sender, *recipients, message_id=None):
    message_id = message_id or mail.new_id()
    with relay.smtp(sender) as smtp:
        code, text = smtp.send_message(sender.address, list(recipients), mail.encrypted(sender.address, message_id))
    assert code == 250, (code, text)
    return message_id


def rows(relay, *args):
    return [json.loads(line) for line in run(relay, "queue", *args, "--json").stdout.splitlines()]


def wait_for_failure(relay, destination, attempts=1):
    def failed():
        found = [r for r in rows(relay, "list") if r["destination"] == destination and r["attempts"] >= attempts]
        return found and found[0]

    return wait_until(failed, 30, f"a failed attempt for {destination}")


def bounces(relay, account):
    with relay.imap(account) as imap:
        imap.ok("SELECT INBOX")
        return [m for m in imap.fetch().values() if b"multipart/report" in m]


class Refuser(threading.Thread):
    """An SMTP server without STARTTLS that counts who comes."""

    def __init__(self, host, port):
        super().__init__(daemon=True)
        self.listener = socket.create_server((host, port))
        self.visits = 0

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.listener.accept()[0]
                self.visits += 1
                with contextlib.suppress(OSError), connection:
                    connection.sendall(b"421 4.3.2 bob@far.example and 192.0.2.7 are not at home\r\n")

    def close(self):
        self.listener.close()


def test_empty_queue():
    with Relay(settings=outward()) as relay:
        assert run(relay, "queue").stdout == "no mail waits\n"
        assert run(relay, "queue", "list", "--json").stdout == ""
        assert run(relay, "queue", "retry").stdout == "no mail waits\n"
        assert refused(relay, "queue", "retry", DEAD) == f"nothing waits for {DEAD}"
        assert refused(relay, "queue", "show", DEAD) == f"nothing waits for {DEAD}"
        assert refused(relay, "queue", "drop", DEAD) == f"nothing waits for {DEAD}"
        assert refused(relay, "queue", "drop", "7") == "no message of this number waits"
        for nothing in "", "0", "18446744073709551615":
            assert refused(relay, "queue", "drop", nothing) == (
                "say which message, by its number, or which destination"
            )
        assert refused(relay, "queue", "show", "") == "say which destination"
        assert "not text in UTF-8" in refused(relay, "queue", "show", "\udcff.example")
        assert "more than 255 octets" in refused(relay, "queue", "show", "x" * 300)


def test_list_show_retry_drop():
    settings = outward()
    with Relay(settings=settings) as relay:
        sender = relay.new_account()
        first = send(relay, sender, f"bob@{DEAD}", f"Carol@{DEAD}", f"dan@{OTHER}", sender.address)
        row = wait_for_failure(relay, DEAD)
        wait_for_failure(relay, OTHER)
        assert (row["messages"], row["recipients"], row["attempts"]) == (1, 2, 1)
        assert row["error"].startswith("421 Failed to connect to any mail server") and 200 < row["next_s"] <= 400
        assert list(mailbox(relay, sender).values()) == [first]  # the local copy came at once
        table = run(relay, "queue").stdout.splitlines()
        assert table[0].split() == ["destination", "messages", "recipients", "oldest", "next", "try", "last", "error"]
        assert [line.split()[0] for line in table[1:]] == sorted([DEAD, OTHER])
        assert re.search(r"\d+ (s|min)  .*\d+ (s|min)  421 Failed to connect", table[1])

        (shown,) = rows(relay, "show", DEAD)
        assert shown["sender"] == sender.address and shown["recipients"] == [f"bob@{DEAD}", f"Carol@{DEAD}"]
        assert shown["octets"] > 500
        text = run(relay, "queue", "show", DEAD.upper()).stdout
        assert f"    to bob@{DEAD}\n    to Carol@{DEAD}\n" in text and f"from {sender.address}\n" in text
        assert re.search(r"\nThe destination has failed for \d+ s: 421 Failed", text)

        listener = Refuser("127.0.0.9", settings["outbound_smtp_port"])
        listener.start()
        assert run(relay, "queue", "retry", DEAD).stdout == "1 message is tried now\n"
        assert wait_for_failure(relay, DEAD, attempts=2)["attempts"] == 2 and listener.visits == 1
        assert run(relay, "queue", "retry").stdout == "2 messages are tried now\n"
        wait_for_failure(relay, DEAD, attempts=3)
        wait_for_failure(relay, OTHER, attempts=2)
        listener.close()

        assert run(relay, "queue", "drop", str(shown["id"])).stdout == "given up; the senders are told\n"
        (bounce,) = wait_until(lambda: bounces(relay, sender), 20, "the bounce")
        assert b"Final-Recipient: rfc822; bob@[127.0.0.9]" in bounce and b"Carol@[127.0.0.9]" in bounce
        assert b"127.0.0.10" not in bounce and first.strip("<>").encode() in bounce
        assert [r["destination"] for r in rows(relay, "list")] == [OTHER]
        run(relay, "queue", "drop", OTHER)
        wait_until(lambda: len(bounces(relay, sender)) == 2, 20, "the second bounce")
        assert run(relay, "queue").stdout == "no mail waits\n"
        assert refused(relay, "queue", "drop", str(shown["id"])) == "no message of this number waits"
        log = relay.log()
        assert "queue.attempt" in log and "queue.deferred" in log and "queue.given_up" in log
        assert "queue.bounced" in log
        for word in "127.0.0", "bob", "arol", "192.0.2.7", sender.address.partition("@")[0]:
            assert [line for line in log.splitlines() if word in line] == []


def test_many_destinations():
    """More than a page of the control socket, and of the store's, neither lost nor twice; and some hundred retries."""
    n = 230
    with Relay(settings=outward()) as relay:
        sender = relay.new_account()
        hosts = [f"[127.1.{i // 200}.{i % 200 + 1}]" for i in range(n)]
        for at in range(0, n, 100):
            send(relay, sender, *(f"x@{host}" for host in hosts[at : at + 100]))
        for _ in range(120):
            send(relay, sender, f"x@{DEAD}")
        assert sorted(r["destination"] for r in rows(relay, "list")) == sorted([*hosts, DEAD])
        shown = [r["id"] for r in rows(relay, "show", DEAD)]
        assert len(shown) == len(set(shown)) == 120
        assert run(relay, "queue", "retry").stdout == f"{n + 120} messages are tried now\n"
        for host in hosts[:5]:
            run(relay, "queue", "drop", host)
        wait_until(lambda: len(rows(relay, "list")) == n - 4, 30, "five fewer")
        run(relay, "queue", "drop", DEAD)
        wait_until(lambda: len(bounces(relay, sender)) == 125, 40, "the bounces")


@pytest.mark.parametrize("how", ["child", "all", "stop"])
def test_queue_outlives_the_relay(how):
    with Relay(settings=outward()) as relay:
        sender = relay.new_account()
        ids = [send(relay, sender, f"bob@{DEAD}") for _ in range(3)]
        wait_for_failure(relay, DEAD)
        before = {r["id"] for r in rows(relay, "show", DEAD)}
        if how == "child":
            pid = relay.kill_child()
            relay.wait_for_child(other_than=pid)
            wait_until(lambda: run_martlet("queue", "--dir", relay.state).returncode == 0, 20, "the relay again")
        else:
            relay.kill() if how == "all" else relay.stop()
            relay.start()
        assert {r["id"] for r in rows(relay, "show", DEAD)} == before and len(before) == 3
        assert wait_for_failure(relay, DEAD)["attempts"] >= 1  # it is remembered what failed
        run(relay, "queue", "drop", DEAD)
        wait_until(lambda: len(bounces(relay, sender)) == 3, 20, "three bounces")
        found = b"".join(bounces(relay, sender))
        assert [i for i in ids if i.strip("<>").encode() not in found] == []
        relay.stop()
        done = run_martlet("verify", relay.state)
        assert done.returncode == 0, done.stdout + done.stderr
        relay.start()
        assert run(relay, "queue").stdout == "no mail waits\n" and len(bounces(relay, sender)) == 3


def test_end_of_the_time():
    """Killed over and over while bounces are written: each sender has one for each message in the end."""
    with Relay(settings=outward()) as relay:
        senders = [relay.new_account() for _ in range(4)]
        for sender in senders:
            for _ in range(10):
                send(relay, sender, f"bob@{DEAD}")
        for pause in 0.01, 0.03, 0.06, 0.1, 0.2:
            run_martlet("queue", "drop", DEAD, "--dir", relay.state)
            time.sleep(pause)
            relay.kill()
            relay.start()
        if rows(relay, "list"):
            run(relay, "queue", "drop", DEAD)
        wait_until(lambda: not rows(relay, "list"), 30, "an empty queue")
        assert [len(bounces(relay, sender)) for sender in senders] == [10] * 4


def test_reload_and_stop_under_load():
    """Commands and reloads from all sides while mail is accepted, tried, dropped, and the relay ends."""
    settings = outward()
    with Service(settings=settings) as relay:
        listener = Refuser("127.0.0.9", settings["outbound_smtp_port"])
        listener.start()
        accounts = [relay.new_account() for _ in range(2)]
        senders = [
            Sender(relay, account, [f"x@{DEAD}", f"y@[127.0.0.{11 + i}]", account.address])
            for i, account in enumerate(accounts)
        ]
        for sender in senders:
            sender.start()
        for i in range(8):
            relay.reload(queue_retry_min=200 + i)
            run_martlet("queue", "retry", "--dir", relay.state)
            run_martlet("queue", "drop", DEAD if i % 2 else "[127.0.0.11]", "--dir", relay.state)
            run_martlet("dkim", "--dir", relay.state)
            time.sleep(0.1)
        for sender in senders:
            sender.finish()
            assert sender.taken and not sender.unexpected and sender.again == 0
        relay.signal(signal.SIGHUP)
        relay.stop()
        relay.start()
        # Each message waits, or was told to be undeliverable, for each of its two servers.
        n = sum(r["messages"] for r in rows(relay, "list")) + sum(len(bounces(relay, a)) for a in accounts)
        assert n == 2 * sum(len(sender.taken) for sender in senders)
        listener.close()


def test_sigterm_while_sending():
    """A server that never answers does not keep the relay from ending."""
    settings = outward()
    address = "127.0.0.9", settings["outbound_smtp_port"]
    with socket.create_server(address) as silent, Relay(settings=settings) as relay:
        sender = relay.new_account()
        send(relay, sender, f"bob@{DEAD}")
        silent.settimeout(GUARD * PATIENCE)
        connection = silent.accept()[0]
        relay.stop()
        connection.close()
        assert "parent.relay_hangs" not in relay.log() and "relay.connections_cut" not in relay.log()
        relay.start()
        assert [r["messages"] for r in rows(relay, "list")] == [1]


@pytest.mark.parametrize(
    "args, says",
    [
        (["lsit"], 'no "lsit" here, did you mean "list"'),
        (["frobnicate"], 'what is "frobnicate"?'),
        (["show"], "show wants a destination"),
        (["drop"], "drop wants a destination or the number of a message"),
        (["list", "x"], 'what is "x"?'),
        (["show", "a", "b"], 'what is "b"?'),
        (["retry", "a", "b"], 'what is "b"?'),
        (["--yes"], "--yes"),
    ],
)
def test_misuse(args, says):
    done = run_martlet("queue", *args, "--dir", "/nonexistent")
    assert done.returncode == 2 and done.stdout == "" and says in done.stderr, (done.returncode, done.stderr)


def test_help():
    done = run_martlet("queue", "--help")
    assert done.returncode == 0 and "martlet queue drop DESTINATION|NUMBER" in done.stdout


def test_socket_parameters():
    with Relay(settings=outward()) as relay, Control(relay) as control:
        assert control.ask(command="queue-show", destination="x" * 300)[-1]["ok"] is False
        assert control.ask(command="queue-drop", destination=DEAD, id=-1)[-1]["ok"] is False
        assert control.ask(command="queue-drop", destination=DEAD)[-1]["ok"] is False
        assert control.ask(command="queue-list") == [{"ok": True}]
