# SPDX-License-Identifier: MIT
"""IDLE (RFC 2177): the one thing that a relay must get right for a message to be shown at once."""
import threading
import time

import mail


def test_wakes_at_once(relay, receiver, deliver):
    with relay.imap(receiver) as imap:
        imap.ok("SELECT INBOX")
        tag = imap.idle()
        for n in (1, 2, 3):
            deliver(receiver)
            assert imap.read_line() == f"* {n} EXISTS".encode()
        assert imap.done(tag).status == b"OK"


def test_exists_comes_with_the_reply_to_data(relay, receiver, sender):
    """EXISTS to an idling session is there when the sender has its 250, or at most a moment later. A machine that has
    other work holds up one or another; the relay would hold up each."""
    waits = []
    with relay.imap(receiver) as imap, relay.smtp(sender) as smtp:
        imap.ok("SELECT INBOX")
        tag = imap.idle()
        for n in range(1, 21):
            assert smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))[0] == 250
            began = time.monotonic()
            assert imap.wait_exists(n) == n
            waits.append(time.monotonic() - began)
        imap.done(tag)
    assert min(waits) < 0.5, waits


def test_exists_never_before_the_continuation(relay, receiver, deliver):
    """What arrived between SELECT and IDLE is told right after `+ idling`, in every round."""
    with relay.imap(receiver) as imap:
        imap.ok("SELECT INBOX")
        for n in range(1, 11):
            deliver(receiver)
            tag = imap.begin("IDLE")
            assert imap.read_line().startswith(b"+ idling")
            assert imap.read_line() == f"* {n} EXISTS".encode()
            assert imap.done(tag).status == b"OK"


def test_arrivals_under_way(relay, receiver, sender):
    """SELECT and IDLE again and again while mail pours in: no arrival is ever missed."""
    total = 40

    def pour():
        with relay.smtp(sender) as smtp:
            for _ in range(total):
                assert smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))[0] == 250

    with relay.imap(receiver) as imap:
        thread = threading.Thread(target=pour)
        thread.start()
        known = 0
        while known < total:
            known = max(known, int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1)))
            if known == total:
                break
            tag = imap.begin("IDLE")
            assert imap.read_response().startswith(b"+ ")
            known = imap.wait_exists(known + 1)
            imap.done(tag)
        thread.join()
        imap.ok("SELECT INBOX")
        assert imap.uids() == list(range(1, total + 1))


def test_quiet_for_the_others(relay, receiver, deliver):
    """A second device that idles hears of new mail, and not of what the first one reads and deletes."""
    deliver(receiver)
    with relay.imap(receiver) as imap, relay.imap(receiver) as other:
        other.ok("SELECT INBOX")
        tag = other.idle()
        imap.ok("SELECT INBOX")
        imap.ok("UID STORE 1 +FLAGS (\\Seen)")
        imap.ok("UID STORE 1 +FLAGS (\\Deleted)")
        imap.ok("CLOSE")
        assert other.is_silent(0.3)
        reply = other.done(tag)
        assert reply.status == b"OK"
        other.ok("NOOP")
        assert other.uids() == []


def test_done_is_answered_at_once_and_idle_again(relay, receiver):
    with relay.imap(receiver) as imap:
        imap.ok("SELECT INBOX")
        for _ in range(20):
            assert imap.done(imap.idle()).status == b"OK"


def test_abrupt_close_while_idling(relay, receiver, deliver):
    """Phones vanish. The next delivery finds no session and nobody is disturbed."""
    for _ in range(5):
        imap = relay.imap(receiver)
        imap.ok("SELECT INBOX")
        imap.idle()
        imap.close()
    deliver(receiver)
    with relay.imap(receiver) as imap:
        assert len(imap.wait_messages()) == 1


def test_one_message_wakes_many_devices(relay, receiver, deliver):
    clients = [relay.imap(receiver) for _ in range(8)]
    tags = []
    for client in clients:
        client.ok("SELECT INBOX")
        tags.append(client.idle())
    deliver(receiver)
    for client, tag in zip(clients, tags):
        assert client.wait_exists() == 1
        client.done(tag)
        client.close()
