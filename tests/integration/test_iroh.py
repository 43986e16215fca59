# SPDX-License-Identifier: MIT
"""The iroh relay on the wire, in both dialects: what arrives, who replaces whom, where it is served, and its own life."""
import contextlib
import os
import random
import signal
import socket
import struct
import threading
import time

import iroh
import pytest
import wire
from iroh import A, B, a_frame, client_info, new_key, public, websocket_frame
from iroh_lab import DIALECTS, b_v1, counters, message, wait_counted
from relay import Relay, Service, wait_until
from timelimit import GUARD

# Of packets, up to the largest: of B, where key and congestion count too, and of A.
SIZES = ((1, 1000, 14556, 65502, 65503), (0, 1, 1000, 14540, 65535, 65536))

# ---- what both dialects do ----


def test_answer_to_the_upgrade_of_a(iroh_port):
    with A(iroh_port) as client:
        assert client.head[0] == "HTTP/1.1 101 Switching Protocols"
        assert client.field("upgrade") == "iroh derp http"
        client.echo()


@pytest.mark.parametrize(
    "offer, chosen",
    [
        ("iroh-relay-v2, iroh-relay-v1", "iroh-relay-v2"),
        ("iroh-relay-v1,iroh-relay-v2", "iroh-relay-v2"),
        ("iroh-relay-v1", "iroh-relay-v1"),
        ("chat,  iroh-relay-v1 ,x", "iroh-relay-v1"),
        ("iroh-relay-v3, iroh-relay-v2", "iroh-relay-v2"),
    ],
)
def test_answer_to_the_upgrade_of_b(iroh_port, offer, chosen):
    with B(iroh_port, offer=offer) as client:
        assert client.protocol == chosen
        assert client.field("connection").lower() == "upgrade" and client.field("sec-websocket-extensions") is None
        client.echo()


@DIALECTS
def test_packets_both_ways(iroh_port, dialect):
    with dialect(iroh_port) as one, dialect(iroh_port) as other:
        for size in SIZES[dialect is A]:
            data = os.urandom(size)
            one.packet(other.id, data)
            assert other.next_packet() == (one.id, data)
            other.packet(one.id, data)
            assert one.next_packet() == (other.id, data)
        one.packet(one.id, b"to myself")
        assert one.next_packet() == (one.id, b"to myself")


@DIALECTS
def test_many_packets_in_order(iroh_port, dialect):
    """From several clients at once, on whatever loops they are; ordered for each pair."""
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(dialect(iroh_port)) for _ in range(4)]
        receivers = [stack.enter_context(dialect(iroh_port)) for _ in range(4)]
        for number in range(50):
            for sender in senders:
                for receiver in receivers:
                    sender.packet(receiver.id, number.to_bytes(2, "big") * 100)
        for receiver in receivers:
            got = {sender.id: [] for sender in senders}
            for _ in range(50 * len(senders)):
                source, data = receiver.next_packet()
                got[source].append(int.from_bytes(data[:2], "big"))
            assert all(numbers == list(range(50)) for numbers in got.values())


@DIALECTS
def test_nobody_there(iroh_relay, iroh_port, dialect):
    """Dropped without a word, and counted."""
    name = 'dropped_packets_total{reason="unknown"}'
    before = counters(iroh_relay).get(name, 0)
    with dialect(iroh_port) as client:
        for _ in range(3):
            client.packet(public(new_key()), b"hello?")
        client.echo()
    wait_counted(iroh_relay, name, before + 3)


def test_versions_of_b_talk(iroh_port):
    with B(iroh_port) as new, b_v1(iroh_port) as old:
        new.message(iroh.B_SEND_BATCH, old.id + b"\x01\x00\x03abcdef")
        assert old.next() == (iroh.B_RECV_BATCH, new.id + b"\x01\x00\x03abcdef")
        old.message(iroh.B_SEND, new.id + b"\x02abc")
        assert new.next() == (iroh.B_RECV, old.id + b"\x02abc")


def test_dialects_are_apart(iroh_port):
    """One key in both: each gets what its own dialect sends."""
    key = new_key()
    with A(iroh_port, key) as a, B(iroh_port, key) as b, A(iroh_port) as a2, B(iroh_port) as b2:
        a2.packet(a.id, b"for a")
        b2.packet(b.id, b"for b")
        assert a.next_packet() == (a2.id, b"for a") and b.next_packet() == (b2.id, b"for b")
        a2.packet(b2.id, b"across")
        b2.packet(a2.id, b"across")
        a2.echo(), b2.echo(), a.echo(), b.echo()


