# SPDX-License-Identifier: MIT
"""What a thief of the disk would read: no message, no address but in the account rows, nothing that was deleted."""
import contextlib
import base64
import os
import pathlib
import secrets
import stat

import mail
from relay import NO_RATE, Relay, wait_until


def files_of(relay):
    return [p for p in relay.state.rglob("*") if p.is_file()]


def unnamed_files_of(relay):
    """Files that the relay has open and that have no name (O_TMPFILE, or unlinked), as /proc shows them."""
    if relay.process is None:
        return []
    folder = pathlib.Path(f"/proc/{relay.child_pid()}/fd")
    try:
        links = [(p, os.readlink(p)) for p in folder.iterdir()]
    except OSError:
        return []  # not root: the relay does not let others look
    return [p for p, target in links if target.startswith(str(relay.state)) and target.endswith("(deleted)")]


def find(relay, needle):
    """Names of the files that hold the octets."""
    return [p.name for p in files_of(relay) + unnamed_files_of(relay) if needle in octets_of(p)]


def octets_of(path):
    """b"" for a file that has gone since it was listed."""
    with contextlib.suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def marked_message(sender, size):
    """A message whose ciphertext and header hold markers that show if a body is stored as it is."""
    octets = secrets.token_bytes(48 * 4)
    payload = secrets.token_bytes(size // 2 // 48 * 48) + octets + secrets.token_bytes(size // 2)
    message_id = mail.new_id()
    message = mail.encrypted(sender.address, message_id, octets=mail.encrypted_octets(payload=payload))
    line = max(message.partition(b"BEGIN PGP MESSAGE")[2].split(b"\r\n"), key=len)
    assert message.count(line) == 1
    markers = [
        line,
        line[3:43],
        message_id.encode(),
        octets,
        base64.b64decode(line)[:40],
        b"BEGIN PGP",
        b"multipart/encrypted",
    ]
    return message, markers


def test_nothing_in_clear_on_disk():
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        markers = []
        with relay.smtp(sender) as smtp:
            for size in (1000, 20_000, 60_000, 90_000, 1_500_000):
                message, some = marked_message(sender, size)
                markers += some
                assert smtp.send_message(sender.address, [receiver.address], message)[0] == 250
            # One that is still arriving, and large enough to be on disk already.
            message, some = marked_message(sender, 3_000_000)
            markers += some
            assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
            smtp.send(message[: len(message) * 3 // 4])
            # And one that was appended over IMAP.
            with relay.imap(receiver) as imap:
                appended, some = marked_message(receiver, 5000)
                markers += some
                assert imap.append("INBOX", appended).status == b"OK"
                found = {m: find(relay, m) for m in markers}
        assert not any(found.values()), {k[:30]: v for k, v in found.items() if v}
        relay.kill()
        found = {m: find(relay, m) for m in markers}
        assert not any(found.values()), {k[:30]: v for k, v in found.items() if v}
        relay.start()  # and it recovers from there


def test_passwords_and_tokens_are_not_in_clear():
    with Relay(settings=NO_RATE) as relay:
        account = relay.new_account()
        assert find(relay, account.password.encode()) == []


def test_refused_mail_leaves_nothing():
    """Also while it arrives: a large clear text message that is refused at its end was never readable on disk."""
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        before = {p.name for p in files_of(relay)}
        secret = secrets.token_hex(20)
        message = mail.plain(sender.address, receiver.address, (secret + "\r\n") * 20_000)
        with relay.smtp(sender) as smtp:
            assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
            smtp.send(message[:500_000])
            assert find(relay, secret.encode()) == []
            smtp.send(message[500_000:] + b".\r\n")
            assert smtp.reply()[0] == 523
        assert find(relay, secret.encode()) == []
        allowed = before | {"martlet.db-wal", "martlet.db-shm"}
        wait_until(lambda: {p.name for p in files_of(relay)} <= allowed, 60, "the end of its file")


def test_addresses_stand_in_the_account_rows_alone():
    """Who wrote to whom stands nowhere: after a conversation an address is on disk as often as before it."""
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        relay.stop()
        before = {p.name: p.read_bytes().count(receiver.address.encode()) for p in files_of(relay)}
        assert sum(before.values()) >= 1
        relay.start()
        for size in (1000, 200_000):
            with relay.smtp(sender) as smtp:
                assert (
                    smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address, size=size))[0]
                    == 250
                )
        relay.stop()
        for account in (sender, receiver):
            counts = {p.name: p.read_bytes().count(account.address.encode()) for p in files_of(relay)}
            assert sum(counts.values()) <= sum(before.values()), counts


def test_deleted_bodies_are_gone():
    """The file of a large body goes with its last entry."""
    with Relay(settings=NO_RATE) as relay:
        sender, one, two = (relay.new_account() for _ in range(3))
        before = {p.name for p in files_of(relay)}
        with relay.smtp(sender) as smtp:
            message = mail.encrypted(sender.address, size=400_000)
            assert smtp.send_message(sender.address, [one.address, two.address], message)[0] == 250
        large = {p.name for p in files_of(relay)} - before
        assert large, "a large body has a file"
        for account in (one, two):
            with relay.imap(account) as imap:
                imap.ok("SELECT INBOX")
                assert len(imap.fetch()[1]) > 400_000
                imap.ok("UID STORE 1 +FLAGS (\\Deleted)")
                imap.ok("CLOSE")
                imap.ok("NOOP")
        relay.stop()
        left = {p.name for p in files_of(relay)}
        assert not large & left, large & left


def test_modes_of_files():
    """Nobody but the relay's user may look into the state directory."""
    with Relay(settings=NO_RATE) as relay:
        relay.new_account()
        for path in files_of(relay):
            mode = stat.S_IMODE(path.stat().st_mode)
            assert mode & 0o077 == 0 or "cert" in path.name or path.suffix == ".crt", (path.name, oct(mode))
