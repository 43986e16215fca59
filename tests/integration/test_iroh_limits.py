# SPDX-License-Identifier: MIT
"""The iroh relay and those who say nothing, do not listen, send too much, or are too many."""
import contextlib
import os
import threading
import time

import iroh
import pytest
import wire
from iroh import A, B, client_info, new_source
from iroh_lab import DIALECTS, counters, wait_counted
from relay import Relay, wait_until
from timelimit import GUARD

# ---- time ----


def test_times(iroh_port):
    """Who says nothing: 10 s until ClientInfo, 30 s until the proof of B; then a Ping after 15 to 20 s, and 5 s for the
    Pong. All of it at once, for it is all waiting. What is seen late on a busy machine is still never early."""
    ended, pinged, alive, last = {}, {}, set(), b"the last"

    def watch(name, make, answers):
        """From before its connection on; who answers goes on until its own last ping is answered."""
        began = time.monotonic()
        clients[name] = client = make()
        try:
            while True:
                kind, payload = client.next()
                if kind == client.PING and name not in pinged:
                    pinged[name] = time.monotonic() - began
                if kind == client.PING and answers:
                    client.pong(payload)
                if kind == client.PONG and payload == last:
                    alive.add(name)
                    return
        except wire.Closed:
            ended[name] = time.monotonic() - began

    def half(client):
        client.send(client_info(client.key)[:110])
        return client

    clients, silent, answering = {}, ("A, silent", "B, silent"), ("A, alive", "B, alive")
    made = {
        "A without a word": lambda: A(iroh_port, hello=False),
        "A with half a word": lambda: half(A(iroh_port, hello=False)),
        "B without a word": lambda: B(iroh_port, hello=False),
        **dict(zip((*silent, *answering), (lambda: A(iroh_port), lambda: B(iroh_port)) * 2)),
    }
    threads = {
        name: threading.Thread(target=watch, args=(name, make, name in answering)) for name, make in made.items()
    }
    for thread in threads.values():
        thread.start()
    for name, thread in threads.items():
        if name in answering:
            clients[name].ping(last)
        thread.join()

    def between(seconds, least, most):
        return least - 0.5 <= seconds <= most + 15

    assert between(ended["A without a word"], 10, 10) and between(ended["A with half a word"], 10, 10), ended
    assert between(ended["B without a word"], 30, 30), ended
    for name in silent:
        assert between(pinged[name], 15, 20) and ended[name] >= 20 - 0.5, (pinged, ended)
        assert ended[name] - pinged[name] <= 5 + 15, (pinged, ended)
    for name in answering:
        assert between(pinged[name], 15, 20) and name in alive, (pinged, ended)
    for client in clients.values():
        client.close()


# ---- who does not keep up ----


@DIALECTS
def test_packets_for_one_who_does_not_read(dialect):
    """What comes when the queue is full is dropped, silently; what fits arrives in order, and then all goes on."""
    with Relay(settings={"iroh_bandwidth": "1G"}) as relay, dialect(relay.port(80)) as sender:
        with dialect(relay.port(80), room=8192) as receiver:
            count, got = 1500, []

            def read():
                got.append(int.from_bytes(receiver.next_packet()[1][:4], "big"))

            for number in range(count):
                sender.packet(receiver.id, number.to_bytes(4, "big") * 250)
                if number % 100 == 99:  # now and then a little: one who takes nothing for 2 s is closed
                    for _ in range(16):
                        read()
            sender.echo()

            def is_all_known():
                while receiver.buffer or not receiver.is_silent(0.5):
                    read()
                return counters(relay).get('dropped_packets_total{reason="full"}') == count - len(got)

            wait_until(is_all_known, GUARD, "the last of what was not dropped")
            assert got == sorted(set(got)) and got[:512] == list(range(512)) and len(got) < count
            sender.packet(receiver.id, b"and now")
            assert receiver.next_packet() == (sender.id, b"and now")