def a_legacy(port, **more):
    return A(port, path="/derp", **more)


@pytest.mark.parametrize("dialect", [A, a_legacy, B, b_v1])
def test_on_443_within_tls(iroh_relay, dialect):
    with dialect(iroh_relay.port(443), tls=True) as one, dialect(iroh_relay.port(80)) as other:
        one.packet(other.id, b"x" * 60000)
        assert other.next_packet() == (one.id, b"x" * 60000)
        other.packet(one.id, b"y" * 60000)
        assert one.next_packet() == (other.id, b"y" * 60000)


@DIALECTS
def test_one_octet_at_a_time(iroh_port, dialect):
    with dialect(iroh_port) as one, dialect(iroh_port) as other:
        whole = bytearray()
        send, one.send = one.send, whole.extend
        one.packet(other.id, b"slowly")
        one.ping(b"abcdefgh")
        for octet in bytes(whole):
            send(bytes([octet]))
        assert other.next_packet() == (one.id, b"slowly")
        assert one.next() == (one.PONG, b"abcdefgh")


def test_early_frames(iroh_port):
    """A client of A that does not wait for the answer to its upgrade."""
    key = new_key()
    request = b"GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\nhost: x\r\n\r\n"
    early = client_info(key) + a_frame(iroh.PING, b"abcdefgh")
    with A(iroh_port, key, request=request + early, hello=False) as client:
        assert client.next() == (iroh.PONG, b"abcdefgh")


def test_frames_of_a_that_are_ignored(iroh_port):
    with A(iroh_port) as client:
        client.frame(iroh.RECV, bytes(40)).frame(iroh.KEEP_ALIVE).frame(iroh.PREFERRED, b"\1")
        client.frame(iroh.PREFERRED, b"\0").frame(iroh.GONE, bytes(32)).frame(iroh.RESTARTING, bytes(8))
        client.frame(iroh.PONG, b"whatever")
        client.echo()


def test_messages_of_b_that_are_ignored(iroh_port):
    """Datagrams with nothing in them, text, pongs; a WebSocket ping gets its pong."""
    with B(iroh_port) as client, B(iroh_port) as other:
        client.message(iroh.B_SEND, other.id + b"\0")
        client.message(iroh.B_SEND_BATCH, other.id + b"\0\0\5")
        client.message(iroh.B_PONG, b"whatever")
        client.send(websocket_frame(0x80 | iroh.TEXT, b"\x04 text"))
        client.send(websocket_frame(0x80 | iroh.WS_PONG, b"unasked"))
        client.send(websocket_frame(0x80 | iroh.WS_PING, b"are you there?"))
        assert client.next_frame() == (iroh.WS_PONG, b"are you there?")
        client.packet(other.id, b"the first")
        assert other.next_packet() == (client.id, b"the first")


def test_fragmented_messages_of_b(iroh_port):
    """The handshake and a packet in fragments, control frames between them."""
    with B(iroh_port, hello=False) as client, B(iroh_port) as other:
        kind, challenge = client.next()
        assert kind == iroh.B_CHALLENGE

        def send(whole):
            client.send(websocket_frame(iroh.BINARY, whole[:7]))
            client.send(websocket_frame(0x80 | iroh.WS_PING, b"between"))
            client.send(websocket_frame(0, whole[7:50]) + websocket_frame(0, b""))
            client.send(websocket_frame(0x80, whole[50:]))
            assert client.next_frame() == (iroh.WS_PONG, b"between")

        send(bytes([iroh.B_AUTH]) + client.proof(challenge))
        assert client.next() == (iroh.B_CONFIRM, b"")
        send(bytes([iroh.B_SEND]) + other.id + b"\0" + b"z" * 65000)
        assert other.next_packet() == (client.id, b"z" * 65000)


# ---- duplicates ----


def test_duplicate_of_a_replaces(iroh_port):
    with A(iroh_port) as old, A(iroh_port) as other:
        old.echo()
        with A(iroh_port, old.key) as new:
            assert old.is_closed()
            other.packet(new.id, b"to the new one")
            assert new.next_packet() == (other.id, b"to the new one")


def is_told(client, active):
    """Of its standing: version 2 by a number, version 1 in words."""
    kind, payload = client.next()
    if client.protocol == "iroh-relay-v2":
        assert (kind, payload) == (iroh.B_STATUS, b"\0" if active else b"\1")
    else:
        assert kind == iroh.B_HEALTH
        assert (b"No more messages" in payload) != active


