# SPDX-License-Identifier: MIT
"""Who is not let in to the iroh relay, and who is thrown out for what it says, in both dialects."""
import os

import iroh
import pytest
from iroh import A, B, BWithTicket, a_frame, client_info, new_key, websocket_frame
from iroh_lab import message

# ---- proofs ----


def test_proof_in_the_request(iroh_relay):
    """Over TLS that ends here the challenge is spared; when it does not prove anything, it is not."""
    with BWithTicket(iroh_relay.port(443)) as client:
        assert not hasattr(client, "challenge")
        client.echo()
    with BWithTicket(iroh_relay.port(443), spoil=True) as client:
        assert len(client.challenge) == 16
        client.echo()
    nonsense = "x-iroh-relay-client-auth-v1: nonsense\r\n"
    for where in ({"port": iroh_relay.port(443), "tls": True}, {"port": iroh_relay.port(80)}):
        with B(fields=nonsense, **where) as client:
            assert len(client.challenge) == 16
            client.echo()


# The neutral element as key, and what is then a signature of anything for those who do not look at the key.
NEUTRAL, FOR_ANYTHING = b"\1" + bytes(31), b"\x58" + b"\x66" * 31 + b"\1" + bytes(31)


def other_signature():
    return new_key().sign(b"\x03").signature


@pytest.mark.parametrize(
    "hello",
    [
        lambda key: client_info(key, version=4),
        lambda key: client_info(key, version=2),
        lambda key: client_info(key, signature=other_signature()),
        lambda key: a_frame(iroh.CLIENT_INFO, iroh.MAGIC + NEUTRAL + FOR_ANYTHING + b"\3"),
    ],
    ids=["version-4", "version-2", "signature", "small-order"],
)
def test_unproved_keys_of_a(iroh_port, hello):
    """They are told so, and thrown out."""
    with A(iroh_port, hello=False) as client:
        client.send(hello(client.key))
        assert client.next() == (iroh.HEALTH, b"not authenticated")
        assert client.is_closed()


@pytest.mark.parametrize(
    "spoil",
    [lambda proof: proof[:40] + bytes([proof[40] ^ 1]) + proof[41:], lambda proof: NEUTRAL + b"\x40" + FOR_ANYTHING],
    ids=["signature", "small-order"],
)
def test_unproved_keys_of_b(iroh_port, spoil):
    with B(iroh_port, hello=False) as client:
        _, challenge = client.next()
        client.message(iroh.B_AUTH, spoil(client.proof(challenge)))
        reason = b"signature invalid"
        assert client.next() == (iroh.B_DENY, bytes([len(reason)]) + reason)
        assert client.is_closed()


def test_challenges_differ(iroh_port):
    """A proof of one connection is none for another."""
    with B(iroh_port, hello=False) as one, B(iroh_port, one.key, hello=False) as other:
        proof = one.proof(one.next()[1])
        assert other.next()[1] not in (bytes(16), proof)
        other.message(iroh.B_AUTH, proof)
        assert other.next()[0] == iroh.B_DENY and other.is_closed()


# ---- bad input ----

GARBAGE_A = {
    "another frame": a_frame(iroh.PING, bytes(8)),
    "wrong magic": a_frame(iroh.CLIENT_INFO, b"x" * 106),
    "a length too many": b"\2\0\0\0\x6b",
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "zeros": bytes(200),
    "noise": b"\xf7" + os.urandom(300),
}


@pytest.mark.parametrize("name", GARBAGE_A)
def test_garbage_instead_of_client_info(iroh_port, name):
    with A(iroh_port, hello=False) as client:
        client.send(GARBAGE_A[name])
        assert client.read_to_end() == b""


GARBAGE_AFTER_A = {
    "a second ClientInfo": client_info(new_key()),
    "health": a_frame(iroh.HEALTH, b"ill"),
    "unknown types": a_frame(3),
    "type 255": b"\xff",
    "a short packet": a_frame(iroh.SEND, bytes(31)),
    "a long packet": b"\4\0\1\0\x21",
    "a megabyte": b"\4\0\x10\0\0",
    "4 GB": b"\4\xff\xff\xff\xff",
    "a short ping": a_frame(iroh.PING, bytes(7)),
    "a long ping": a_frame(iroh.PING, bytes(9)),
    "a preference that is none": a_frame(iroh.PREFERRED, b"\2"),
}


@pytest.mark.parametrize("name", GARBAGE_AFTER_A)
def test_garbage_of_a(iroh_port, name):
    """Closed, and as soon as the header shows it."""
    with A(iroh_port) as client:
        client.echo()
        client.send(GARBAGE_AFTER_A[name])
        assert client.read_to_end() == b""


