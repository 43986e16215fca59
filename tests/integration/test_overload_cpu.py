# SPDX-License-Identifier: MIT
"""All CPU is taken by others, and a crowd wants the rest: work waits, so accounts are refused first, and then what it
takes. Mail is delivered or deferred, nobody is killed, and when it is over all goes on.
"""
import contextlib
import os
import subprocess
import sys
import threading

import pytest
import wire
from ledger import Reader, Sender, assert_exactly_once, mailbox
from pressure import account_again, assert_no_new_account, changes, wait_calm, wait_level
from relay import NO_RATE, Relay, release_binary_path, wait_until

HOGS = 4
HOG = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


class Visitors(threading.Thread):
    """Comes, shakes hands at length and goes."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping = port, threading.Event()

    def run(self):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, wire.Closed):
                wire.Connection(self.port, timeout=10).close()

    def finish(self):
        self.stopping.set()
        self.join(30)


@contextlib.contextmanager
def taken(core):
    """Somebody else computes on the core."""
    command = [sys.executable, "-c", HOG]
    hogs = [subprocess.Popen(command, preexec_fn=lambda: os.sched_setaffinity(0, {core})) for _ in range(HOGS)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


@contextlib.contextmanager
def crowd(port, n):
    visitors = [Visitors(port) for _ in range(n)]
    for v in visitors:
        v.start()
    try:
        yield
    finally:
        for v in visitors:
            v.stopping.set()
        for v in visitors:
            v.finish()


@pytest.mark.limit(120)
def test_cpu():
    core = min(os.sched_getaffinity(0))

    def be_modest():
        os.sched_setaffinity(0, {core})
        os.nice(10)

    settings = {**NO_RATE, "busy_after_ms": "50"}
    with Relay(settings=settings, binary=release_binary_path(), preexec=be_modest) as relay, contextlib.ExitStack() as s:
        wait_calm(relay)  # the start itself was work
        alice, bob = account_again(relay), account_again(relay)
        pid = relay.child_pid()
        senders = [Sender(relay, alice, [bob.address]) for _ in range(2)]
        reader = Reader(relay, bob)
        for thread in (*senders, reader):
            thread.start()
        wait_until(lambda: reader.seen, 20, "mail that arrives")
        stranger = s.enter_context(relay.imap(timeout=60))
        with taken(core), crowd(relay.port(993), 16):
            wait_level(relay, "load", 1, timeout=40)
            assert_no_new_account(stranger)
            before = sum(len(sender.taken) + sender.again for sender in senders)
            wait_until(
                lambda: sum(len(sender.taken) + sender.again for sender in senders) > before, 40, "mail, or its refusal"
            )
        wait_calm(relay)
        assert changes(relay, "load")[-1] == 0
        account_again(relay)
        for sender in senders:
            sender.finish()
        reader.finish()
        seen = {**reader.seen, **mailbox(relay, bob)}
        assert_exactly_once([m for sender in senders for m in sender.taken], seen.values(), "INBOX")
        assert all(code == 451 for sender in senders for code, _ in sender.unexpected)
        assert not reader.doubled and relay.child_pid() == pid
