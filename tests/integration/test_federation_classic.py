# SPDX-License-Identifier: MIT
"""A relay and the classic mail servers exchange mail over port 25, with STARTTLS and certificates that both check."""
import email
import email.policy
import re

import mail
import pytest
from internet import received, send, wait_log

NAMES = ["postfix", "exim", "opensmtpd"]


@pytest.fixture(params=NAMES)
def peer(request, internet):
    return internet[request.param]


@pytest.fixture
def here(internet):
    return internet["a"]


@pytest.fixture
def alice(here):
    return here.new_account()


def assert_tls_used(peer, message):
    """What the server itself says of the connection that brought the message."""
    received_by, *further = mail.header_values(message, "Received")
    assert not further, "and nothing is said of the way before"
    assert peer.mx in received_by
    if peer.tree != "opensmtpd":  # it has its TLS from a front, which takes no mail without
        assert re.search(r"TLSv?1[._][23]|TLS1\.[23]", received_by), received_by


# ---- to the classic server ----


def test_to_classic(here, alice, peer):
    original = mail.encrypted(alice.address)
    got = peer.wait_mail(send(here, alice, [peer.address()], original))
    assert_tls_used(peer, got)
    assert mail.body_of(got).rstrip() == mail.body_of(original).rstrip()
    assert mail.header_values(got, "Subject") == ["[...]"]
    assert alice.address in mail.header_values(got, "Return-Path")[0]
    assert any("d=a.test" in value for value in mail.header_values(got, "DKIM-Signature"))


def test_classic_verifies_our_signature(here, alice, internet):
    """Exim checks DKIM by itself and logs what it has found."""
    exim = internet["exim"]
    message_id = send(here, alice, [exim.address()])
    exim.wait_mail(message_id)
    line = next(line for line in exim.log().splitlines() if message_id.strip("<>") in line and "<=" in line)
    assert "DKIM=a.test" in line, line


def test_eight_bit_header_to_classic(here, alice, internet):
    """With SMTPUTF8 where it is offered."""
    postfix = internet["postfix"]
    message = mail.encrypted(alice.address, extra=["Chat-Group-Name: Grüße, 世界"])
    got = postfix.wait_mail(send(here, alice, [postfix.address()], message))
    assert "Chat-Group-Name: Grüße, 世界".encode() in got


def test_large_to_classic(here, alice, peer):
    message = mail.encrypted(alice.address, size=3_700_000)
    got = peer.wait_mail(send(here, alice, [peer.address()], message))
    assert mail.body_of(got).rstrip() == mail.body_of(message).rstrip()


def test_several_recipients(here, alice, peer):
    """Two that exist and one that does not: two copies, one bounce for the one."""
    nobody = peer.address("stranger")
    message_id = send(here, alice, [peer.address("bob"), nobody, peer.address("carol")])
    peer.wait_mail(message_id, "bob")
    peer.wait_mail(message_id, "carol")
    bounce = received(here, alice, message_id)
    report = email.message_from_bytes(bounce, policy=email.policy.default)
    assert report.get_content_type() == "multipart/report"
    status = " ".join(list(report.iter_parts())[1].as_string().split())
    assert nobody in status and "Status: 5." in status and f"forwarded from {peer.mx}" in status, status
    assert peer.address("bob") not in status and peer.address("carol") not in status
    assert peer.count(message_id, "bob") == peer.count(message_id, "carol") == 1


def test_greylisted(here, alice, internet):
    """451 for now: tried again, for that recipient alone, and delivered once."""
    peer = internet["exim"]
    peer.grey(True)
    mark = len(here.log())
    message_id = send(here, alice, [peer.address("bob"), peer.address("grey")])
    peer.wait_mail(message_id, "bob")
    wait_log(here, r"queue\.answered .*delivered=1 deferred=1 failed=0", mark)
    assert not peer.mailbox("grey")
    peer.grey(False)
    peer.wait_mail(message_id, "grey")
    assert peer.count(message_id, "bob") == 1


# ---- from the classic server ----


def test_from_classic(here, alice, peer):
    original = mail.encrypted(peer.address())
    message_id = mail.header_values(original, "Message-ID")[0]
    peer.submit(peer.address(), [alice.address], original)
    got = received(here, alice, message_id)
    names = {name.lower() for name, _ in mail.parse_header(got)}
    assert not names & {"dkim-signature", "authentication-results", "received"}, names
    assert mail.body_of(got) == mail.body_of(original)


def test_large_from_classic(here, alice, peer):
    original = mail.encrypted(peer.address(), size=3_700_000)
    peer.submit(peer.address(), [alice.address], original)
    got = received(here, alice, mail.header_values(original, "Message-ID")[0])
    assert mail.body_of(got) == mail.body_of(original)