GARBAGE_OF_B = {
    "nothing": (message(b""), None),
    "an unknown type": (message(b"\x0e" + bytes(40)), None),
    "a frame of servers": (message(b"\x06" + bytes(40)), None),
    "a second proof": (message(b"\x01" + bytes(97)), None),
    "a long type": (message(b"\x40\x04" + bytes(40)), None),
    "a short datagram": (message(b"\x04" + bytes(32)), None),
    "a short batch": (message(b"\x05" + bytes(34)), None),
    "a short ping": (message(b"\x09" + bytes(7)), None),
    "no mask": (b"\x82\x09\x09" + bytes(8), 1002),
    "an extension": (websocket_frame(0xC2, b"\x09" + bytes(8)), 1002),
    "an unknown opcode": (websocket_frame(0x83, b""), 1002),
    "a fragmented ping": (websocket_frame(0x09, b""), 1002),
    "the end of nothing": (websocket_frame(0x80, b"x"), 1002),
    "a message within another": (websocket_frame(0x02, b"x") + websocket_frame(0x82, b"y"), 1002),
    "a long form of a length": (b"\x82\xfe\x00\x05", 1002),
    "too much": (b"\x82\xff\x00\x00\x00\x00\x00\x01\x00\x02", 1009),
    "too much in fragments": (websocket_frame(0x02, bytes(65000)) + b"\x80\xfe\x02\x1a", 1009),
    "half a close": (websocket_frame(0x88, b"\x03"), 1002),
    "a close that nobody may send": (websocket_frame(0x88, b"\x03\xed"), 1002),
}


@pytest.mark.parametrize("name", GARBAGE_OF_B)
def test_garbage_of_b(iroh_port, name):
    octets, status = GARBAGE_OF_B[name]
    with B(iroh_port) as client:
        client.echo()
        client.send(octets)
        assert client.is_closed() and (status is None or client.close_status == status)


@pytest.mark.parametrize(
    "payload",
    [b"", bytes([iroh.B_PING]) + bytes(8), *(b"\x01" + bytes(n) for n in (96, 97, 98))],
    ids=["nothing", "ping", "short", "no length", "long"],
)
def test_garbage_instead_of_a_proof(iroh_port, payload):
    with B(iroh_port, hello=False) as client:
        client.next()
        client.send(message(payload))
        assert client.is_closed()


@pytest.mark.parametrize("payload, answer", [(b"\x03\xe8", 1000), (b"\x03\xe9bye", 1001), (b"", 0)])
def test_close_of_b_is_answered(iroh_port, payload, answer):
    with B(iroh_port) as client:
        client.send(websocket_frame(0x88, payload))
        assert client.is_closed() and client.close_status == answer


def upgrade(upgrade="iroh derp http", path="/relay", method="GET", version="1.1", more=""):
    return f"{method} {path} HTTP/{version}\r\nHost: x\r\nUpgrade: {upgrade}\r\n{more}\r\n".encode()


OPEN = f"Connection: Upgrade\r\nSec-WebSocket-Key: {iroh.WEBSOCKET_KEY}\r\n"
V13, V2 = "Sec-WebSocket-Version: 13\r\n", "Sec-WebSocket-Protocol: iroh-relay-v2\r\n"
WRONG_REQUESTS = {
    "no upgrade": (b"GET /relay HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "other letters": (upgrade("Iroh Derp HTTP"), 400),
    "another protocol": (upgrade("h2c"), 400),
    "post": (upgrade(method="POST", more="Content-Length: 0\r\n"), 405),
    "a body": (upgrade(more="Content-Length: 5\r\n") + b"hello", 400),
    "websocket of A": (upgrade("websocket", more=OPEN + V13), 400),
    "an unknown protocol": (upgrade("websocket", more=OPEN + V13 + "Sec-WebSocket-Protocol: chat\r\n"), 400),
    "no key": (upgrade("websocket", more="Connection: Upgrade\r\n" + V13 + V2), 400),
    "a short key": (upgrade("websocket", more="Connection: Upgrade\r\nSec-WebSocket-Key: eHl6\r\n" + V13 + V2), 400),
    "no version": (upgrade("websocket", more=OPEN + V2), 400),
    "version 12": (upgrade("websocket", more=OPEN + "Sec-WebSocket-Version: 12\r\n" + V2), 400),
    "websocket at /derp": (upgrade("websocket", "/derp", more=OPEN + V13 + V2), 400),
    "another path": (upgrade(path="/relay/x"), 301),  # as all that port 80 does not know
}


@pytest.mark.parametrize("name", WRONG_REQUESTS)
def test_wrong_requests(iroh_port, name):
    request, status = WRONG_REQUESTS[name]
    with A(iroh_port, request=request) as client:
        assert client.status == status
        if name == "version 12":
            assert client.field("sec-websocket-version") == "13"
