# SPDX-License-Identifier: MIT
"""IMAP as clients and test suites use it: selection, fetching, flags, folders, quota."""
import re

import mail
import pytest
import relay as relay_module
import wire


def test_select_has_all_that_clients_need(relay, receiver, deliver):
    deliver(receiver)
    with relay.imap(receiver) as imap:
        reply = imap.ok('SELECT "INBOX"')
        assert reply.text.startswith(b"[READ-WRITE]")
        for pattern in (
            rb"^\* FLAGS \(",
            rb"^\* 1 EXISTS",
            rb"^\* \d+ RECENT",
            rb"^\* OK \[UIDVALIDITY [1-9]\d*\]",
            rb"^\* OK \[UIDNEXT 2\]",
            rb"^\* OK \[PERMANENTFLAGS \(",
        ):
            assert reply.find(pattern), pattern
        assert imap.ok('EXAMINE "INBOX"').text.startswith(b"[READ-ONLY]")


FIELDS = (
    "MESSAGE-ID DATE X-MICROSOFT-ORIGINAL-MESSAGE-ID FROM CONTENT-TYPE SECURE-JOIN CHAT-VERSION CHAT-IS-POST-MESSAGE "
    "AUTOCRYPT-SETUP-MESSAGE"
)


def test_prefetch(relay, receiver, deliver):
    message = deliver(receiver)
    with relay.imap(receiver) as imap:
        imap.ok('SELECT "INBOX"')
        reply = imap.ok(f"UID FETCH 1:500 (UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({FIELDS})])")
        assert len(reply.untagged) == 1
        line = reply.untagged[0]
        assert re.search(rb"UID 1\b", line)
        size = int(re.search(rb"RFC822\.SIZE (\d+)", line).group(1))
        assert f"BODY[HEADER.FIELDS ({FIELDS})] {{".encode() in line
        header = imap.fetch("1:500", f"BODY.PEEK[HEADER.FIELDS ({FIELDS})]")[1]
        names = {name.lower() for name, _ in mail.parse_header(header) if name}
        assert names == {"message-id", "date", "from", "content-type", "chat-version"}
        assert header.endswith(b"\r\n\r\n")
        body = imap.fetch("1", "FLAGS BODY.PEEK[]")[1]
        assert len(body) == size
        assert mail.body_of(body) == mail.body_of(message)
        assert imap.ok("UID FETCH 2:501 (UID RFC822.SIZE)").untagged == []
        assert imap.ok("UID FETCH 2:* (UID)").find(rb"UID 1"), "* is the last message (RFC 3501 6.4.8)"


def test_empty_mailbox(relay, receiver):
    with relay.imap(receiver) as imap:
        reply = imap.ok('SELECT "INBOX"')
        assert reply.find(rb"UIDNEXT 1\]") and reply.find(rb"^\* 0 EXISTS")
        assert imap.ok("UID FETCH 1:500 (UID RFC822.SIZE)").untagged == []
        assert imap.uids() == []


def test_delete_as_clients_do(relay, receiver, deliver):
    """STORE \\Deleted, CLOSE, SELECT: gone, without EXPUNGE lines, and UIDNEXT does not go back."""
    for _ in range(3):
        deliver(receiver)
    with relay.imap(receiver) as imap:
        first = imap.ok('SELECT "INBOX"')
        reply = imap.ok("UID STORE 1:2 +FLAGS (\\Deleted)")
        assert reply.find(rb"\* 1 FETCH \(.*\\Deleted") and reply.find(rb"\* 2 FETCH")
        assert imap.ok("CLOSE").untagged == []
        again = imap.ok('SELECT "INBOX"')
        assert again.find(rb"^\* 1 EXISTS") and again.find(rb"UIDNEXT 4\]")
        assert again.find(rb"UIDVALIDITY (\d+)").group(1) == first.find(rb"UIDVALIDITY (\d+)").group(1)
        assert list(imap.fetch()) == [3]


