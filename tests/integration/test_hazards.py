# SPDX-License-Identifier: MIT
"""Peers that are slow, rude, broken or too many. Each must harm only itself."""
import os
import re
import resource
import socket
import threading
import time

import mail
import pytest
import wire
from pressure import wait_calm
from relay import NO_RATE, Relay, Service, release_binary_path, wait_until
from timelimit import GUARD, PATIENCE


def inbox_count(relay, account):
    with relay.imap(account) as imap:
        return int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))


def assert_serves(relay):
    """A new client gets through all doors at once."""
    account = relay.new_account()
    with relay.smtp(account) as smtp:
        assert smtp.send_message(account.address, [account.address], mail.encrypted(account.address))[0] == 250
    assert inbox_count(relay, account) == 1


def test_refused_recipient_then_quit_in_data(relay, sender, receiver):
    """MAIL, RCPT and DATA in one flight, one RCPT refused: the client says QUIT and closes; that is no message."""
    smtp = relay.smtp(sender)
    replies = smtp.envelope(sender.address, [receiver.address, "no address at all"])
    assert replies[1][0] == 250 and replies[2][0] >= 500
    assert replies[3][0] in (354, 554)
    smtp.send(b"QUIT\r\n")
    smtp.close()
    time.sleep(0.2)
    assert inbox_count(relay, receiver) == 0
    assert_serves(relay)


@pytest.mark.parametrize("cut", [b"", b"\r\n", b"\r\n.", b"\r\n.\r"])
def test_end_of_file_in_data_discards(relay, sender, receiver, cut):
    smtp = relay.smtp(sender)
    assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
    smtp.send(mail.encrypted(sender.address)[:-2] + cut)
    smtp.close()
    time.sleep(0.2)
    assert inbox_count(relay, receiver) == 0


def files_of(relay):
    return {p for p in relay.state.rglob("*") if p.is_file()}


def test_end_of_file_in_a_large_body_leaves_no_file(relay, sender, receiver):
    before = files_of(relay)
    smtp = relay.smtp(sender)
    assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
    smtp.send(mail.encrypted(sender.address, size=3_000_000)[:2_000_000])
    smtp.close()
    time.sleep(0.5)  # perhaps it has none yet
    wait_until(lambda: files_of(relay) <= before, 60, "the end of its file")
    assert inbox_count(relay, receiver) == 0


def test_slow_sender(relay, sender, receiver):
    """A message in small pieces, dots and line ends cut apart, arrives whole while others are served."""
    message = mail.encrypted(sender.address, size=400, extra=[".X-Dot: one"])
    octets = wire.stuff(message) + b".\r\n"
    with relay.smtp(sender) as smtp:
        assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
        for n in range(0, len(octets), 7):
            smtp.send(octets[n : n + 7])
            time.sleep(0.002)
            if n == 700:
                assert_serves(relay)
        assert smtp.reply()[0] == 250
    with relay.imap(receiver) as imap:
        (got,) = imap.wait_messages().values()
    assert mail.body_of(got) == mail.body_of(message)


def test_commands_octet_by_octet(relay, receiver):
    with relay.imap() as imap:
        for octet in f'a LOGIN "{receiver.address}" "{receiver.password}"\r\n'.encode():
            imap.send(bytes([octet]))
        assert imap.read_line().startswith(b"a OK")


def test_half_a_handshake_harms_nobody(relay):
    """Connections that say nothing, or stop within the TLS handshake, or speak clear text to a TLS port."""
    rude = []
    for n in range(60):
        s = socket.create_connection(("127.0.0.1", relay.port(993 if n % 2 else 465)), 10)
        s.sendall([b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"EHLO there\r\n"][n % 3])
        rude.append(s)
    assert_serves(relay)
    for s in rude:
        s.close()
    assert_serves(relay)


def test_slow_readers_do_not_block_others(relay, receiver, deliver):
    """A client that asks for megabytes and never reads."""
    for _ in range(3):
        deliver(receiver)
    with relay.smtp(receiver) as smtp:
        assert (
            smtp.send_message(receiver.address, [receiver.address], mail.encrypted(receiver.address, size=6_000_000))[0]
            == 250
        )
    deaf = [relay.imap(receiver) for _ in range(3)]
    for imap in deaf:
        imap.ok("SELECT INBOX")
        for _ in range(4):
            imap.begin("UID FETCH 1:* (BODY.PEEK[])")
    assert_serves(relay)  # which it would not while it waits for them: that takes minutes
    # And one that reads at last gets all of it, in order.
    for n in range(4):
        assert deaf[0].finish(f"t{deaf[0].count - 3 + n}".encode()).status == b"OK"
    for imap in deaf:
        imap.close()


@pytest.fixture(scope="module")
def plain_relay():
    """Without the sanitizers, which keep what was freed for a while: for tests that look at memory."""
    with Relay(settings=NO_RATE, binary=release_binary_path()) as r:
        yield r


