# SPDX-License-Identifier: MIT
"""A disk with room that can hold no more files: many small files of others, or a file system made with few inodes. A
body of more than 64 KB is a file, and so is what the database makes beside itself."""
import contextlib
import os
import pathlib
import re
import time

import mail
import wire
from ledger import assert_exactly_once, mailbox
from pressure import account_again, assert_no_new_account, changes, is_let_in, send_here, status, wait_calm, wait_level
from relay import NO_RATE, wait_until
from test_operation import small_disk
from test_overload_disk import delete_all, refuse_all

DISK_MB, INODES = 64, 1000  # accounts stop with 50 of them left, messages with 10
LARGE = 100_000
INLINE = 64 * 1024  # what waits in memory before there is a file


class Filler:
    """Takes inodes beside the relay, seen through its root."""

    def __init__(self, relay):
        self.state = pathlib.Path(f"/proc/{relay.process.pid}/root{relay.state}")
        self.folder = self.state / "filler"
        self.folder.mkdir()
        self.n = 0

    def free(self):
        return os.statvfs(self.state).f_favail

    def leave(self, inodes):
        with contextlib.suppress(OSError):
            while self.free() > inodes:
                (self.folder / str(self.n)).touch()
                self.n += 1

    def go(self):
        for path in self.folder.iterdir():
            path.unlink()
        self.folder.rmdir()


def assert_told(relay, filler, what):
    """Once, and beside whatever else `martlet status` thinks of the machine."""
    sentences = [s for s in status(relay, filler.state)["attention"] if s.startswith("the disk")]
    assert len(sentences) == 1, sentences
    assert re.fullmatch(rf"the disk has room for \d+ more files: {what} are refused", sentences[0])


def begin_large(smtp, sender, receiver):
    """The first part of a message, for which no file is there yet: what is left of it."""
    message = wire.stuff(mail.encrypted(sender.address, mail.new_id(), size=3 * INLINE)) + b".\r\n"
    assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
    smtp.send(message[: INLINE // 2])
    return message[INLINE // 2 :]


def send_anew(relay, sender, receiver):
    """Over a session of its own: one that is refused too often is closed."""
    with relay.smtp(sender) as smtp:
        return send_here(smtp, sender, receiver)[1]


def test_no_inodes():
    size = f"{DISK_MB}:{INODES}"
    with small_disk({**NO_RATE, "min_free_disk_space": "0"}, size) as (relay, _), contextlib.ExitStack() as stack:
        alice, bob, carol = (relay.new_account() for _ in range(3))
        pid = relay.child_pid()
        smtp, caught = (stack.enter_context(relay.smtp(alice, timeout=60)) for _ in range(2))
        taken = {bob: [], carol: []}

        def take(receiver, size=1200):
            message_id, code = send_here(smtp, alice, receiver, size)
            assert code == 250
            taken[receiver].append(message_id)

        for _ in range(20):
            take(carol, LARGE)
        take(bob, LARGE)
        filler = Filler(relay)

        filler.leave(40)
        wait_level(relay, "disk", 1)
        assert "the disk has room for 40 more files" in relay.log()
        assert_told(relay, filler, "new accounts")
        with relay.imap() as stranger:
            assert_no_new_account(stranger)
        assert relay.request("/new", "POST")[0] == 503
        take(bob)
        take(bob, LARGE)

        rest = begin_large(caught, alice, bob)
        filler.leave(0)
        caught.send(rest)
        assert caught.reply()[0] == 452, "a file that could not be made"
        wait_level(relay, "disk", 3)
        assert changes(relay, "disk") == [1, 3]
        for _ in range(10):  # at each measurement, and there are five a second
            assert_told(relay, filler, "new accounts and messages")
            time.sleep(0.1)
        refuse_all(relay, smtp, alice, bob)
        assert is_let_in(relay.port(993)), "who comes to delete must get in"

        with relay.imap(carol) as imap:
            delete_all(imap)
            imap.ok("SELECT INBOX")
            assert imap.uids() == []
        # 20 files are gone, and that is room enough: mail is taken without anybody's help.
        wait_until(lambda: filler.free() >= 20, 30, "the inodes of what was deleted")
        wait_until(lambda: send_anew(relay, alice, carol) == 250, 30, "mail to be taken again")
        filler.go()
        wait_calm(relay)
        account_again(relay)
        take(bob, LARGE)
        taken[carol].clear()
        take(carol, LARGE)
        assert relay.child_pid() == pid and "disk.reserve_used" not in relay.log()
        assert_exactly_once(taken[bob], mailbox(relay, bob).values(), "the mailbox that kept all")
        assert list(mailbox(relay, carol).values())[-1:] == taken[carol]


def test_killed_without_inodes():
    """What the relay needs for a start it has: it comes up again, shows what it took, and takes no more."""
    with small_disk({**NO_RATE, "min_free_disk_space": "0"}, f"{DISK_MB}:{INODES}") as (relay, _):
        alice = relay.new_account()
        with relay.smtp(alice) as smtp:
            taken = [send_here(smtp, alice, alice, size)[0] for size in (1200, LARGE)]
        filler = Filler(relay)
        filler.leave(0)
        relay.kill_child()
        relay.wait_for_child()
        assert_exactly_once(taken, mailbox(relay, alice).values(), "the mailbox")
        wait_level(relay, "disk", 3)
        assert send_anew(relay, alice, alice) == 452
        filler.go()
        wait_calm(relay)
        with relay.smtp(alice) as smtp:
            message_id, code = send_here(smtp, alice, alice, LARGE)
        assert code == 250
        assert_exactly_once([*taken, message_id], mailbox(relay, alice).values(), "the mailbox")