def test_uids_outlive_everything(receiver_relay):
    """UIDs and UIDVALIDITY survive an emptied mailbox and a restart."""
    relay, receiver, send = receiver_relay
    send(receiver)
    send(receiver)
    with relay.imap(receiver) as imap:
        before = imap.ok("SELECT INBOX")
        imap.ok("UID STORE 1:* +FLAGS (\\Deleted)")
        assert len(imap.ok("EXPUNGE").untagged) == 2
    relay.stop()
    relay.start()
    send(receiver)
    with relay.imap(receiver) as imap:
        after = imap.ok("SELECT INBOX")
        assert after.find(rb"UIDVALIDITY (\d+)").group(1) == before.find(rb"UIDVALIDITY (\d+)").group(1)
        assert list(imap.fetch()) == [3]


@pytest.fixture
def receiver_relay():
    with relay_module.Relay(settings=relay_module.NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()

        def send(account):
            with relay.smtp(sender) as smtp:
                assert smtp.send_message(sender.address, [account.address], mail.encrypted(sender.address))[0] == 250

        yield relay, receiver, send


def test_quota(relay, sender, receiver, deliver):
    with relay.imap(receiver) as imap:
        reply = imap.ok('GETQUOTAROOT "INBOX"')
        assert reply.find(rb'^\* QUOTAROOT "?INBOX"? "User quota"')
        used, limit = map(int, reply.find(rb'^\* QUOTA "User quota" \(STORAGE (\d+) (\d+)\)').groups())
        assert limit == 500 * 1024 and used == 0
        deliver(receiver, mail.encrypted(sender.address, size=500_000))
        used = int(imap.ok('GETQUOTAROOT "INBOX"').find(rb"STORAGE (\d+)").group(1))
        assert 600 <= used <= 750


def test_append_copy_move_and_folders(relay, receiver):
    message = mail.encrypted(receiver.address)
    with relay.imap(receiver) as imap:
        imap.ok("CREATE DeltaChat")
        reply = imap.append("DeltaChat", message, "(\\Seen $Label) ")
        assert reply.status == b"OK" and reply.text.startswith(b"[APPENDUID ")
        assert imap.ok('LIST "" "*"').find(rb'\* LIST \([^)]*\) "/" "?DeltaChat"?')
        imap.ok("SELECT DeltaChat")
        assert imap.fetch()[1] == message
        flags = imap.ok("UID FETCH 1 (FLAGS)").untagged[0]
        assert b"\\Seen" in flags and b"$Label" in flags
        assert imap.ok("UID COPY 1 INBOX").text.startswith(b"[COPYUID ")
        reply = imap.ok("UID MOVE 1 INBOX")
        assert reply.find(rb"COPYUID") or b"COPYUID" in reply.text
        assert reply.find(rb"^\* 1 EXPUNGE")
        assert len(imap.wait_messages(2)) == 2
        assert imap.ok("STATUS DeltaChat (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)").find(rb"MESSAGES 0\b")
        assert imap.command("UID COPY 1 Nowhere").text.startswith(b"[TRYCREATE]")
        imap.ok("DELETE DeltaChat")
        assert not imap.ok('LIST "" "*"').find(rb"DeltaChat")
        assert imap.command("DELETE INBOX").status == b"NO"


def test_search_and_noop(relay, receiver, deliver):
    deliver(receiver)
    deliver(receiver)
    with relay.imap(receiver) as imap, relay.imap(receiver) as other:
        imap.ok("SELECT INBOX")
        other.ok("SELECT INBOX")
        imap.ok("UID STORE 1 +FLAGS (\\Seen)")
        assert imap.ok("UID SEARCH UNSEEN").untagged == [b"* SEARCH 2"]
        assert imap.ok("SEARCH SEEN").untagged == [b"* SEARCH 1"]
        assert other.ok("NOOP").find(rb"\* 1 FETCH \(.*\\Seen")
        imap.ok("UID STORE 1 +FLAGS (\\Deleted)")
        imap.ok("UID EXPUNGE 1")
        assert other.ok("NOOP").find(rb"^\* 1 EXPUNGE")
        assert imap.ok("LOGOUT").find(rb"^\* BYE")
        with pytest.raises(wire.Closed):
            imap.read_line()


def test_body_parts(relay, receiver, deliver):
    message = deliver(receiver)
    with relay.imap(receiver) as imap:
        imap.ok("SELECT INBOX")
        head, body = imap.fetch("1", "BODY.PEEK[HEADER]")[1], imap.fetch("1", "BODY.PEEK[TEXT]")[1]
        assert head + body == imap.fetch("1", "BODY.PEEK[]")[1]
        assert body == mail.body_of(message)
        assert imap.fetch("1", "BODY.PEEK[]<10.20>")[1] == (head + body)[10:30]
        assert b"\\Seen" not in imap.ok("UID FETCH 1 (FLAGS)").untagged[0]
        imap.fetch("1", "BODY[]")
        assert b"\\Seen" in imap.ok("UID FETCH 1 (FLAGS)").untagged[0]


def test_bad_commands_do_not_end_the_session(relay, receiver):
    with relay.imap(receiver) as imap:
        for line in (
            "NONSENSE",
            "UID FETCH",
            "UID FETCH x (UID)",
            "SELECT",
            "FETCH 1 (UID)",
            'SELECT "unclosed',
            "STORE 1",
        ):
            assert imap.command(line).status in (b"BAD", b"NO"), line
        assert imap.command("SELECT Nowhere").status == b"NO"
        imap.ok("SELECT INBOX")


def test_many_messages_in_one_fetch(relay, receiver, sender):
    with relay.smtp(sender) as smtp:
        for _ in range(300):
            assert smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))[0] == 250
    with relay.imap(receiver) as imap:
        imap.ok("SELECT INBOX")
        assert sorted(imap.fetch("1:500", "RFC822.SIZE BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")) == list(range(1, 301))
        assert len(imap.fetch()) == 300
        imap.ok("UID STORE " + ",".join(str(n) for n in range(1, 301, 2)) + " +FLAGS (\\Deleted)")
        imap.ok("CLOSE")
        imap.ok("SELECT INBOX")
        assert imap.uids() == list(range(2, 301, 2))


