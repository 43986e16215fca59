# SPDX-License-Identifier: MIT
"""What the relay says of itself, before and after login, and over which TLS."""
import imaplib
import smtplib
import socket
import ssl

import mail
import pytest
import wire
from relay import Account

BEFORE_LOGIN = {"IMAP4rev1", "SASL-IR", "ID", "ENABLE", "IDLE", "LITERAL+", "AUTH=PLAIN", "XDELTAPUSH", "XCHATMAIL"}
AFTER_LOGIN = {
    "IMAP4rev1",
    "IDLE",
    "LITERAL+",
    "MOVE",
    "UIDPLUS",
    "QUOTA",
    "METADATA",
    "UNSELECT",
    "NAMESPACE",
    "SPECIAL-USE",
    "XCHATMAIL",
    "XDELTAPUSH",
}


def capabilities(text):
    return set(text.decode().partition("CAPABILITY ")[2].partition("]")[0].split())


def test_imap_before_login(relay):
    with relay.imap() as imap:
        assert imap.greeting.startswith(b"* OK [CAPABILITY ")
        assert BEFORE_LOGIN <= capabilities(imap.greeting)
        listed = capabilities(imap.ok("CAPABILITY").untagged[0])
        assert BEFORE_LOGIN <= listed
        assert "LOGINDISABLED" not in listed and "STARTTLS" not in listed


def test_imap_143_before_and_after_starttls(relay):
    imap = wire.Imap(relay.port(143), tls=False)
    listed = capabilities(imap.greeting)
    assert {"STARTTLS", "LOGINDISABLED", "XCHATMAIL", "XDELTAPUSH"} <= listed
    assert "AUTH=PLAIN" not in listed
    account = Account.invent()
    assert imap.command(f'LOGIN "{account.address}" "{account.password}"').status in (b"NO", b"BAD")
    imap.start_tls()
    listed = capabilities(imap.ok("CAPABILITY").untagged[0])
    assert "AUTH=PLAIN" in listed and "LOGINDISABLED" not in listed and "STARTTLS" not in listed
    imap.login(account)
    imap.close()


def test_starttls_drops_what_was_sent_in_clear(relay):
    """A command injected behind STARTTLS must not run inside TLS (CVE-2011-0411)."""
    imap = wire.Imap(relay.port(143), tls=False)
    imap.send(b"a STARTTLS\r\nb CAPABILITY\r\n")
    assert imap.read_line().startswith(b"a OK")
    imap._wrap()
    assert imap.is_silent(0.3)
    assert imap.command("NOOP").status == b"OK"
    imap.close()


def test_imap_after_login(relay):
    account = Account.invent()
    with relay.imap() as imap:
        reply = imap.login(account)
        listed = capabilities(reply.text)
        assert AFTER_LOGIN <= listed
        assert "ID" not in listed, "a client would spend a round trip on ID"
        assert listed == capabilities(imap.ok("CAPABILITY").untagged[0])
        assert imap.ok('ID ("name" "Delta Chat")').find(rb"^\* ID ")


def test_smtp_465(relay):
    with relay.smtp() as smtp:
        assert smtp.greeting[0] == 220 and "ESMTP" in smtp.greeting[1]
        offered = smtp.ehlo()
        for extension in ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 31457280"):
            assert extension in offered
        assert any(e.startswith("AUTH ") and "PLAIN" in e.split() for e in offered)
        assert "STARTTLS" not in offered


def test_smtp_587_before_and_after_starttls(relay):
    smtp = wire.Smtp(relay.port(587), tls=False)
    offered = smtp.ehlo()
    assert "STARTTLS" in offered and not any(e.startswith("AUTH") for e in offered)
    account = Account.invent()
    assert smtp.auth(account)[0] >= 500
    smtp.start_tls()
    smtp.login(account)
    smtp.close()


@pytest.mark.parametrize("name", ["[127.0.0.1]", "client.example.org", "localhost", "[IPv6:::1]"])
def test_ehlo_names(relay, name):
    with relay.smtp() as smtp:
        assert smtp.command(f"EHLO {name}")[0] == 250


@pytest.mark.parametrize("port", [143, 465, 587, 993])
def test_ipv6(relay, port):
    if "::1" not in relay.all_output():
        return  # a machine without IPv6
    tls = port in (465, 993)
    with socket.create_connection(("::1", relay.port(port)), 10) as raw:
        with wire.client_context().wrap_socket(raw) if tls else raw as s:
            assert s.recv(100).startswith(b"* OK" if port in (143, 993) else b"220 ")


@pytest.mark.parametrize("port", [993, 465])
def test_tls_1_2_is_refused(relay, port):
    with pytest.raises((ssl.SSLError, OSError)):
        wire.Connection(relay.port(port), context=wire.client_context(ssl.TLSVersion.TLSv1_2))
    with wire.Connection(relay.port(port)) as c:
        assert c.sock.version() == "TLSv1.3"


def test_certificate_names_the_domain(relay, tmp_path):
    """Self-signed, but well-formed: a client that checks the name alone is content."""
    pem = tmp_path / "cert.pem"
    with relay.imap() as imap:
        pem.write_text(ssl.DER_cert_to_PEM_cert(imap.certificate()))
    context = ssl.create_default_context(cafile=pem)
    context.check_hostname = True
    with socket.create_connection(("127.0.0.1", relay.port(993)), 10) as raw:
        with context.wrap_socket(raw, server_hostname="_martlet.test") as s:
            names = dict(s.getpeercert())["subjectAltName"]
    assert ("DNS", "_martlet.test") in names


def test_standard_library_clients(relay, sender, receiver):
    """imaplib and smtplib, which are stricter and odder than our own wire."""
    context = wire.client_context()
    with imaplib.IMAP4_SSL("127.0.0.1", relay.port(993), ssl_context=context) as imap:
        imap.login(receiver.address, receiver.password)
        assert imap.select("INBOX")[0] == "OK"
        assert imap.list()[0] == "OK"
    with smtplib.SMTP_SSL("127.0.0.1", relay.port(465), context=context) as smtp:
        smtp.login(sender.address, sender.password)
        assert smtp.sendmail(sender.address, [receiver.address], mail.encrypted(sender.address)) == {}
    with smtplib.SMTP("127.0.0.1", relay.port(587)) as smtp:
        smtp.starttls(context=context)
        smtp.login(sender.address, sender.password)
    imap = imaplib.IMAP4("127.0.0.1", relay.port(143))
    imap.starttls(ssl_context=context)
    imap.login(receiver.address, receiver.password)
    assert imap.select("INBOX") == ("OK", [b"1"])
    imap.logout()
