# SPDX-License-Identifier: MIT
"""Two relays with public names exchange mail, whatever of the way between them is closed."""
import email
import email.policy

import mail
import pytest
from internet import assert_transports, received, send, transports_used, wait_log
from relay import run_martlet, wait_until
from timelimit import GUARD

DIRECTIONS = [("a", "b"), ("b", "a")]


@pytest.fixture(params=DIRECTIONS, ids=["a-b", "b-a"])
def two(request, internet):
    """Two relays that remember nothing of each other."""
    here, there = (internet[name] for name in request.param)
    for relay in (here, there):
        relay.stop()
        relay.start()
    return here, there, here.new_account(), there.new_account()


def assert_delivered_form(message):
    """What of the way must not be seen (and what was hidden at submission)."""
    names = {name.lower() for name, _ in mail.parse_header(message)}
    assert not names & {"dkim-signature", "authentication-results", "received"}, names
    assert mail.header_values(message, "Subject") == ["[...]"]


def queue_of(relay):
    return run_martlet("queue", "--config", relay.config_path, binary=relay.binary).stdout


def test_by_https(two):
    here, there, alice, bob = two
    mark = len(here.log())
    original = mail.encrypted(alice.address, subject="to be hidden")
    message = received(there, bob, send(here, alice, [bob.address], original))
    assert_delivered_form(message)
    assert mail.body_of(message) == mail.body_of(original)
    assert_transports(here, mark, "HTTPS")


def test_by_smtp_where_https_is_blocked(two):
    """By SMTP; HTTPS is not tried again for the next message, and comes back when SMTP is closed."""
    here, there, alice, bob = two
    here.host.block(443)
    mark = len(here.log())
    for _ in range(2):
        assert_delivered_form(received(there, bob, send(here, alice, [bob.address])))
    assert_transports(here, mark, "SMTP", "SMTP")
    here.host.unblock()
    here.host.block(25)
    mark = len(here.log())
    received(there, bob, send(here, alice, [bob.address]))
    assert_transports(here, mark, "HTTPS")


def test_by_https_where_smtp_is_blocked(two):
    here, there, alice, bob = two
    here.host.block(25)
    mark = len(here.log())
    received(there, bob, send(here, alice, [bob.address]))
    assert_transports(here, mark, "HTTPS")


def test_deferred_while_both_are_blocked(two):
    here, there, alice, bob = two
    here.host.block(25, 443)
    mark = len(here.log())
    ids = [send(here, alice, [bob.address]) for _ in range(3)]
    wait_log(here, r"queue\.deferred", mark)
    assert transports_used(here, mark) == []

    def is_listed():  # a little after the log has it
        listed = queue_of(here)
        return there.domain in listed and "Failed to connect" in listed

    wait_until(is_listed, GUARD, "the reason in the list")
    here.host.unblock()
    for message_id in ids:
        received(there, bob, message_id)
    wait_until(lambda: there.domain not in queue_of(here), GUARD, "an empty queue")


def test_waiting_mail_outlives_a_kill(two):
    here, there, alice, bob = two
    here.host.block(25, 443)
    mark = len(here.log())
    message_id = send(here, alice, [bob.address])
    wait_log(here, r"queue\.deferred", mark)
    here.kill()
    here.host.unblock()
    here.start()
    received(there, bob, message_id)


