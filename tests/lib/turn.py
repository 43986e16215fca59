# SPDX-License-Identifier: MIT
"""STUN and TURN over UDP for the tests (RFC 8489, RFC 8656): packets written and read by hand, and a client that owns
one socket. It says what comes back and hides nothing: an error is an answer like any other.
"""
import base64
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import time
import zlib

from timelimit import GUARD, PATIENCE

COOKIE = 0x2112A442
PORT = 3478
UDP = b"\x11\0\0\0"
REQUEST, INDICATION, SUCCESS, ERROR = 0x000, 0x010, 0x100, 0x110
BINDING, ALLOCATE, REFRESH, SEND, DATA_METHOD, PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
(USERNAME, INTEGRITY, ERROR_CODE, UNKNOWN, CHANNEL, LIFETIME, PEER, DATA, REALM, NONCE, RELAYED, FAMILY, EVEN_PORT,
 TRANSPORT, DONT_FRAGMENT, MAPPED, TOKEN, FINGERPRINT) = (
    0x06, 0x08, 0x09, 0x0A, 0x0C, 0x0D, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x20, 0x22, 0x8028)
IPV4_FAMILY, IPV6_FAMILY = b"\1\0\0\0", b"\2\0\0\0"
UDP_HEAD = 28  # octets of IPv4 and UDP before a packet


# ---- packets ----


def attribute(kind, value=b""):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def xor_address(address, identity):
    """("192.0.2.1", 5) as the value of an XOR address."""
    ip = ipaddress.ip_address(address[0])
    mask = struct.pack(">I", COOKIE) + identity
    octets = bytes(a ^ b for a, b in zip(ip.packed, mask))
    return struct.pack(">BBH", 0, 1 if ip.version == 4 else 2, address[1] ^ COOKIE >> 16) + octets


def peer(address, identity):
    return attribute(PEER, xor_address(address, identity))


def number(kind, value):
    return attribute(kind, struct.pack(">I", value))


def channel_number(value):
    return attribute(CHANNEL, struct.pack(">HH", value, 0))


def message(kind, body=b"", identity=None, key=None, fingerprint=False):
    """A whole message: class and method in one number, attributes as octets, signed when a key is given."""
    identity = identity or os.urandom(12)

    def head(more):
        return struct.pack(">HHI", kind, len(body) + more, COOKIE) + identity

    if key is not None:
        body += attribute(INTEGRITY, hmac.new(key, head(24) + body, hashlib.sha1).digest())
    if fingerprint:
        body += number(FINGERPRINT, zlib.crc32(head(8) + body) ^ 0x5354554E)
    return head(0) + body


def channel_data(channel, data):
    return struct.pack(">HH", channel, len(data)) + data


class Message:
    """A message read; what is wrong with it raises."""

    def __init__(self, octets):
        self.octets = octets
        kind, length, cookie = struct.unpack(">HHI", octets[:8])
        assert kind < 0x4000 and cookie == COOKIE and length == len(octets) - 20 and length % 4 == 0, octets
        self.kind, self.method, self.identity = kind & 0x110, kind & 0xF, octets[8:20]
        self.attributes, self.order = {}, []
        at = 20
        while at < len(octets):
            name, size = struct.unpack(">HH", octets[at : at + 4])
            value = octets[at + 4 : at + 4 + size]
            assert len(value) == size, octets
            if name == INTEGRITY:
                self.signed = struct.pack(">HHI", kind, at + 24 - 20, COOKIE) + octets[8:at]
            if name == FINGERPRINT:
                assert value == struct.pack(">I", zlib.crc32(octets[:at]) ^ 0x5354554E) and at + 8 == len(octets)
            self.attributes.setdefault(name, value)
            self.order.append(name)
            at += 4 + size + -size % 4

    def __contains__(self, name):
        return name in self.attributes

    def __getitem__(self, name):
        return self.attributes[name]

    def is_signed(self, key):
        return INTEGRITY in self and self[INTEGRITY] == hmac.new(key, self.signed, hashlib.sha1).digest()

    @property
    def error(self):
        """The number of an error, 0 for a success."""
        if self.kind != ERROR:
            return 0
        return self[ERROR_CODE][2] * 100 + self[ERROR_CODE][3]

    def address(self, name):
        value = self[name]
        mask = struct.pack(">I", COOKIE) + self.identity
        octets = bytes(a ^ b for a, b in zip(value[4:], mask))
        assert value[1] == {4: 1, 16: 2}[len(octets)]
        return str(ipaddress.ip_address(octets)), struct.unpack(">H", value[2:4])[0] ^ COOKIE >> 16

    def lifetime(self):
        return struct.unpack(">I", self[LIFETIME])[0]


def is_data(octets):
    """And not the answer to a request."""
    return len(octets) >= 4 and (octets[0] >= 0x40 or int.from_bytes(octets[:2], "big") & 0x110 == INDICATION)


# ---- credentials ----


class Credentials:
    def __init__(self, username, password, realm):
        self.username, self.password, self.realm = username, password, realm

    def key(self, realm=None):
        text = f"{self.username}:{realm or self.realm}:{self.password}"
        return hashlib.md5(text.encode()).digest()

    @classmethod
    def of_secret(cls, secret, realm, valid_s=3600, username=None):
        """What anyone makes who knows the secret."""
        username = str(int(time.time()) + valid_s) if username is None else username
        password = base64.b64encode(hmac.new(secret, username.encode(), hashlib.sha1).digest()).decode()
        return cls(username, password, realm)