@pytest.mark.parametrize("dialect", [B, b_v1])
def test_duplicates_of_b_wait_behind(iroh_port, dialect):
    with dialect(iroh_port) as first, B(iroh_port) as other:
        with dialect(iroh_port, key=first.key) as second:
            is_told(first, active=False)
            with dialect(iroh_port, key=first.key) as third:
                is_told(second, active=False)
                other.packet(first.id, b"to the newest")
                assert third.next_packet() == (other.id, b"to the newest")
                first.packet(other.id, b"still here")
                assert other.next_packet() == (first.id, b"still here")
            is_told(second, active=True)
            other.packet(first.id, b"to the one before")
            assert second.next_packet() == (other.id, b"to the one before")
        is_told(first, active=True)
        other.packet(first.id, b"to the first")
        assert first.next_packet() == (other.id, b"to the first")


def test_too_many_duplicates_of_b(iroh_port):
    """Four may wait; then the oldest goes."""
    key = new_key()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(B(iroh_port, key)) for _ in range(6)]
        for client in clients[:-1]:
            is_told(client, active=False)
        assert clients[0].is_closed()
        for client in clients[1:]:
            client.echo()


# ---- where ----


def answers(relay, standard, path="/relay"):
    tls = standard == 443
    with A(relay.port(standard), tls=tls, path=path) as client:
        return client.status


def test_ping_and_captive_portals(iroh_relay):
    for standard in (80, 443):
        status, headers, body = iroh_relay.request("/ping", port=standard)
        assert (status, body, headers["access-control-allow-origin"]) == (200, b"", "*")
        headers = {"X-Iroh-Challenge": "ts_a.B-9"}
        status, headers, body = iroh_relay.request("/generate_204", port=standard, headers=headers)
        assert (status, headers["x-iroh-response"], body) == (204, "response ts_a.B-9", b"")


@pytest.mark.parametrize(
    "setting, on_https, on_http",
    [
        ("", False, False),
        ("https://iroh.example.org", False, False),
        ("http://iroh.example.org:8080", False, False),
        ("https://127.0.0.1", True, False),
        ("http://127.0.0.1:1234", True, True),
    ],
)
def test_where_it_is_served(setting, on_https, on_http):
    with Relay(settings={"iroh_relay": setting}) as relay:
        for standard, on in ((443, on_https), (80, on_http)):
            served = 101 if on else 404
            # What port 80 does not know it sends on to 443.
            elsewhere = (served,) if on or standard == 443 else (301, 302, 307, 308, 404)
            assert answers(relay, standard) in elsewhere and answers(relay, standard, "/derp") in elsewhere
            status = relay.request("/ping", port=standard)[0]
            assert status == 200 if on else status in elsewhere


def test_switched_off_and_on_again():
    """By a reload; who is there stays."""
    with Service() as relay, A(relay.port(80)) as one:
        one.echo()
        relay.settings["iroh_relay"] = ""
        relay.write_config()
        relay.signal(signal.SIGHUP)
        wait_until(lambda: answers(relay, 443) == 404, 10, "the end of the service")
        assert answers(relay, 80) == 301
        one.echo()
        del relay.settings["iroh_relay"]
        relay.write_config()
        relay.signal(signal.SIGHUP)
        wait_until(lambda: answers(relay, 443) == 101, 10, "the service again")
        with A(relay.port(80)) as other:
            other.packet(one.id, b"hello")
            assert one.next_packet() == (other.id, b"hello")


# ---- the relay's own life ----


def test_relay_process_dies():
    """Clients come again, and all is as before."""
    with Relay() as relay, A(relay.port(80)) as a, B(relay.port(80)) as b:
        a.echo(), b.echo()
        old = relay.kill_child()
        assert a.is_closed() and b.is_closed()
        relay.wait_for_child(other_than=old)
        for dialect, key in ((A, a.key), (B, b.key)):
            with dialect(relay.port(80), key) as again, dialect(relay.port(80)) as other:
                other.packet(again.id, b"welcome back")
                assert again.next_packet() == (other.id, b"welcome back")


def test_shutdown_is_said():
    """By a close frame in B; clients of A see the end. It does not wait for them."""
    relay = Relay().start()
    try:
        with A(relay.port(80)) as a, B(relay.port(80)) as b:
            a.echo(), b.echo()
            relay.stop()
            assert "relay.connections_cut" not in relay.log()
            assert a.is_closed() and b.is_closed() and b.close_status == 1001
    finally:
        relay.kill()
        relay.remove()


