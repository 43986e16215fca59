# SPDX-License-Identifier: MIT
"""What the service manager is told, and what happens to a relay that makes no progress."""
import os
import re
import shutil
import signal
import socket
import threading
import time

import mail
import pytest
from pressure import status
from relay import Relay, Service, wait_until

LIMIT_S = 16  # of the service manager; the relay is killed after half of it, which is more than any load holds it up


class Manager:
    """A socket as systemd gives one to a service of Type=notify."""

    def __init__(self, folder):
        self.path = str(folder / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.heard = []  # (time, words)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            text = self.socket.recv(4096).decode()
            self.heard.append((time.monotonic(), dict(line.split("=", 1) for line in text.split("\n"))))

    def all(self, key):
        return [words[key] for _, words in list(self.heard) if key in words]

    def wait_for(self, key, count=1, timeout=20):
        return wait_until(lambda: len(self.all(key)) >= count and self.all(key), timeout, f"{count} x {key}=")

    def order(self):
        """The kinds of what was told, without repetitions."""
        kinds = ("READY", "WATCHDOG", "RELOADING", "STOPPING")
        told = [kind for _, words in self.heard for kind in kinds if kind in words]
        return [kind for i, kind in enumerate(told) if i == 0 or kind != told[i - 1]]


@pytest.fixture
def manager(tmp_path):
    return Manager(tmp_path)


def environment(manager):
    return {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(LIMIT_S * 1_000_000)}


def test_the_life_of_a_service(manager):
    with Service(env=environment(manager)) as relay:
        manager.wait_for("WATCHDOG", 2)
        with relay.imap(relay.new_account()):
            wait_until(lambda: "serving, 1 connection" in manager.all("STATUS"), 10, "the number of connections")
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        relay.reload(max_user_send_per_minute="7")
        manager.wait_for("READY", 2)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert before <= int(manager.all("MONOTONIC_USEC")[0]) <= after
        # One that cannot be used ends as well.
        relay.reload(max_message_size="much")
        manager.wait_for("READY", 3)
        fed = len(manager.all("WATCHDOG"))
        manager.wait_for("WATCHDOG", fed + 1)
        relay.stop()
        manager.wait_for("STOPPING")
    order = manager.order()
    assert order[:2] == ["READY", "WATCHDOG"]
    assert order[-1] == "STOPPING" and order.count("STOPPING") == 1
    assert order.count("RELOADING") == 2
    for i, kind in enumerate(order):
        assert kind != "RELOADING" or "READY" in order[i + 1 : i + 3]


def test_a_relay_that_hangs_is_killed_and_started_again(manager):
    """SIGSTOP is a relay whose every thread stands still. Until it is killed nobody says that all is well for longer
    than half the limit after its last sign; then another one serves, and the manager never had to act."""
    with Service(env=environment(manager)) as relay:
        account = relay.new_account()
        manager.wait_for("WATCHDOG")
        hung = relay.wait_for_child()
        os.kill(hung, signal.SIGSTOP)
        stopped = time.monotonic()
        relay.wait_for_child(other_than=hung)
        took = time.monotonic() - stopped
        assert LIMIT_S / 2 - LIMIT_S / 6 <= took, f"killed after {took:.1f} s"
        relay.imap(account).close()
        assert re.search(r"parent\.relay_hangs silent_ms=\d+", relay.log())
        fed = len(manager.all("WATCHDOG"))
        manager.wait_for("WATCHDOG", fed + 2)
        times = [at for at, words in manager.heard if "WATCHDOG" in words]
        assert max(b - a for a, b in zip(times, times[1:])) < LIMIT_S


def test_a_reload_while_the_relay_hangs(manager):
    """It waits in the channel of a relay that never reads it; the next one starts with it."""
    with Service(env=environment(manager)) as relay:
        manager.wait_for("WATCHDOG")
        hung = relay.wait_for_child()
        os.kill(hung, signal.SIGSTOP)
        relay.reload(password_min_length="12")
        relay.wait_for_child(other_than=hung)
        manager.wait_for("READY", 2)
        assert status(relay, relay.state)["settings"]["password_min_length"] == 12
        assert "parent.reload_failed" not in relay.log()
    assert manager.order().count("RELOADING") == 1


def test_a_parent_that_stood_still_kills_nobody(manager):
    """What the relay said meanwhile is heard before the clock is looked at."""
    with Service(env=environment(manager)) as relay:
        manager.wait_for("WATCHDOG")
        child = relay.wait_for_child()
        relay.process.send_signal(signal.SIGSTOP)
        time.sleep(LIMIT_S * 3 / 4)
        relay.process.send_signal(signal.SIGCONT)
        manager.wait_for("WATCHDOG", len(manager.all("WATCHDOG")) + 3)
        assert relay.child_pid() == child and "parent.relay_hangs" not in relay.log()


def test_without_a_service_manager_too():
    with Service(env={"WATCHDOG_USEC": "10000000"}) as relay:
        hung = relay.wait_for_child()
        os.kill(hung, signal.SIGSTOP)
        relay.wait_for_child(other_than=hung)
        relay.new_account()


def test_a_relay_for_trying_things_out_may_stand_in_a_debugger():
    with Relay(env={"WATCHDOG_USEC": "1000000"}) as relay:
        child = relay.wait_for_child()
        os.kill(child, signal.SIGSTOP)
        time.sleep(2)
        assert relay.child_pid() == child
        os.kill(child, signal.SIGCONT)
        relay.new_account()


def test_a_reader_of_the_store_hangs(manager, tmp_path):
    """One thread of those that read waits for ever, as for a disk that never answers: the body is a pipe that nobody
    writes to. There is patience with disks, and the other readers go on meanwhile; then the relay is killed."""
    with Service(env=environment(manager)) as relay:
        account = relay.new_account()
        with relay.smtp(account) as smtp:  # so large that it has a file of its own
            message = mail.encrypted(account.address, size=100_000)
            assert smtp.send_message(account.address, [account.address], message)[0] == 250
        body = next(path for path in (relay.state / "bodies").rglob("*") if path.is_file())
        shutil.copy2(body, tmp_path / "body")
        owner = body.stat()
        body.unlink()
        os.mkfifo(body, 0o600)
        os.chown(body, owner.st_uid, owner.st_gid)
        manager.wait_for("WATCHDOG")
        hung = relay.wait_for_child()
        with relay.imap(account) as waiting, relay.imap(account) as other:
            waiting.ok("SELECT INBOX")
            waiting.send(b"x FETCH 1 BODY.PEEK[]\r\n")
            wait_until(lambda: "relay.no_progress part=store-read " in relay.log(), 60, "a word about who hangs")
            other.ok("SELECT INBOX")
            wait_until(lambda: "parent.relay_hangs" in relay.log(), 60, "the end of all patience")
        body.unlink()
        shutil.copy2(tmp_path / "body", body)
        os.chown(body, owner.st_uid, owner.st_gid)
        relay.wait_for_child(other_than=hung, timeout=60)
        with relay.imap(account, timeout=60) as imap:
            imap.ok("SELECT INBOX")
            assert int(imap.ok("FETCH 1 BODY.PEEK[]").find(rb"BODY\[\] \{(\d+)\}").group(1)) >= 100_000
        assert relay.log().count("parent.relay_hangs") == 1
