# SPDX-License-Identifier: MIT
"""Ports 443 and 80: ALPN decides what is spoken, each protocol keeps its limits, nobody is dropped on the way."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import ssl
import time

import mail
import pytest
import wire
from relay import (
    DOMAIN,
    NO_RATE,
    TURN_PORT,
    Account,
    Relay,
    Service,
    free_offset,
    release_binary_path,
    run_martlet,
    wait_until,
)
from test_operation import certificate

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
REFUSED = "refused"


def spoken(relay, alpn, version):
    """What the relay selects and how it then speaks: (ALPN, first word)."""
    try:
        connection = relay.front(alpn, version)
    except (ssl.SSLError, OSError):
        return REFUSED
    with connection as c:
        assert c.sock.version() == ("TLSv1.2" if version is TLS12 else "TLSv1.3")
        selected = c.sock.selected_alpn_protocol()
        if selected in (None, "http/1.1"):
            assert c.is_silent(0.05)
            c.send(f"GET /generate_204 HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
        return selected, c.read_line().split(b" ")[0].decode()


@pytest.mark.parametrize(
    "alpn,want,want_tls12",
    [
        (None, (None, "HTTP/1.1"), (None, "HTTP/1.1")),
        (["http/1.1"], ("http/1.1", "HTTP/1.1"), ("http/1.1", "HTTP/1.1")),
        (["h2", "http/1.1"], ("http/1.1", "HTTP/1.1"), ("http/1.1", "HTTP/1.1")),
        (["h2"], (None, "HTTP/1.1"), (None, "HTTP/1.1")),
        (["gopher", "h3"], (None, "HTTP/1.1"), (None, "HTTP/1.1")),
        (["imap"], ("imap", "*"), REFUSED),
        (["smtp"], ("smtp", "220"), REFUSED),
        (["h2", "http/1.1", "imap"], ("imap", "*"), REFUSED),
        (["http/1.1", "imap", "smtp"], ("smtp", "220"), REFUSED),
    ],
)
def test_alpn(relay, alpn, want, want_tls12):
    assert spoken(relay, alpn, TLS13) == want
    assert spoken(relay, alpn, TLS12) == want_tls12


def test_tls_1_1_is_refused(relay):
    context = wire.client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, OSError)):
        wire.Connection(relay.port("https"), context=context)


def test_mail_over_443_alone(relay):
    """First login, sending and receiving through the one port that every network lets pass."""
    sender, receiver = Account.invent(), Account.invent()
    with relay.imap(receiver, port=443) as imap, relay.smtp(sender, port=443) as smtp:
        imap.ok("SELECT INBOX")
        tag = imap.idle()
        message = mail.encrypted(sender.address)
        assert smtp.send_message(sender.address, [receiver.address], message)[0] == 250
        assert imap.wait_exists() == 1
        imap.done(tag)
        assert len(imap.fetch()) == 1
    assert "STARTTLS" not in smtp.extensions


def test_wrong_password_over_443(relay, receiver):
    wrong = Account(receiver.address, "not-the-password")
    with relay.imap(port=443) as imap:
        assert imap.command(f'LOGIN "{wrong.address}" "{wrong.password}"').status == b"NO"
    with relay.smtp(port=443) as smtp:
        smtp.ehlo()
        assert smtp.auth(wrong)[0] == 535


def test_port_80(relay):
    status, _, body = relay.request("/generate_204", port=80)
    assert (status, body) == (204, b"")
    status, headers, _ = relay.request("/info?x=1", port=80)
    assert status == 301
    assert headers["Location"].startswith("https://") and headers["Location"].endswith("/info?x=1")


def test_home_page(relay):
    status, headers, body = relay.request("/")
    assert status == 200 and headers["Content-Type"].startswith("text/html") and b"</html>" in body
    _, _, body = relay.request("/info")  # the home page has a login of its own for each visit
    status, headers, head_body = relay.request("/info", method="HEAD")
    assert (status, head_body) == (200, b"") and headers["Content-Length"] == str(len(body))


def test_resumption(relay):
    """Browsers come back with a ticket; it must not carry one protocol over to another."""
    with relay.front() as first:
        context = first.sock.context
        first.send(f"GET /generate_204 HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
        assert first.read_line().startswith(b"HTTP/1.1 ")
        ticket = first.sock.session
    assert ticket is not None and ticket.has_ticket
    for alpn, greeting in ((["http/1.1"], None), (["imap"], b"* OK")):
        context.set_alpn_protocols(alpn)
        raw = wire.Connection(relay.port("https"), tls=False)
        with context.wrap_socket(raw.sock, session=ticket) as s:
            assert s.selected_alpn_protocol() == alpn[0]
            if greeting is not None:
                assert s.recv(100).startswith(greeting)


# ---- limits ----


def read_greeting(relay, alpn, port=443):
    with contextlib.ExitStack() as stack:
        c = relay.front(alpn) if port == 443 else wire.Connection(relay.port(port))
        stack.callback(c.close)
        return c.read_line()


def test_imap_on_443_counts_with_imap():
    with Relay(settings={**NO_RATE, "max_imap_connections": "3", "max_http_connections": "4"}) as relay:
        held = [relay.imap(port=443), relay.imap(port=993), relay.imap(port=443)]
        for port in (443, 993):
            assert read_greeting(relay, ["imap"], port).startswith(b"* BYE")
        # They have left the count of the web, and the web is not theirs.
        assert [relay.request("/generate_204")[0] for _ in range(6)] == [204] * 6
        held.pop().close()
        wait_until(lambda: read_greeting(relay, ["imap"]).startswith(b"* OK"), 10, "room for one more")
        for c in held:
            c.close()


def test_submission_on_443_counts_with_submission():
    with Relay(settings={**NO_RATE, "max_smtp_connections": "10"}) as relay:  # a fifth for each address
        held = [relay.smtp(port=443) for _ in range(2)]
        assert read_greeting(relay, ["smtp"]).startswith(b"421 4.7.0")
        assert read_greeting(relay, ["imap"]).startswith(b"* OK")
        with relay.smtp(port=465) as other:  # each submission port has a limit of its own
            assert other.greeting[0] == 220
        for c in held:
            c.close()


def test_web_flood_leaves_mail_alone():
    """On every port, also on the one that they share."""
    with Relay(settings={**NO_RATE, "max_http_connections": "5"}) as relay:
        account = relay.new_account()
        held = []
        for _ in range(40):
            with contextlib.suppress(OSError):
                held.append(relay.front(["http/1.1"]))
        for port in (993, 443):
            relay.imap(account, port=port).close()
        for port in (465, 443):
            relay.smtp(account, port=port).close()
        for c in held:
            c.close()
        wait_until(lambda: answers(relay), 15, "the web again")


def is_open(s):
    s.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        return s.recv(1) != b""
    return True


def test_flood_of_handshakes_from_one_address():
    """What has not said yet what it wants takes nobody's place, and its address may have a few of these only."""
    with Relay(settings={**NO_RATE, "max_http_connections": "400"}) as relay:
        account = relay.new_account()
        to = ("127.0.0.1", relay.port(443))
        silent = [socket.create_connection(to, 10, source_address=("127.0.0.2", 0)) for _ in range(120)]
        wait_until(lambda: sum(is_open(s) for s in silent) <= 66, 60, "the end of those that are too many")
        assert 50 <= sum(is_open(s) for s in silent)
        relay.imap(account, port=443).close()
        relay.smtp(account, port=443).close()
        assert answers(relay)
        for s in silent:
            s.close()


