# SPDX-License-Identifier: MIT
"""No room at the receiver's: a mailbox over its quota bounces, a disk without room defers, and nothing is lost or
doubled.
"""
import contextlib
import pathlib
import socket
import sys
import tempfile

import mail
import pytest
from internet import received, send, transports_used, wait_log
from lab import LabRelay
from lab_site import queue_command
from pressure import try_login
from relay import Account, wait_until
from timelimit import GUARD, PATIENCE

HERE = pathlib.Path(__file__).resolve().parent
# Octets of the encrypted part: the first nearly fills a mailbox of a megabyte, the second has no room beside it.
BIG, SMALL = 700_000, 200_000
DISK_MB = 24


class Disk:
    """The state directory of a relay as a small file system of its own (see small_disk.py)."""

    def __init__(self, relay):
        # Not below the state directory, which is mounted over; short enough for the address of a socket.
        self.folder = tempfile.TemporaryDirectory(prefix="martlet-disk-")
        self.control = pathlib.Path(self.folder.name) / "control"
        relay.wrapper = ["unshare", "-m", sys.executable, HERE / "small_disk.py", relay.state, str(DISK_MB), self.control]

    def tell(self, word):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(GUARD * PATIENCE)
            if word != "end":
                wait_until(self.control.exists, GUARD, "the helper of the disk")
            s.connect(str(self.control))
            s.sendall(word.encode())
            s.shutdown(socket.SHUT_WR)
            return s.recv(100).decode()

    def close(self):
        with contextlib.suppress(OSError):
            self.tell("end")
        self.folder.cleanup()


@pytest.fixture(scope="module")
def cramped(internet):
    """A relay with mailboxes of one megabyte, on a disk that can be filled."""
    lab = internet.lab
    host = lab.host("cramped", 61)
    lab.names_of(host, "cramped.test")
    lab.dns.publish()
    relay = LabRelay(lab, host, "cramped.test", {"max_mailbox_size": "1M", "min_free_disk_space": "0"})
    relay.disk = Disk(relay)
    try:
        relay.start()
        # The file system is the relay's alone; through its root it can be seen.
        relay.publish_keys(pathlib.Path(f"/proc/{relay.process.pid}/root{relay.state}"))
        lab.dns.publish()
        yield relay
        relay.stop()
    finally:
        relay.disk.close()
        if relay.process is not None:
            relay.kill()
        relay.remove()


@pytest.fixture(autouse=True)
def room_again(cramped):
    yield
    cramped.disk.tell("free")


def account_at(cramped):
    """As soon as some are made again: what the disk has left is looked at once a second."""

    def try_once():
        account = Account.invent(cramped.mail_domain)
        with cramped.imap() as imap:
            return account if try_login(imap, account).status == b"OK" else None

    return wait_until(try_once, GUARD, "new accounts")


@pytest.fixture
def here(internet):
    """Remembers nothing of earlier attempts."""
    relay = internet["a"]
    relay.stop()
    relay.start()
    return relay


def count(relay, account):
    with relay.imap(account) as imap:
        imap.ok("SELECT INBOX")
        return len(imap.uids())


@pytest.mark.parametrize("blocked", [(25,), (443,)], ids=["https", "smtp"])
def test_full_mailbox_bounces(here, cramped, blocked):
    """552 for the full one alone: a neighbour in the same transaction gets the message, and there is room again after
    something was deleted."""
    alice, bob, carol = here.new_account(), account_at(cramped), account_at(cramped)
    here.host.block(*blocked)
    big = mail.encrypted(alice.address, size=BIG)
    received(cramped, bob, send(here, alice, [bob.address], big))
    message = mail.encrypted(alice.address, size=SMALL)
    message_id = send(here, alice, [bob.address, carol.address], message)
    received(cramped, carol, message_id)
    here.host.unblock()  # the report comes back by any way
    report = received(here, alice, message_id)
    assert b"Status: 5.2.2" in report and b"Quota exceeded" in report, report
    assert bob.address.encode() in report and carol.address.encode() not in report
    assert (count(cramped, bob), count(cramped, carol)) == (1, 1)
    with cramped.imap(bob) as imap:
        imap.ok("SELECT INBOX")
        imap.ok("UID STORE 1:* +FLAGS (\\Deleted)")
        imap.ok("EXPUNGE")
    received(cramped, bob, send(here, alice, [bob.address], mail.encrypted(alice.address, size=SMALL)))
    assert count(cramped, bob) == 1


def test_full_mailbox_of_the_only_recipient(here, cramped):
    """The refusal itself comes back as the sender's own relay reports it."""
    alice, bob = here.new_account(), account_at(cramped)
    here.host.block(443)
    received(cramped, bob, send(here, alice, [bob.address], mail.encrypted(alice.address, size=BIG)))
    message_id = send(here, alice, [bob.address], mail.encrypted(alice.address, size=SMALL))
    report = received(here, alice, message_id)
    assert b"552 5.2.2" in report and f"MAILER-DAEMON@{here.domain}".lower().encode() in report.lower()
    assert count(cramped, bob) == 1


@pytest.mark.parametrize("way", ["HTTPS", "SMTP"])
def test_full_disk_defers(here, cramped, way):
    """Nothing is acknowledged that there is no room for; with room again all of it arrives, once."""
    alice, bob = here.new_account(), account_at(cramped)
    here.host.block(443 if way == "SMTP" else 25)
    received(cramped, bob, send(here, alice, [bob.address]))
    assert cramped.disk.tell("fill") == "filled"
    mark = len(here.log())
    sent = [send(here, alice, [bob.address], mail.encrypted(alice.address, size=80_000)) for _ in range(4)]
    if way == "SMTP":  # an answer for this letter
        wait_log(here, r"queue\.answered .* deferred=1 failed=0", mark)
        wait_until(lambda: "452 4.3.1" in queue_command(here, "list"), GUARD, "the reason in the list")
    else:  # after HTTPS the other way is tried, and is closed
        wait_log(here, r"queue\.attempt .* transport=HTTPS error=.*452 4\.3\.1", mark)
    there = count(cramped, bob)  # what fitted into room that was already the store's own
    assert there < 1 + len(sent)
    assert cramped.disk.tell("free") == "freed"
    for message_id in sent:
        received(cramped, bob, message_id)
    assert count(cramped, bob) == 1 + len(sent)
    wait_until(lambda: transports_used(here, mark), GUARD, "an answer")
    assert set(transports_used(here, mark)) == {way}


def test_full_disk_sends(here, cramped):
    """What was accepted before the disk was full goes out, and so makes room."""
    alice, bob = account_at(cramped), here.new_account()
    cramped.host.block(25, 443)
    mark = len(cramped.log())
    message_id = send(cramped, alice, [bob.address], mail.encrypted(alice.address, size=80_000))
    wait_log(cramped, r"queue\.deferred", mark)
    assert cramped.disk.tell("fill") == "filled"
    wait_log(cramped, r"pressure\.rises cause=disk level=3", mark)
    cramped.host.unblock()
    received(here, bob, message_id)
    assert cramped.disk.tell("free") == "freed"
    wait_log(cramped, r"pressure\.falls cause=disk level=0", mark)
    assert count(here, bob) == 1