# ---- the client ----


class Client:
    """A socket that speaks to one server. `credentials` may be None: then nothing is signed."""

    def __init__(self, server, credentials=None, own=None, port=PORT, timeout=GUARD * PATIENCE):
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.settimeout(timeout)
        self.socket.bind((own or ("::" if family == socket.AF_INET6 else "0.0.0.0"), 0))
        self.socket.connect((server, port))
        self.credentials = credentials
        self.nonce = None
        self.waiting = []  # data that came while an answer was waited for

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    @property
    def address(self):
        return self.socket.getsockname()[:2]

    @property
    def key(self):
        return self.credentials.key()

    # ---- requests ----

    def exchange(self, octets):
        """Sends a request as it is, once; its answer, or None when there was none in time."""
        self.socket.send(octets)
        return self.answer(octets[8:20])

    def ask(self, octets, others=None):
        """Sends a request as it is, and again each second until it is answered, as clients do (RFC 8489 section 6.2.1):
        a busy machine drops packets, and the relay answers an address that has proved nothing so many times a second.
        `others`: the answers to other requests that come before it are put there."""
        usual = self.socket.gettimeout()
        self.socket.settimeout(1)
        try:
            for _ in range(GUARD * PATIENCE):
                self.socket.send(octets)
                answer = self.answer(octets[8:20], others)
                if answer is not None:
                    return answer
        finally:
            self.socket.settimeout(usual)
        raise AssertionError("no answer")

    def answer_if_any(self, octets):
        """Sends a request as it is, once; its answer, or None: when a later request of this socket is answered, there
        will be none any more."""
        others = []
        self.socket.send(octets)
        self.ask(message(BINDING), others)
        return next((m for m in others if m.identity == octets[8:20]), None)

    def settle(self):
        """Until the relay has looked at all that was sent."""
        self.ask(message(BINDING))

    def answer(self, identity, others=None):
        deadline = time.monotonic() + self.socket.gettimeout()
        while time.monotonic() < deadline:
            try:
                got = self.socket.recv(65536)
            except TimeoutError:
                return None
            if got[0] < 0x40 and got[8:20] == identity:
                return Message(got)
            if is_data(got):
                self.waiting.append(got)
            elif others is not None:
                others.append(Message(got))
        return None

    def signed(self, method, body=b"", identity=None, **other):
        """A request with the credentials and the nonce that are known. Others may be given by name; None leaves one
        out."""
        values = {
            USERNAME: other.get("username", self.credentials.username),
            REALM: other.get("realm", self.credentials.realm),
            NONCE: other.get("nonce", self.nonce),
        }
        for name, value in values.items():
            if value is not None:
                body += attribute(name, value if isinstance(value, bytes) else value.encode())
        return message(method, body, identity, key=other.get("key", self.key))

    def greet(self):
        """Asks for a nonce, as the first request of a client does."""
        answer = self.ask(message(ALLOCATE, attribute(TRANSPORT, UDP)))
        assert answer.error == 401, answer.error
        self.nonce = answer[NONCE]
        return answer

    def request(self, method, body=b"", identity=None):
        """A signed request; an answer that is a success must be signed too."""
        if self.nonce is None:
            self.greet()
        answer = self.ask(self.signed(method, body, identity))
        assert answer.kind == ERROR or answer.is_signed(self.key), "a success that is not signed"
        return answer

    def binding(self):
        return self.ask(message(BINDING)).address(MAPPED)

    def allocate(self, *attributes, transport=UDP, identity=None):
        return self.request(ALLOCATE, attribute(TRANSPORT, transport) + b"".join(attributes), identity)

    def relay(self, *attributes):
        """Allocates; the relayed address."""
        answer = self.allocate(*attributes)
        assert answer.error == 0, answer.error
        return answer.address(RELAYED)

    def refresh(self, lifetime):
        return self.request(REFRESH, number(LIFETIME, lifetime))

    def permit(self, *addresses):
        identity = os.urandom(12)
        return self.request(PERMISSION, b"".join(peer(a, identity) for a in addresses), identity)

    def bind(self, channel, address):
        identity = os.urandom(12)
        return self.request(CHANNEL_BIND, channel_number(channel) + peer(address, identity), identity)

    # ---- data ----

    def send(self, address, data):
        identity = os.urandom(12)
        self.socket.send(message(SEND | INDICATION, peer(address, identity) + attribute(DATA, data), identity))

    def send_channel(self, channel, data):
        self.socket.send(channel_data(channel, data))

    def receive(self):
        """The next data: (channel or address of the peer, octets), or None when nothing comes."""
        got = self.waiting.pop(0) if self.waiting else b""
        while not is_data(got):  # a second answer to what was asked twice, perhaps
            try:
                got = self.socket.recv(65536)
            except TimeoutError:
                return None
        if got[0] >= 0x40:
            channel, length = struct.unpack(">HH", got[:4])
            assert 0 <= len(got) - 4 - length <= 3, got
            return channel, got[4 : 4 + length]
        m = Message(got)
        assert (m.kind, m.method) == (INDICATION, DATA_METHOD), got
        return m.address(PEER), m[DATA]

    def silence(self, seconds=0.3):
        """Asserts that nothing comes for a while."""
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            assert self.receive() is None
        finally:
            self.socket.settimeout(before)
