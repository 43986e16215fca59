# SPDX-License-Identifier: MIT
"""Clients of the iroh relay that show the wire, in both dialects, so that a test can be rude on purpose.

Both have the same few words: packet(), ping(), next(), next_packet(). Nothing here comes from the relay's own code.
"""
import base64
import hashlib
import itertools
import os
import socket
import struct

import nacl.signing
import wire
from OpenSSL import SSL
from timelimit import GUARD, PATIENCE

MAGIC = b"RELAY" + "\U0001f511".encode()
DISCOVERY = b"TS" + "\U0001f4ac".encode()
CLIENT_INFO, SEND, RECV, KEEP_ALIVE, PREFERRED, GONE, PING, PONG, HEALTH, RESTARTING = 2, 4, 5, 6, 7, 8, 12, 13, 14, 15
B_CHALLENGE, B_AUTH, B_CONFIRM, B_DENY, B_SEND, B_SEND_BATCH, B_RECV, B_RECV_BATCH = range(8)
B_GONE, B_PING, B_PONG, B_HEALTH, B_RESTARTING, B_STATUS = range(8, 14)
TEXT, BINARY, CLOSE, WS_PING, WS_PONG = 1, 2, 8, 9, 10
WEBSOCKET_KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LABEL = b"iroh-relay handshake v1"


SOURCES = itertools.count(1)


def new_source():
    number = next(SOURCES)
    return f"127.77.{number // 250}.{number % 250 + 1}"


def new_key():
    return nacl.signing.SigningKey.generate()


def public(key):
    return bytes(key.verify_key)


# ---- BLAKE3, of one block ----

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]


def compress(chaining, octets, flags):
    words = list(struct.unpack("<16I", octets.ljust(64, b"\0")))
    s = [*chaining, *IV[:4], 0, 0, len(octets), flags]

    def mix(a, b, c, d, *pair):
        for word, (r1, r2) in zip(pair, ((16, 12), (8, 7))):
            s[a] = (s[a] + s[b] + word) & 0xFFFFFFFF
            s[d] = turn(s[d] ^ s[a], r1)
            s[c] = (s[c] + s[d]) & 0xFFFFFFFF
            s[b] = turn(s[b] ^ s[c], r2)

    for _ in range(7):
        for i in range(4):
            mix(i, 4 + i, 8 + i, 12 + i, *words[2 * i : 2 * i + 2])
        for i in range(4):
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, *words[8 + 2 * i : 10 + 2 * i])
        words = [words[i] for i in PERMUTATION]
    return [s[i] ^ s[i + 8] for i in range(8)]


def turn(word, n):
    return (word >> n | word << (32 - n)) & 0xFFFFFFFF


def to_sign(challenge):
    key = compress(IV, b"iroh-relay handshake v1 challenge signature", 1 | 2 | 8 | 32)
    return struct.pack("<8I", *compress(key, challenge, 1 | 2 | 8 | 64))


# ---- what both have ----