def answers(relay):
    with contextlib.suppress(OSError):
        return relay.request("/generate_204")[0] == 204


# ---- operation ----


def test_443_survives_the_death_of_the_relay():
    with Relay(settings=NO_RATE) as relay:
        account = relay.new_account()
        before = relay.request("/info")[2]
        for n in range(3):
            old = relay.kill_child()
            relay.imap(account, port=443).close()  # refused connections would raise
            assert relay.request("/info")[2] == before
            assert relay.request("/generate_204", port=80)[0] == 204
            assert relay.wait_for_child() != old
            wait_until(lambda n=n: relay.log().count("parent.ready") == n + 2, 10, "the next relay")


def test_new_certificate_drops_nobody_on_443(tmp_path):
    cert, key = certificate(tmp_path)
    os.chmod(tmp_path, 0o755)
    for path in (cert, key):
        os.chmod(path, 0o644)
    with Service(settings={**NO_RATE, "tls_external_cert_and_key": f"{cert} {key}"}) as relay:
        account = relay.new_account()
        imap, smtp = relay.imap(account, port=443), relay.smtp(account, port=443)
        web, before = relay.front(["http/1.1"]), presented_on_443(relay)
        web.send(f"GET /generate_204 HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
        assert web.read_line() == b"HTTP/1.1 204 No Content"
        (tmp_path / "new").mkdir()
        for new, old in zip(certificate(tmp_path / "new"), (cert, key)):
            os.chmod(new, 0o644)
            shutil.move(new, old)
        relay.signal(signal.SIGHUP)
        wait_until(lambda: presented_on_443(relay) != before, 10, "the new certificate")
        imap.ok("NOOP")
        assert smtp.command("NOOP")[0] == 250
        while web.read_line():
            pass
        web.send(f"GET /generate_204 HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
        assert web.read_line() == b"HTTP/1.1 204 No Content"
        for c in (imap, smtp, web):
            c.close()


def presented_on_443(relay):
    with relay.front() as c:
        return c.certificate()


def test_sigterm_ends_idle_web_connections_at_once():
    with Relay(settings=NO_RATE) as relay:
        held = [relay.front(["http/1.1"]) for _ in range(3)]
        plain = wire.Connection(relay.port("http"), tls=False)
        relay.stop()
        assert "relay.connections_cut" not in relay.log(), "it waited for them, as long as it waits for anybody"
        for c in (*held, plain):
            assert c.read_to_end() == b""
            c.close()


def test_www_folder_is_fixed_while_the_relay_runs(tmp_path):
    with Service() as relay:
        relay.reload(www_folder=tmp_path)
        wait_until(lambda: "www_folder: cannot change while the relay runs" in relay.log(), 10, "a complaint")
        assert answers(relay)


def test_taken_port_is_named(tmp_path):
    with Relay() as relay:
        done = run_martlet("dev", "--dir", tmp_path / "state", "--port-offset", relay.offset)
        assert done.returncode == 1
        assert f"port {relay.port(25)} (smtp) is taken by martlet (pid {relay.process.pid})" in done.stderr


@pytest.mark.parametrize("shares", [False, True])
def test_taken_udp_port_is_named(tmp_path, shares):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        offset = free_offset()
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shares)
        holder.bind(("127.0.0.1", TURN_PORT + offset))
        done = run_martlet("dev", "--dir", tmp_path / "state", "--port-offset", offset)
        assert done.returncode == 1
        name = pathlib.Path("/proc/self/comm").read_text().strip()
        assert f"port {TURN_PORT + offset} (turn) is taken by {name} (pid {os.getpid()})" in done.stderr
        # Who does not want TURN does not need the port.
        with Relay(settings={"turn": "false"}, offset=offset):
            pass


# ---- memory ----


def private_kib(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))


def cost_of(connect, n=200):
    """Private memory for each of n idle connections, in octets. A relay of its own: freed memory is used again."""
    with Relay(settings=NO_RATE, binary=release_binary_path()) as relay:
        held = [connect(relay) for _ in range(20)]  # caches are filled by now
        pid = relay.wait_for_child()
        before = private_kib(pid)
        held += [connect(relay) for _ in range(n)]
        time.sleep(0.5)
        after = private_kib(pid)
        for c in held:
            c.close()
        return (after - before) * 1024 // n


def idle_imaps(relay):
    return relay.imap(relay.new_account())


def idle_https(relay):
    c = relay.front(["http/1.1"])
    c.send(f"GET /generate_204 HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
    while c.read_line():
        pass
    return c


def test_idle_https_costs_no_more_than_imaps():
    """Measured without sanitizers. Each has spoken once: a request, or a whole login."""
    if not release_binary_path().exists():
        pytest.skip("there is no release build")
    imaps, https = cost_of(idle_imaps), cost_of(idle_https)
    print(f"idle: IMAPS {imaps} octets, HTTPS {https} octets")
    assert https <= max(imaps, 16 * 1024) * 5 // 4  # what threads touch for the first time is counted with it