@DIALECTS
def test_one_who_takes_nothing_is_closed(dialect):
    """After 2 s in which it took nothing, at most 4 after it took the last; who sends to it hears nothing of that."""
    with Relay(settings={"iroh_bandwidth": "1G"}) as relay, dialect(relay.port(80)) as sender:
        with dialect(relay.port(80), room=4096) as receiver:
            ended, began = 'ended_total{reason="stalled"}', time.monotonic()
            for _ in range(300):
                sender.packet(receiver.id, bytes(20000))
            wait_counted(relay, ended, 1)
            assert 1.9 <= time.monotonic() - began < 30
            sender.packet(receiver.id, b"hello?")
            sender.echo()
            with pytest.raises((wire.Closed, ConnectionError)):
                for _ in range(300):
                    receiver.next()


@pytest.mark.parametrize("tls", [False, True])
@DIALECTS
def test_one_who_sends_too_fast_is_read_more_slowly(dialect, tls):
    """Nothing is lost by it, nor left behind in what TLS has read already."""
    with Relay(settings={"iroh_bandwidth": "500K"}) as relay:
        port = relay.port(443 if tls else 80)
        with dialect(port, tls=tls) as sender, dialect(relay.port(80)) as receiver:
            packets = [os.urandom(30000) for _ in range(50)]
            began = time.monotonic()

            def send():
                for packet in packets:
                    sender.packet(receiver.id, packet)

            thread = threading.Thread(target=send)
            thread.start()
            assert [receiver.next_packet()[1] for _ in packets] == packets
            took = time.monotonic() - began
            thread.join()
            assert 2 < took, took
            sender.echo()


def test_pong_passes_what_waits(iroh_port):
    """Somebody for whom much waits has its Pong before most of it."""
    with A(iroh_port) as sender, A(iroh_port, room=8192) as receiver:
        for _ in range(90):
            sender.packet(receiver.id, bytes(10000))
        sender.echo()
        receiver.ping(b"quickly!")
        received, before = 0, None
        while received < 90:
            kind, payload = receiver.next()
            received += kind == iroh.RECV
            if kind == iroh.PONG:
                before = received
        assert before <= 45


# ---- how many ----


def test_connections_of_one_address():
    with Relay(settings={"iroh_connections_per_address": 3}) as relay, contextlib.ExitStack() as stack:
        port, source = relay.port(80), new_source()
        clients = [stack.enter_context(dialect(port, source=source).echo()) for dialect in (A, B, A)]
        for dialect in (A, B):
            with dialect(port, source=source) as refused:
                assert refused.status == 503 and refused.field("retry-after")
        stack.enter_context(B(port)).echo()  # of another address
        clients[1].close()
        wait_until(lambda: A(port, source=source).status == 101, GUARD, "a place for another one")
        assert counters(relay)['refused_total{reason="address"}'] >= 2


def test_connections_in_all():
    with Relay(settings={"max_iroh_connections": 3}) as relay, contextlib.ExitStack() as stack:
        for dialect in (A, B, A):
            stack.enter_context(dialect(relay.port(80))).echo()
        with A(relay.port(80)) as refused:
            assert refused.status == 503
        assert relay.request("/ping", port=80)[0] == 200  # has its own limits
        assert counters(relay)['refused_total{reason="total"}'] == 1


def test_arrivals_of_one_address(iroh_port):
    """50 at once, then 10 a second."""
    source, admitted, began = new_source(), 0, time.monotonic()
    for _ in range(70):
        with A(iroh_port, source=source) as client:
            assert client.status in (101, 429)
            admitted += client.status == 101
            assert client.status == 101 or client.field("retry-after")
    assert 50 <= admitted <= 51 + 10 * (time.monotonic() - began)
    with A(iroh_port) as client:
        client.echo()
    time.sleep(0.5)
    with A(iroh_port, source=source) as client:
        client.echo()
