# SPDX-License-Identifier: MIT
"""A disk that fills up: first no new accounts, then no new messages (452), and to the last octet whatever frees space."""
import contextlib
import os
import pathlib

from ledger import assert_exactly_once, mailbox
from pressure import account_again, assert_no_new_account, changes, is_let_in, send_here, wait_calm, wait_level
from relay import NO_RATE, wait_until
from test_operation import small_disk

MIB = 1 << 20
DISK_MB = 64  # of which the last 4 are kept for what removes messages


class Filler:
    """Takes space beside the relay, seen through its root: the file system is in its mount namespace alone."""

    def __init__(self, relay):
        self.folder = pathlib.Path(f"/proc/{relay.process.pid}/root{relay.state}")
        self.path = self.folder / "filler"

    def free(self):
        fs = os.statvfs(self.folder)
        return fs.f_bavail * fs.f_frsize

    def leave(self, octets):
        """Fills up until so much is left, to the page."""
        with open(self.path, "ab", buffering=0) as f:
            with contextlib.suppress(OSError):
                while (more := self.free() - octets) > 0:
                    f.write(b"\1" * min(more, MIB))

    def go(self):
        self.path.unlink()


def delete_all(imap):
    imap.ok("SELECT INBOX")
    imap.ok("UID STORE 1:* +FLAGS (\\Deleted)")
    imap.ok("CLOSE")


def refuse_all(relay, smtp, alice, bob):
    """452 at the first word of a message, whatever its size; by every door."""
    for size in (1200, 300_000):
        assert send_here(smtp, alice, bob, size)[1] == 452
    status, _, body = relay.request("/mxdeliv", "POST", headers={"X-MAIL-FROM": "a@b.c", "X-MAIL-TO": bob.address})
    assert status == 503 and body.startswith(b"452 4.3.1 ")


def test_disk():
    with small_disk({**NO_RATE, "min_free_disk_space": "16M"}, DISK_MB) as (relay, _), contextlib.ExitStack() as stack:
        alice, bob, carol = (relay.new_account() for _ in range(3))
        pid = relay.child_pid()
        smtp = stack.enter_context(relay.smtp(alice, timeout=60))
        filler = Filler(relay)
        taken = {bob: [], carol: []}

        def take(receiver, size=1200):
            message_id, code = send_here(smtp, alice, receiver, size)
            assert code == 250
            taken[receiver].append(message_id)

        for _ in range(8):
            take(carol, 500_000)
            take(bob)

        filler.leave(12 * MIB)
        wait_level(relay, "disk", 1)
        with relay.imap() as stranger:
            assert_no_new_account(stranger)
        assert relay.request("/new", "POST")[0] == 503
        take(bob)

        filler.leave(3 * MIB)
        wait_level(relay, "disk", 3)
        assert changes(relay, "disk") == [1, 3]
        refuse_all(relay, smtp, alice, bob)
        assert is_let_in(relay.port(993)), "who comes to delete must get in"

        filler.leave(0)  # somebody else takes what the relay had kept; it has a reserve
        wait_until(lambda: "disk.reserve_used" in relay.log(), 10, "the use of the reserve")
        with relay.imap(carol) as imap:
            delete_all(imap)
            imap.ok("SELECT INBOX")
            assert imap.uids() == []
        # 4 MB of files are gone, and that is room enough: mail is taken without anybody's help.
        wait_until(lambda: filler.free() > 3 * MIB, 10, "the space of what was deleted")
        filler.go()
        wait_calm(relay)
        account_again(relay)
        take(bob, 300_000)
        take(carol)
        assert relay.child_pid() == pid
        assert_exactly_once(taken[bob], mailbox(relay, bob).values(), "the mailbox that kept all")
        assert list(mailbox(relay, carol).values()) == taken[carol][-1:]