@pytest.mark.parametrize("which", ["imap before login", "imap", "smtp"])
def test_endless_lines_are_cut_off(plain_relay, which):
    """16 MiB without a line end are refused, and cost next to no memory; the session is over or goes on."""
    relay, receiver = plain_relay, plain_relay.new_account()
    client = {"imap before login": relay.imap, "imap": lambda: relay.imap(receiver), "smtp": relay.smtp}[which]()
    before = resident(relay)
    try:
        for _ in range(256):
            client.send(b"A" * 65536)
        assert resident(relay) - before < 3_000_000
        client.send(b"\r\n")
        assert re.match(rb"\* BYE|\S* ?BAD|5\d\d|421", client.read_line())
    except (OSError, wire.Closed):
        pass
    client.close()
    assert_serves(relay)


def resident(relay):
    """Octets of memory that the relay process holds."""
    with open(f"/proc/{relay.child_pid()}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_huge_literals_are_refused_before_they_are_read(relay, receiver):
    with relay.imap() as imap:
        imap.send(b"a LOGIN {4000000000}\r\n")
        try:
            assert imap.read_line().startswith((b"a BAD", b"a NO", b"* BYE"))
        except wire.Closed:
            pass
    with relay.imap(receiver) as imap:
        imap.send(b"a APPEND INBOX {99999999999}\r\n")
        try:
            assert imap.read_line().startswith((b"a BAD", b"a NO", b"* BYE"))
        except wire.Closed:
            pass
    assert_serves(relay)


def test_pipelined_imap(relay, receiver, deliver):
    """No client of today does it; the standard allows it."""
    deliver(receiver)
    with relay.imap() as imap:
        imap.send(
            f'a LOGIN "{receiver.address}" "{receiver.password}"\r\n'
            'b SELECT INBOX\r\nc UID FETCH 1 (UID)\r\nd LOGOUT\r\n'
        )
        text = imap.read_to_end()
    positions = [text.find(tag + b" OK") for tag in (b"a", b"b", b"c", b"d")]
    assert -1 not in positions and positions == sorted(positions)


def hold(connect, number):
    """Opens so many sessions. One that was closed a moment ago may still count: a refusal is tried again."""
    held, deadline = [], time.monotonic() + GUARD * PATIENCE
    while len(held) < number:
        try:
            held.append(connect())
        except (AssertionError, OSError, wire.Closed):
            assert time.monotonic() < deadline, f"only {len(held)} of {number} sessions"
            time.sleep(0.05)
    return held


def test_too_many_imap_connections():
    """The refusal is a reply, an open session goes on, and a place that gets free is given away."""
    with Relay(settings={**NO_RATE, "max_imap_connections": "8"}) as relay:
        account = relay.new_account()
        held = hold(lambda: relay.imap(account), 8)
        with wire.Imap(relay.port(993), greeting=False) as ninth:
            line = ninth.read_line()
            assert line.startswith((b"* BYE", b"* NO")), line
        held[0].ok("NOOP")
        held.pop().close()
        held += hold(lambda: relay.imap(account), 1)
        for imap in held:
            imap.close()


def test_too_many_smtp_connections():
    """A fifth of the total for each client address."""
    with Service(settings={**NO_RATE, "max_smtp_connections": "40"}) as relay:
        account = relay.new_account()
        held = hold(lambda: relay.smtp(account), 8)
        with wire.Smtp(relay.port(465)) as ninth:
            code, text = ninth.greeting
            assert code == 421 and text.startswith("4.7.0") and "too many connections" in text.lower()
        assert held[0].command("NOOP")[0] == 250
        held.pop().close()
        held += hold(lambda: relay.smtp(account), 1)
        for smtp in held:
            smtp.close()


def test_out_of_descriptors():
    """With RLIMIT_NOFILE exhausted the relay refuses or delays, but its listeners live on."""

    def few_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (120, 120))

    with Relay(settings=NO_RATE, preexec=few_files) as relay:
        account = relay.new_account()
        crowd = []
        for n in range(200):
            try:
                crowd.append(socket.create_connection(("127.0.0.1", relay.port(993)), 2))
            except OSError:
                break
        assert len(crowd) > 100
        time.sleep(0.5)
        for s in crowd:
            s.close()
        wait_calm(relay)
        relay.imap(account).close()
        assert_serves(relay)


def test_storm_of_logins(relay):
    """Everyone comes back at once after a restart."""
    accounts = [relay.new_account() for _ in range(8)]
    failures = []

    def log_in(account):
        try:
            for _ in range(5):
                with relay.imap(account) as imap:
                    imap.ok("SELECT INBOX")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=log_in, args=(a,)) for a in accounts * 3]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failures == []


def test_abrupt_close_everywhere(relay, sender):
    """TCP close in any state, thousands of times a day, is not an event."""
    before = len(relay.log().splitlines())
    for _ in range(10):
        socket.create_connection(("127.0.0.1", relay.port(993))).close()
        wire.Imap(relay.port(993)).close()
        relay.imap(sender).close()
        wire.Smtp(relay.port(465)).close()
        smtp = relay.smtp(sender)
        smtp.send(b"MAIL FROM:<")
        smtp.close()
    time.sleep(0.2)
    lines = relay.log().splitlines()[before:]
    assert not [line for line in lines if line.startswith(("warning", "error"))], lines