def assert_bounce(message, failed, status, words):
    report = email.message_from_bytes(message, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report["From"].addresses[0].username.lower() == "mailer-daemon"
    assert report["Subject"] == "Undelivered Mail Returned to Sender"
    text, delivery, original = report.iter_parts()
    assert failed in text.get_content() and "ndelivered" in text.get_content() + report["Subject"]
    fields = delivery.as_string()
    assert f"rfc822; {failed}" in fields or f"rfc822;{failed}" in fields, fields
    assert "Action: failed" in fields and f"Status: {status}" in fields, fields
    assert words in fields, fields
    assert original.get_content_type() in ("text/rfc822-headers", "message/rfc822")
    return report


@pytest.mark.parametrize("blocked", [(), (443,), (25,)], ids=["open", "443 blocked", "25 blocked"])
def test_unknown_user_bounces(two, blocked):
    here, there, alice, _ = two
    here.host.block(*blocked)
    nobody = f"nobody123@{there.domain}"
    mark = len(here.log())
    message_id = send(here, alice, [nobody])
    if blocked == (25,):  # an answer by HTTPS never bounces by itself: it may be a wall's
        wait_log(here, r"queue\.deferred", mark)
        here.host.unblock()
    bounce = received(here, alice, message_id)
    report = assert_bounce(bounce, nobody, "5.1.1", "550 5.1.1")
    assert report["From"].addresses[0].domain == here.domain
    assert_delivered_form_of_bounce(bounce)


def assert_delivered_form_of_bounce(message):
    names = {name.lower() for name, _ in mail.parse_header(message)}
    assert not names & {"dkim-signature", "authentication-results", "received"}, names


def test_one_of_two_is_unknown(two):
    """The known one gets the message; the other relay itself reports the unknown one, signed."""
    here, there, alice, bob = two
    nobody = f"nobody456@{there.domain}"
    message_id = send(here, alice, [bob.address, nobody])
    received(there, bob, message_id)
    bounce = received(here, alice, message_id)
    report = assert_bounce(bounce, nobody, "5.1.1", "5.1.1")
    assert report["From"].addresses[0].domain == there.domain
    assert_delivered_form_of_bounce(bounce)


def test_to_both_relays_at_once(two):
    """One message to people here and there: one copy each."""
    here, there, alice, bob = two
    carol, dave = here.new_account(), there.new_account()
    message_id = send(here, alice, [bob.address, carol.address, dave.address])
    for relay, account in ((there, bob), (here, carol), (there, dave)):
        assert_delivered_form(received(relay, account, message_id))


def test_blocked_account_is_as_if_unknown(two):
    here, there, alice, bob = two
    done = run_martlet("account", "block", bob.address, "--config", there.config_path, binary=there.binary)
    assert done.returncode == 0, done.stdout + done.stderr
    bounce = received(here, alice, send(here, alice, [bob.address]))
    assert_bounce(bounce, bob.address, "5.1.1", "550 5.1.1")


def test_securejoin_in_clear_text(two):
    """The one thing that crosses in clear text; and a read receipt that does not."""
    here, there, alice, bob = two
    request = mail.securejoin_request(alice.address, bob.address)
    got = received(there, bob, send(here, alice, [bob.address], request))
    assert b"Secure-Join: vc-request" in got
    with here.smtp(alice) as smtp:
        receipt = mail.read_receipt(alice.address, bob.address)
        code, text = smtp.send_message(alice.address, [bob.address], receipt)
        assert (code, text.partition(":")[0]) == (523, "Encryption Needed"), (code, text)


def test_https_blocked_silently(internet):
    """A wall that answers nothing: by SMTP after a while, and for the next message at once."""
    here, there = internet["a"], internet["b"]
    here.stop()
    here.start()
    alice, bob = here.new_account(), there.new_account()
    here.host.block(443, how="drop")
    mark = len(here.log())
    for _ in range(2):
        received(there, bob, send(here, alice, [bob.address]))
    assert_transports(here, mark, "SMTP", "SMTP")
    assert here.log()[mark:].count("transport=HTTPS error=") == 1, "HTTPS was tried again"


def test_large_message(two):
    here, there, alice, bob = two
    message = mail.encrypted(alice.address, size=3_700_000)
    assert len(message) > 5_000_000
    got = received(there, bob, send(here, alice, [bob.address], message))
    assert mail.body_of(got) == mail.body_of(message)


def test_eight_bit_header(two):
    here, there, alice, bob = two
    message = mail.encrypted(alice.address, extra=["Chat-Group-Name: Grüße, 世界"])
    got = received(there, bob, send(here, alice, [bob.address], message))
    assert "Chat-Group-Name: Grüße, 世界".encode() in got


def test_both_ways_in_order(two):
    """Fifty from each side at once: all arrive, once, in order."""
    here, there, alice, bob = two
    there_ids, here_ids = [], []
    with here.smtp(alice) as from_alice, there.smtp(bob) as from_bob:
        for _ in range(50):
            for smtp, who, to, ids in ((from_alice, alice, bob, there_ids), (from_bob, bob, alice, here_ids)):
                message = mail.encrypted(who.address)
                assert smtp.send_message(who.address, [to.address], message)[0] == 250
                ids.append(mail.header_values(message, "Message-ID")[0])
    for relay, who, ids in ((there, bob, there_ids), (here, alice, here_ids)):
        with relay.imap(who) as imap:
            imap.wait_messages(50)
            found = imap.message_ids()
            assert [found[uid] for uid in sorted(found)] == ids