class Guest(threading.Thread):
    """Comes again and again, in any dialect, with one of a few keys, and does what comes to its mind."""

    def __init__(self, relay, keys, until, seed):
        super().__init__()
        self.relay, self.keys, self.until, self.any = relay, keys, until, random.Random(seed)
        self.visits, self.failure = 0, None

    def run(self):
        try:
            while time.monotonic() < self.until or self.visits == 0:
                with contextlib.suppress(wire.Closed, OSError):
                    self.visit()
        except BaseException as error:
            self.failure = error

    def visit(self):
        dialect, tls = self.any.choice([A, B, b_v1]), self.any.random() < 0.3
        room = self.any.choice([None, 4096])
        with dialect(self.relay.port(443 if tls else 80), key=self.any.choice(self.keys), tls=tls, room=room) as client:
            self.visits += 1
            for _ in range(self.any.randrange(1, 15)):
                self.any.choice([self.talk, self.talk, self.listen, self.be_rude])(client)
            if self.any.random() < 0.5:  # a reset instead of an end
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def talk(self, client):
        size = self.any.choice([1, 100, 1200, 14000, 65000])
        for _ in range(self.any.randrange(1, 40)):
            client.packet(public(self.any.choice(self.keys)), bytes(size))

    def listen(self, client):
        client.sock.settimeout(0.05)
        with contextlib.suppress(TimeoutError):
            for _ in range(self.any.randrange(1, 200)):
                client.read_exactly(self.any.randrange(1, 20000))
        client.sock.settimeout(5)

    def be_rude(self, client):
        whole = a_frame(iroh.PING, bytes(8)) if isinstance(client, A) else message(bytes([iroh.B_PING]) + bytes(8))
        half, close = whole[: self.any.randrange(len(whole))], websocket_frame(0x88, b"")
        if self.any.random() < 0.3:
            client.send(self.any.choice([half, whole * 100, self.any.randbytes(20), close]))


@pytest.mark.parametrize("seed", [random.randrange(2**32)])
def test_everything_at_once(seed):
    """Many who come, talk, do not listen, and are rude, with few keys, so that they replace each other all the time. In
    the end nobody is there, nothing has broken, and two who behave can talk."""
    settings = {"iroh_bandwidth": "1G", "iroh_connections_per_address": "1000"}
    with Relay(settings=settings) as relay:
        pid, until = relay.wait_for_child(), time.monotonic() + 10
        keys = [new_key() for _ in range(5)]
        guests = [Guest(relay, keys, until, seed + number) for number in range(12)]
        for guest in guests:
            guest.start()
        for guest in guests:
            guest.join()
            assert guest.failure is None and guest.visits > 0, guest.failure
        levels = [f'connections{{dialect="{name}"}}' for name in ("a", "b1", "b2")]
        wait_until(lambda: all(counters(relay)[name] == 0 for name in levels), 10, "the end of all of them")
        assert relay.child_pid() == pid
        with A(relay.port(80), keys[0]) as one, A(relay.port(80), keys[1]) as other:
            one.packet(other.id, b"peace")
            assert other.next_packet() == (one.id, b"peace")


def test_keys_are_not_logged(iroh_relay):
    with A(iroh_relay.port(80)) as a, B(iroh_relay.port(80)) as b:
        a.echo(), b.echo()
        a.send(b"\xff"), b.send(b"\xff\xff")
        assert a.is_closed() and b.is_closed()
        log = iroh_relay.log().lower()
        for client in (a, b):
            assert client.id.hex() not in log and "127.77." not in log
    iroh_relay.check_log()


def test_ends_in_the_midst():
    """While many talk across all loops: at once and in order, whoever it is."""
    settings = {"iroh_bandwidth": "1G", "iroh_connections_per_address": "1000"}
    with Relay(settings=settings) as relay:
        keys = [new_key() for _ in range(5)]
        guests = [Guest(relay, keys, float("inf"), number) for number in range(8)]
        for guest in guests:
            guest.start()
        try:
            wait_until(lambda: all(guest.visits > 3 for guest in guests), GUARD, "guests")
            relay.stop()
        finally:
            for guest in guests:
                guest.until, guest.visits = 0, max(guest.visits, 1)
        for guest in guests:
            guest.join()
            assert guest.failure is None, guest.failure
        assert "relay.connections_cut" not in relay.log()
