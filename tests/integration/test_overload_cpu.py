# SPDX-License-Identifier: MIT
"""All CPU is taken by others, and a crowd wants the rest: work waits, so accounts are refused first, and then what it
takes. Mail is delivered or deferred, nobody is killed, and when it is over all goes on.
"""
import contextlib
import os
import subprocess
import sys
import threading

import wire
from ledger import Reader, Sender, assert_exactly_once, mailbox
from pressure import LATER, account_again, changes, try_login, wait_calm
from relay import NO_RATE, Account, Relay, release_binary_path, wait_until
from timelimit import GUARD, PATIENCE

# So many of each that the relay has a thirtieth of a core, whatever else this machine does: far from what it has without
# them. They end with the test, however long it takes.
HOGS, VISITORS = 30, 48
BUSY_MS = 200
HOG = "import os\ntest = os.getppid()\nwhile os.getppid() == test: sum(range(100000))"


class Visitors(threading.Thread):
    """Comes, shakes hands at length and goes."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopping = port, threading.Event()

    def run(self):
        while not self.stopping.is_set():
            with contextlib.suppress(OSError, wire.Closed):
                wire.Connection(self.port).close()

    def finish(self):
        self.stopping.set()
        self.join(GUARD * PATIENCE)


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


def is_refused(relay, strangers):
    """Whether the level is such that no account is made. It has its ups and downs: on the way one may still be."""
    for stranger in strangers:
        stranger.ok("NOOP")  # who is silent for a minute is sent away
    if changes(relay, "load")[-1:] < [1]:
        return False
    reply = try_login(strangers.pop(), Account.invent())
    assert reply.status == b"OK" or LATER in reply.text and b"uthentication" not in reply.text, reply
    return reply.status == b"NO"


def test_cpu():
    core = min(os.sched_getaffinity(0))

    def stay():
        os.sched_setaffinity(0, {core})

    settings = {**NO_RATE, "busy_after_ms": str(BUSY_MS)}
    with Relay(settings=settings, binary=release_binary_path(), preexec=stay) as relay:
        wait_calm(relay)  # the start itself was work
        alice, bob = account_again(relay), account_again(relay)
        pid = relay.child_pid()
        senders = [Sender(relay, alice, [bob.address]) for _ in range(2)]
        reader = Reader(relay, bob)
        for thread in (*senders, reader):
            thread.start()
        wait_until(lambda: reader.seen, 20, "mail that arrives")
        with contextlib.ExitStack() as stack:
            strangers = [stack.enter_context(relay.imap()) for _ in range(20)]
            stack.enter_context(taken(core))
            stack.enter_context(crowd(relay.port(993), VISITORS))
            wait_until(lambda: is_refused(relay, strangers), 60, "the refusal of new accounts")
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