class Client(wire.Connection):
    """A connection after the answer to its first request: `status`, `head` and, when it is no upgrade, `body`.

    Each comes from an address of its own in 127.0.0.0/8, or from `source`: there are limits by address. `room` is how
    much the kernel may keep of what was not read.
    """

    def __init__(self, port, request, tls=False, timeout=GUARD * PATIENCE, source=None, host="127.0.0.1", room=None):
        self.sock = socket.socket()
        self.sock.settimeout(timeout)
        if room:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        if host == "127.0.0.1":
            self.sock.bind((source or new_source(), 0))
        self.sock.connect((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.wrap(tls, timeout)
        self.send(request() if callable(request) else request)
        self.head = []
        while line := self.read_line():
            self.head.append(line.decode())
        self.status = int(self.head[0].split()[1])
        if self.status != 101:
            self.body = self.read_exactly(int(self.field("content-length") or 0))

    def wrap(self, tls, timeout):
        if tls:
            self._wrap()

    def field(self, name):
        for line in self.head[1:]:
            if line.lower().startswith(name.lower() + ":"):
                return line.partition(":")[2].strip()
        return None

    def next_packet(self):
        """(source, packet); pings of the relay are answered on the way."""
        while True:
            kind, payload = self.next()
            if kind in self.PACKETS:
                return payload[:32], payload[32:]
            if kind == self.PING:
                self.pong(payload)

    def echo(self):
        """Sends a Ping and waits for its Pong: all that was sent before has been looked at, and the client is alive."""
        data = os.urandom(8)
        self.ping(data)
        while True:
            kind, payload = self.next()
            if kind == self.PONG:
                assert payload == data
                return self
            if kind == self.PING:
                self.pong(payload)

    def is_closed(self):
        """Waits for the end; what came before it is lost."""
        try:
            while True:
                self.next()
        except wire.Closed:
            return True


class A(Client):
    """Dialect A, of iroh 0.35."""

    PING, PONG, PACKETS = PING, PONG, (RECV,)

    def __init__(self, port, key=None, path="/relay", hello=True, request=None, **more):
        self.key = key or new_key()
        default = f"GET {path} HTTP/1.1\r\nupgrade: iroh derp http\r\nhost: 127.0.0.1:{port}\r\n\r\n"
        super().__init__(port, request or default.encode(), **more)
        if hello and self.status == 101:
            self.send(client_info(self.key))
            self.echo()  # as genuine clients do: nothing else tells them that they are in

    @property
    def id(self):
        return public(self.key)

    def frame(self, kind, payload=b""):
        self.send(a_frame(kind, payload))
        return self

    def next(self):
        kind, length = struct.unpack(">BI", self.read_exactly(5))
        return kind, self.read_exactly(length)

    def packet(self, to, data):
        return self.frame(SEND, to + data)

    def ping(self, data=b"12345678"):
        return self.frame(PING, data)

    def pong(self, data):
        return self.frame(PONG, data)


def a_frame(kind, payload=b""):
    return struct.pack(">BI", kind, len(payload)) + payload


def client_info(key, version=3, signature=None):
    message = bytes([version])
    signature = signature or key.sign(message).signature
    return a_frame(CLIENT_INFO, MAGIC + public(key) + signature + message)


class B(Client):
    """Dialect B, of iroh 1.0; hello=False leaves the challenge unanswered, in `challenge`."""

    PING, PONG, PACKETS = B_PING, B_PONG, (B_RECV, B_RECV_BATCH)

    def __init__(self, port, key=None, offer="iroh-relay-v2, iroh-relay-v1", hello=True, fields="", **more):
        self.key = key or new_key()

        def request():
            return (
                f"GET /relay HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {WEBSOCKET_KEY}\r\nSec-WebSocket-Version: 13\r\n"
                f"sec-websocket-protocol: {offer}\r\n{self.ticket()}{fields}\r\n"
            ).encode()

        super().__init__(port, request, **more)
        if self.status != 101:
            return
        accept = hashlib.sha1(WEBSOCKET_KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        assert self.field("sec-websocket-accept") == base64.b64encode(accept).decode()
        self.protocol = self.field("sec-websocket-protocol")
        if hello:
            self.prove()

    def ticket(self):
        return ""

    def prove(self):
        kind, payload = self.next()
        if kind == B_CHALLENGE:
            assert len(payload) == 16
            self.challenge = payload
            self.message(B_AUTH, self.proof(payload))
            kind, payload = self.next()
        assert (kind, payload) == (B_CONFIRM, b""), (kind, payload)

    def proof(self, challenge):
        return public(self.key) + b"\x40" + self.key.sign(to_sign(challenge)).signature

    @property
    def id(self):
        return public(self.key)

    def message(self, kind, payload=b""):
        self.send(websocket_frame(0x80 | BINARY, bytes([kind]) + payload))
        return self

    def next_frame(self):
        """(opcode, payload) of a websocket frame."""
        first, length = self.read_exactly(2)
        assert first & 0xF0 == 0x80 and length < 128, "whole and unmasked"
        if length >= 126:
            length = int.from_bytes(self.read_exactly(2 if length == 126 else 8), "big")
        return first & 15, self.read_exactly(length)

    def next(self):
        opcode, payload = self.next_frame()
        assert opcode == BINARY, (opcode, payload)
        return payload[0], payload[1:]

    def packet(self, to, data, ecn=0):
        """`data` without the octet before it that tells of congestion."""
        return self.message(B_SEND, to + bytes([ecn]) + data)

    def next_packet(self):
        source, data = super().next_packet()
        return source, data[1:]

    def ping(self, data=b"12345678"):
        return self.message(B_PING, data)

    def pong(self, data):
        return self.message(B_PONG, data)

    def is_closed(self):
        """With or without a close frame, whose status is in `close_status` then."""
        self.close_status = None
        try:
            while True:
                opcode, payload = self.next_frame()
                if opcode == CLOSE:
                    self.close_status = int.from_bytes(payload[:2], "big")
        except wire.Closed:
            return True


class BWithTicket(B):
    """Dialect B over TLS, with the proof in the request; `spoil` changes what is exported."""

    def __init__(self, port, spoil=False, **more):
        self.spoil = spoil
        super().__init__(port, **more)

    def wrap(self, tls, timeout):
        raw = self.sock
        raw.settimeout(None)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", timeout, 0))
        self.tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), raw)
        self.tls.set_connect_state()
        self.tls.do_handshake()
        self.sock = self.tls

    def _fill(self):
        try:
            self.buffer += self.tls.recv(65536)
        except (SSL.ZeroReturnError, SSL.SysCallError):
            raise wire.Closed(f"closed by the peer; unread: {self.buffer!r}") from None

    def ticket(self):
        material = bytearray(self.tls.export_keying_material(LABEL, 32, public(self.key)))
        if self.spoil:
            material[31] ^= 1
        signature = self.key.sign(bytes(material[:16])).signature
        ticket = base64.urlsafe_b64encode(public(self.key) + b"\x40" + signature + material[16:]).rstrip(b"=")
        return f"x-iroh-relay-client-auth-v1: {ticket.decode()}\r\n"


def websocket_frame(first, payload, mask=None):
    """As a client sends it; `first` is its first octet, with all its bits."""
    mask = os.urandom(4) if mask is None else mask
    length = len(payload)
    if length < 126:
        head = bytes([first, 128 | length])
    elif length < 65536:
        head = struct.pack(">BBH", first, 254, length)
    else:
        head = struct.pack(">BBQ", first, 255, length)
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    return head + mask + (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")
