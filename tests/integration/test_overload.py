# SPDX-License-Identifier: MIT
"""Too many descriptors, too little memory: new accounts are refused first, then connections, and those who are in go
on. When it is over everything is as before, without a restart, and nothing that was acknowledged is lost.
"""
import contextlib
import os
import pathlib
import resource
import socket

import pytest
from ledger import Reader, Sender, assert_exactly_once, mailbox
from pressure import (
    assert_no_new_account,
    changes,
    is_let_in,
    last_words,
    pressure,
    send_here,
    try_login,
    wait_calm,
    wait_level,
    wait_message,
)
from relay import NO_RATE, Relay, release_binary_path, wait_until

FILES = 400
KEPT = FILES // 8  # for the store, the log and the DNS
MEMORY_MB = 64
CGROUPS = pathlib.Path("/sys/fs/cgroup")


class Crowd:
    """Connections that say nothing."""

    def __init__(self, port, words=b""):
        self.port, self.words, self.sockets, self.refused = port, words, [], 0

    def grow(self, n):
        for _ in range(n):
            s = socket.socket()
            s.settimeout(60)
            self.sockets.append(s)
            with contextlib.suppress(OSError):
                s.connect(("127.0.0.1", self.port))
                if self.words:
                    s.sendall(self.words)

    def size(self):
        """Without those that were sent away, as who is silent for a minute is."""
        for s in list(self.sockets):
            s.settimeout(0)
            with contextlib.suppress(BlockingIOError):
                try:
                    gone = s.recv(1) == b""
                except ConnectionError:
                    gone = True
                if gone:
                    s.close()
                    self.sockets.remove(s)
        return len(self.sockets)

    def leave(self):
        for s in self.sockets:
            s.close()
        self.sockets.clear()


# ---- descriptors ----


def open_files(relay):
    return len(os.listdir(f"/proc/{relay.child_pid()}/fd"))


def fill_files(relay, crowd, hundredths):
    files = pressure(relay)["files"]
    crowd.grow(max(0, files["limit"] * hundredths // 100 - files["taken"]))


@pytest.mark.skipif(os.geteuid() != 0, reason="changes the limits of a process that hides itself")
def test_descriptors():
    """The limit is lowered under way, as a kernel may do it; a crowd comes, slowly at first and then all at once."""
    with Relay(settings=NO_RATE) as relay, contextlib.ExitStack() as stack:
        alice, bob = relay.new_account(), relay.new_account()
        pid = relay.child_pid()
        idler = stack.enter_context(relay.imap(bob))
        idler.ok("SELECT INBOX")
        tag = idler.idle()
        smtp = stack.enter_context(relay.smtp(alice))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (FILES, FILES))
        wait_until(lambda: pressure(relay)["files"]["limit"] < FILES - KEPT, 10, "the new limit")
        crowd = Crowd(relay.port(143))
        stack.callback(crowd.leave)

        fill_files(relay, crowd, 85)
        wait_level(relay, "files", 1)
        assert changes(relay, "files") == [1]
        strangers = [stack.enter_context(relay.imap()) for _ in range(3)]
        assert_no_new_account(strangers.pop())
        assert try_login(strangers.pop(), bob).status == b"OK"
        assert is_let_in(relay.port(993)) and is_let_in(relay.port(25), tls=False)

        crowd.grow(FILES)  # faster than anybody measures
        wait_level(relay, "files", 2)
        assert FILES * 3 // 4 < open_files(relay) <= FILES - KEPT + 5  # but for those of operators
        assert not is_let_in(relay.port(993)) and not is_let_in(relay.port(465)) and not is_let_in(relay.port(443))
        assert last_words(relay.port(25)).startswith(b"421 4.3.2 ")
        assert last_words(relay.port(143)).startswith(b"* BYE [UNAVAILABLE] ")
        assert last_words(relay.port(80)).startswith(b"HTTP/1.1 503 ")
        assert_no_new_account(strangers.pop())
        taken = []
        for size in (1200, 300_000):  # in the database, and as a file of its own
            message_id, code = send_here(smtp, alice, bob, size)
            assert code == 250
            taken.append(message_id)
        assert idler.wait_exists(2) == 2
        idler.done(tag)
        assert sorted(idler.message_ids().values()) == sorted(taken)

        crowd.leave()
        wait_calm(relay)
        assert is_let_in(relay.port(993)) and is_let_in(relay.port(25), tls=False)
        carol = relay.new_account()
        message_id, code = send_here(smtp, alice, carol)
        assert code == 250
        wait_message(relay, carol, message_id)
        assert relay.child_pid() == pid and changes(relay, "files")[:2] == [1, 2]
        assert "listener.pauses" not in relay.log()


# ---- memory ----

# The start of a client hello that does not end: memory for TLS, and no work.
HALF_A_HELLO = bytes.fromhex("1603010200010001fc0303") + b"x" * 300


def new_control_group():
    """With the limit; of version 1 or 2, whichever has the memory here (cgroups(7))."""
    top, limit = CGROUPS / "memory", "memory.limit_in_bytes"
    if not top.exists():
        top, limit = CGROUPS, "memory.max"
        (top / "cgroup.subtree_control").write_text("+memory")
    group = top / f"martlet-test-{os.getpid()}"
    group.mkdir()
    (group / limit).write_text(f"{MEMORY_MB}M")
    return group


@contextlib.contextmanager
def memory_limit():
    """(settings, what to run in the relay before it begins): a control group where one can be made."""
    try:
        group = new_control_group()
    except OSError:
        yield {"max_memory": f"{MEMORY_MB}M"}, None
        return

    def enter():
        (group / "cgroup.procs").write_text("0")

    try:
        yield {}, enter
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(), 10, "the end of what was in the control group")
        group.rmdir()


