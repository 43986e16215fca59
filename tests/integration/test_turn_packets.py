# SPDX-License-Identifier: MIT
"""Packets that no honest client sends to a STUN and TURN server: broken, forged, and too many."""
import contextlib
import os
import socket
import time

import pytest
import turn
from turn import message
from turn_lab import CHANNEL, both_families, family_of, name_of

CHANGES = (0x01, 0x80, 0xFF)
UNPROVED_PER_S = 8192  # octets, to an address that has proved nothing


def samples(c, address):
    """One of each kind that a client may send, well formed."""
    identity = os.urandom(12)
    transport = turn.attribute(turn.TRANSPORT, turn.UDP)
    return [
        message(turn.BINDING),
        message(turn.BINDING, fingerprint=True),
        message(turn.ALLOCATE, transport),
        c.signed(turn.ALLOCATE, transport + turn.attribute(turn.EVEN_PORT, b"\x80")),
        c.signed(turn.REFRESH, turn.number(turn.LIFETIME, 600)),
        c.signed(turn.PERMISSION, turn.peer(address, identity), identity),
        c.signed(turn.CHANNEL_BIND, turn.channel_number(CHANNEL) + turn.peer(address, identity), identity),
        message(turn.SEND | turn.INDICATION, turn.peer(address, identity) + turn.attribute(turn.DATA, b"data"), identity),
        turn.channel_data(CHANNEL, b"data"),
    ]


@both_families
def test_truncated_packets(turn_lab, client, peer, ipv6):
    c, p = client(ipv6=ipv6), peer(ipv6)
    c.relay(family_of(ipv6))
    assert c.permit(name_of(p)).error == 0 and c.bind(CHANNEL, name_of(p)).error == 0
    for sample in samples(c, name_of(p)):
        for length in range(len(sample)):
            c.socket.send(sample[:length])
            if sample[0] < 0x40 and length >= 20:  # with a length of its own that fits
                c.socket.send(sample[:2] + (length - 20).to_bytes(2, "big") + sample[4:length])
        c.settle()
    assert c.refresh(600).error == 0  # alive, and the allocation is as it was


@contextlib.contextmanager
def neighbours(lab, address):
    """Sockets at the addresses that differ from this one in the bits that are changed, and have its port."""
    network, last = address[0].rsplit(".", 1)
    ips = [f"{network}.{int(last) ^ change}" for change in CHANGES]
    ours = [ip for ip in ips if ip != lab.guest.ipv4]
    lab.peer.ip(*(f"addr add {ip}/32 dev eth0" for ip in ours))
    with contextlib.ExitStack() as stack:
        sockets = []
        for ip in ips:
            with (lab.peer if ip in ours else lab.guest).inside():
                s = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                s.bind((ip, address[1]))
            s.settimeout(0.2)
            sockets.append(s)
        yield sockets
    lab.peer.ip(*(f"addr del {ip}/32 dev eth0" for ip in ours))


def test_changed_octets(turn_lab, client, peer):
    """Each octet of each packet in turn becomes another one; nothing dies, and no data goes astray."""
    c, p = client(), peer()
    c.relay()
    assert c.permit(name_of(p)).error == 0 and c.bind(CHANNEL, name_of(p)).error == 0
    with neighbours(turn_lab, name_of(p)) as others:
        for sample in samples(c, name_of(p)):
            for at in range(len(sample)):
                for change in CHANGES:
                    c.socket.send(sample[:at] + bytes([sample[at] ^ change]) + sample[at + 1 :])
            c.settle()
        assert c.refresh(600).error == 0
        assert p.recv(100)  # changed data is data, too
        for other in others:
            with pytest.raises(TimeoutError):
                other.recv(100)


def test_garbage_and_oversized_packets(client):
    c = client()
    c.relay()
    for size in (0, 1, 3, 4, 19, 20, 21, 500, 1500, 2048, 2049, 9000, 65507):
        for first in (0x00, 0x01, 0x16, 0x40, 0x7F, 0x80, 0xFF):
            c.socket.send((bytes([first]) + os.urandom(size))[:size])
    big = message(turn.BINDING, turn.attribute(0x8022, bytes(60000)))
    answers = []
    c.socket.send(big)
    c.ask(message(turn.BINDING), answers)
    assert all(len(a.octets) < 200 for a in answers)
    assert c.refresh(600).error == 0