def assert_told(log, level):
    told = [line for line in log.splitlines() if " imap.fetch " in line]
    assert len(told) == 1 and f"{level} imap.fetch " in told[0], told


def test_deleted_while_it_is_sent(relay, sender, receiver, deliver):
    """What was announced cannot be completed, and the next octets must not be taken for the rest."""
    size = 20_000_000  # more than the kernel takes of it while nobody reads
    deliver(receiver, mail.encrypted(sender.address, size=size))
    before = len(relay.log())
    with relay.imap(receiver) as slow, relay.imap(receiver) as other:
        slow.ok("SELECT INBOX")
        slow.begin("UID FETCH 1 BODY.PEEK[]")
        announced = int(re.search(rb"\{(\d+)\}$", slow.read_line()).group(1))
        other.ok("SELECT INBOX")
        other.ok(r"UID STORE 1 +FLAGS.SILENT (\Deleted)")
        other.ok("EXPUNGE")
        assert announced > size and len(slow.read_to_end()) < announced
        assert other.uids() == []
    assert_told(relay.log()[before:], "info")


def test_a_body_that_is_lost():
    """As from a backup without the bodies: whoever runs the relay must hear of it."""
    with relay_module.Relay() as relay:
        account = relay.new_account()
        with relay.smtp(account) as smtp:  # so large that it has a file of its own
            message = mail.encrypted(account.address, size=100_000)
            assert smtp.send_message(account.address, [account.address], message)[0] == 250
        next(path for path in (relay.state / "bodies").rglob("*") if path.is_file()).unlink()
        with relay.imap(account) as imap:
            imap.ok("SELECT INBOX")
            imap.send(b"x FETCH 1 BODY.PEEK[]\r\n")
            assert b"x OK" not in imap.read_to_end()
        assert_told(relay.log(), "error")