@pytest.mark.limit(120)
def test_memory():
    with memory_limit() as (settings, preexec):
        settings = {**NO_RATE, **settings, "max_imap_connections": "100000"}
        with Relay(settings=settings, binary=release_binary_path(), preexec=preexec) as relay:
            starve(relay, "max_memory" if preexec is None else "cgroup")


def when_taken(relay, crowd):
    """The memory, when the relay has taken the whole crowd in or takes no more, and has measured since."""

    def look():
        found = pressure(relay)
        is_in = found["files"]["taken"] >= crowd.size()
        return found["memory"] if is_in or found["memory"]["level"] > 1 else None

    return wait_until(look, 60, "the crowd within")


def starve(relay, limited_by):
    with contextlib.ExitStack() as stack:
        alice, bob = relay.new_account(), relay.new_account()
        pid = relay.child_pid()
        senders = [Sender(relay, alice, [bob.address]) for _ in range(2)]
        reader = Reader(relay, bob)
        for thread in (*senders, reader):
            thread.start()
        wait_until(lambda: reader.seen, 20, "mail that arrives")
        crowd = Crowd(relay.port(993), HALF_A_HELLO)
        stack.callback(crowd.leave)
        strangers = []
        while (memory := when_taken(relay, crowd))["level"] < 2:
            assert memory["limit"] == MEMORY_MB << 20
            if memory["level"] == 1 and not strangers:
                strangers = [stack.enter_context(relay.imap()) for _ in range(3)]
                assert_no_new_account(strangers.pop())
                assert is_let_in(relay.port(993))
            assert len(crowd.sockets) < 15_000, memory
            crowd.grow(200 if memory["taken"] < memory["limit"] // 2 else 50 if memory["level"] == 0 else 25)
        assert strangers, "no level was between"
        assert f"MB of memory are taken ({limited_by})" in relay.log()
        assert not is_let_in(relay.port(993)) and not is_let_in(relay.port(465))
        assert last_words(relay.port(25)).startswith(b"421 4.3.2 ")
        assert_no_new_account(strangers.pop())
        assert try_login(strangers.pop(), bob).status == b"OK"
        before = sum(len(s.taken) for s in senders)
        wait_until(lambda: sum(len(s.taken) for s in senders) > before + 10, 20, "mail of those who are in")

        crowd.leave()
        wait_calm(relay, 40)
        relay.new_account()
        for s in senders:
            s.finish()
        reader.finish()
        seen = {**reader.seen, **mailbox(relay, bob)}
        assert_exactly_once([m for s in senders for m in s.taken], seen.values(), "INBOX")
        assert not reader.doubled and relay.child_pid() == pid
        assert all(code in (450, 451, 452) for s in senders for code, _ in s.unexpected)


@pytest.mark.limit(120)
def test_a_crowd_at_once():
    """Faster than anybody measures: the relay is not killed, and has its doors shut before the first login."""
    with memory_limit() as (settings, preexec):
        settings = {**NO_RATE, **settings, "max_imap_connections": "100000"}
        with Relay(settings=settings, binary=release_binary_path(), preexec=preexec) as relay:
            pid = relay.child_pid()
            account = relay.new_account()
            crowd = Crowd(relay.port(993), HALF_A_HELLO)
            try:
                crowd.grow(4000)
                wait_level(relay, "memory", 2)
            finally:
                crowd.leave()
            wait_calm(relay, 40)
            relay.imap(account).close()
            relay.new_account()
            assert relay.child_pid() == pid