def test_eight_bit_header_from_classic(here, alice, internet):
    postfix = internet["postfix"]
    original = mail.encrypted(postfix.address(), extra=["Chat-Group-Name: Grüße, 世界"])
    postfix.submit(postfix.address(), [alice.address], original, options=["SMTPUTF8", "BODY=8BITMIME"])
    got = received(here, alice, mail.header_values(original, "Message-ID")[0])
    assert "Chat-Group-Name: Grüße, 世界".encode() in got


def wait_classic_bounce(peer, message_id, words):
    """The bounce in the sender's Maildir, from the sender's own server."""
    got = peer.wait_mail(message_id)
    report = email.message_from_bytes(got, policy=email.policy.default)
    assert "mailer-daemon" in report["From"].lower(), report["From"]
    assert words in got.decode("utf-8", "replace").replace("\r\n", " ").replace("  ", " "), got
    return report


def test_clear_text_is_refused(here, alice, peer):
    """523 at the end of DATA, and the sender reads it in the bounce of the sender's own server."""
    mark = len(here.log())
    message = mail.plain(peer.address(), alice.address, "nobody may read this on the disk")
    peer.submit(peer.address(), [alice.address], message)
    message_id = mail.header_values(message, "Message-ID")[0]
    wait_classic_bounce(peer, message_id, "523 Encryption Needed: Invalid Unencrypted Mail")
    wait_log(here, r"intake\.inbound_refused .*code=523", mark)


def test_unknown_user_from_classic(here, peer):
    message = mail.encrypted(peer.address())
    peer.submit(peer.address(), ["nobody789@a.test"], message)
    wait_classic_bounce(peer, mail.header_values(message, "Message-ID")[0], "User doesn't exist")


def test_relaying_is_refused(here, peer, internet):
    """The classic server is made to believe that b.test's mail goes to a.test."""
    message = mail.encrypted(peer.address())
    internet.lab.dns.add("elsewhere.test. MX 10 a.test.")
    internet.lab.dns.publish()
    peer.submit(peer.address(), ["someone@elsewhere.test"], message)
    wait_classic_bounce(peer, mail.header_values(message, "Message-ID")[0], "Relay access denied")


def test_unsigned_mail_is_refused(here, alice, internet):
    postfix = internet["postfix"]
    message = mail.encrypted(postfix.address())
    postfix.submit(postfix.address(), [alice.address], message, sign=False)
    words = "554 5.7.1 No DKIM signature found"
    wait_classic_bounce(postfix, mail.header_values(message, "Message-ID")[0], words)


def test_signature_of_another_domain_is_refused(here, alice, internet):
    """A good signature that has nothing to do with From."""
    postfix, exim = internet["postfix"], internet["exim"]
    message = exim.sign(mail.encrypted(postfix.address()))
    postfix.submit(postfix.address(), [alice.address], message, sign=False)
    words = "554 5.7.1 No valid DKIM signature found"
    wait_classic_bounce(postfix, mail.header_values(message, "Message-ID")[0], words)


def test_changed_on_the_way_is_refused(here, alice, internet):
    postfix = internet["postfix"]
    message = postfix.sign(mail.encrypted(postfix.address())).replace(b"\r\nDate: Sat, 14", b"\r\nDate: Sat, 15")
    postfix.submit(postfix.address(), [alice.address], message, sign=False)
    words = "554 5.7.1 No valid DKIM signature found"
    wait_classic_bounce(postfix, mail.header_values(message, "Message-ID")[0], words)


def test_foreign_bounce_is_taken(here, alice, internet):
    """A classic server's own report about our mail, signed by its domain: the mailer-daemon rule."""
    exim = internet["exim"]
    nobody = exim.address("stranger")
    report = (
        f"From: Mail Delivery System <Mailer-Daemon@{exim.domain}>\r\nTo: {alice.address}\r\n"
        f"Subject: Mail delivery failed\r\nMessage-ID: {mail.new_id()}\r\nDate: Sat, 14 Nov 2026 08:15:42 +0000\r\n"
        "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        f"--b\r\nContent-Type: text/plain\r\n\r\nUndelivered: {nobody}\r\n--b\r\n"
        f"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {exim.mx}\r\n\r\n"
        f"Final-Recipient: rfc822; {nobody}\r\nAction: failed\r\nStatus: 5.1.1\r\n--b--\r\n"
    ).encode()
    exim.submit("", [alice.address], report)
    got = received(here, alice, mail.header_values(report, "Message-ID")[0])
    assert nobody.encode() in got


def test_postmaster(here, internet):
    """postmaster@ and abuse@ are accepted, and clear text gets 523 with the operator's contact."""
    postfix = internet["postfix"]
    for name in ("postmaster", "abuse"):
        message = mail.plain(postfix.address(), f"{name}@a.test")
        postfix.submit(postfix.address(), [f"{name}@a.test"], message)
        wait_classic_bounce(postfix, mail.header_values(message, "Message-ID")[0], "523 ")