def test_malformed_requests(client, peer):
    """What a client that is known does wrong is told to it."""
    c, p = client(), peer()
    transport = turn.attribute(turn.TRANSPORT, turn.UDP)
    for error, body in (
        (400, b""),
        (442, turn.attribute(turn.TRANSPORT, b"\x06\0\0\0")),
        (400, turn.attribute(turn.TRANSPORT, b"\x11")),
        (420, transport + turn.attribute(turn.DONT_FRAGMENT)),
        (420, transport + turn.attribute(0x7777, b"what")),
        (440, transport + turn.attribute(turn.FAMILY, b"\3\0\0\0")),
        (400, transport + turn.attribute(turn.TOKEN, bytes(8)) + turn.attribute(turn.EVEN_PORT, b"\0")),
        (400, transport + turn.attribute(turn.TOKEN, bytes(8)) + family_of(False)),
        (508, transport + turn.attribute(turn.TOKEN, bytes(8))),
        (400, transport + turn.attribute(turn.LIFETIME, b"\0\0")),
    ):
        answer = c.request(turn.ALLOCATE, body)
        assert answer.error == error, (error, body)
        assert answer.is_signed(c.key)
        if error == 420:
            assert answer[turn.UNKNOWN] in (b"\0\x1a", b"\x77\x77")
    assert c.refresh(600).error == 437
    assert c.permit(name_of(p)).error == 437
    c.relay()
    for error, method, body in (
        (400, turn.PERMISSION, b""),
        (400, turn.PERMISSION, turn.attribute(turn.PEER, b"\0\1\0")),
        (400, turn.CHANNEL_BIND, turn.channel_number(CHANNEL)),
        (443, turn.REFRESH, family_of(True)),
    ):
        assert c.request(method, body).error == error, (error, method, body)
    for channel in (0, 0x3FFF, 0x8000, 0xFFFF):
        assert c.bind(channel, name_of(p)).error == 400, channel
    assert c.bind(CHANNEL, name_of(p)).error == 0
    assert c.bind(CHANNEL, name_of(p)).error == 0  # again: refreshed
    assert c.bind(CHANNEL, ("10.77.0.99", 1)).error == 400  # the channel of another peer
    assert c.bind(CHANNEL + 1, name_of(p)).error == 400  # the peer of another channel


def test_spoofed_data_for_an_allocation(turn_lab, client, peer):
    """An allocation belongs to one address and port: data and requests from elsewhere are nothing to it."""
    c, p = client(), peer()
    relayed = c.relay()
    assert c.bind(CHANNEL, name_of(p)).error == 0
    stranger = client()
    stranger.greet()
    stranger.send_channel(CHANNEL, b"not mine")
    stranger.send(name_of(p), b"not mine")
    assert stranger.refresh(0).error == 437
    p.settimeout(0.3)
    with pytest.raises(TimeoutError):
        p.recv(100)
    # And from a stranger to the relayed address.
    outsider = turn_lab.socket(turn_lab.guest)
    outsider.sendto(b"without permission", relayed)
    c.silence()
    outsider.close()


def test_answers_are_short(client):
    """To whoever has not proved to be at that address nothing is sent that is worth forging it: at most twice what came,
    headers of IP and UDP included."""
    c = client()
    c.greet()
    time.sleep(1)  # what an address is answered in a second is all there again
    transport = turn.attribute(turn.TRANSPORT, turn.UDP)
    questions = [message(method) for method in (1, 3, 4, 8, 9, 2, 10, 11, 12)]
    questions += [message(turn.ALLOCATE, transport), message(turn.ALLOCATE, transport, fingerprint=True)]
    questions += [message(turn.BINDING, b"".join(turn.attribute(0x7000 + i) for i in range(n))) for n in (1, 20, 300)]
    questions += [c.signed(method, key=b"wrong") for method in (3, 4, 8, 9)]
    questions += [c.signed(3, nonce=b"old"), c.signed(3, realm=None), c.signed(3, username=None)]
    questions += [message(kind | turn.BINDING) for kind in (turn.INDICATION, turn.SUCCESS, turn.ERROR)]
    answered = 0
    for question in questions:
        answer = c.answer_if_any(question)
        if answer is not None:
            answered += 1
            assert len(answer.octets) + turn.UDP_HEAD <= 2 * (len(question) + turn.UDP_HEAD), question
    assert answered >= 12


def test_flood_of_unauthenticated_requests(turn_lab, client):
    """One address is answered so many of them a second and no more, and others do not notice."""
    flooder, other = client(host=turn_lab.peer), client()
    question = message(turn.ALLOCATE, turn.attribute(turn.TRANSPORT, turn.UDP))
    sent = octets = 0
    flooder.socket.settimeout(0.0)
    began, took = time.monotonic(), 0
    while took < 3 or sent < 3000:
        with contextlib.suppress(BlockingIOError):
            flooder.socket.send(question)
            sent += 1
            octets += len(flooder.socket.recv(2000))
        took = time.monotonic() - began
    assert octets <= UNPROVED_PER_S * (1 + took), (sent, octets, took)
    assert other.allocate().error == 0
    # A client at that address that signs is served as ever, once it is known; and later all are answered again.
    flooder.socket.settimeout(1)
    flooder.settle()
    assert flooder.allocate().error == 0
