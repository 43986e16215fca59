# SPDX-License-Identifier: MIT
"""Genuine clients of the iroh relay: apps in a chat of two Delta Chat cores (dialect A), and two nodes of iroh 1.0
(dialect B). What they send each other crosses the relay, for there is no other way between them."""
import contextlib
import json
import os
import pathlib
import re
import select
import socket
import subprocess
import threading
import time
import types
import urllib.parse
import zipfile

import deltachat
import pytest
from admin import run
from lab import Lab, LabError, LabRelay, require
from relay import Account, Relay
from timelimit import GUARD, PATIENCE

HERE = pathlib.Path(__file__).resolve().parent
NO_UDP = """
add table inet lab
add chain inet lab out { type filter hook output priority 0; }
add rule inet lab out meta l4proto udp drop
"""
HUGE = 128_000  # the most that an app can send at once
# Of the clients: how long until they try again when their relay is back.
COMES_BACK = 2 * GUARD * PATIENCE


def counted(relay, name, label):
    found = re.search(rf"^martlet_{name}\{{{label}\}} (\d+)$", run(relay, "metrics").stdout, re.MULTILINE)
    return int(found[1]) if found else 0


def forwarded(relay, dialect):
    """Octets of packets that the relay has passed on."""
    return counted(relay, "iroh_forwarded_bytes_total", f'dialect="{dialect}"')


# ---- apps in a chat ----


@contextlib.contextmanager
def make_place(settings, firewall=None):
    """A relay without a name and a host for each of two people. A client that sees no interface but loopback, or no
    default route, does not dial at all."""
    try:
        require()
    except LabError as error:
        pytest.skip(str(error))
    with Lab() as lab:
        host = lab.host("relay", 3)
        relay = LabRelay(lab, host, host.ipv4, settings)
        try:
            lab.dns.publish()
            relay.start()
            homes = [lab.host(name, number) for name, number in (("alice", 11), ("bob", 12))]
            for home in homes:
                home.ip(f"route add default via {host.ipv4}")
                if firewall:
                    home.nft(firewall)
            yield types.SimpleNamespace(relay=relay, homes=homes)
            relay.stop()
        finally:
            relay.kill()
            relay.remove()


@pytest.fixture(scope="module")
def place():
    """The relay drops what clients need to find a direct way; but they tell each other addresses inside their packets,
    too, and so their hosts let nothing out over UDP."""
    with make_place({"iroh_relay_only": "true"}, NO_UDP) as made:
        yield made


def link(relay, account):
    query = {"p": account.password, "v": "1", "ih": relay.host.ipv4, "ip": 993, "is": "ssl", "sh": relay.host.ipv4}
    query |= {"sp": 465, "ss": "ssl", "ic": "3"}
    return f"dclogin:{account.address}?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)


class Player:
    """One end of an app that is open on both sides."""

    def __init__(self, profile):
        self.profile, self.app = profile, None

    def join(self):
        self.profile.send_webxdc_realtime_advertisement(self.app)

    def leave(self):
        self.profile.leave_webxdc_realtime(self.app)

    def send(self, data):
        self.profile.send_webxdc_realtime_data(self.app, list(data))

    def wait(self, data, mark):
        self.profile.wait("WebxdcRealtimeData", mark, data=list(data))

    def heard(self, mark):
        """All that has come since the mark."""
        with self.profile.core.changed:
            events = [event for _, number, event in self.profile.core.events[mark:] if number == self.profile.number]
        return [bytes(event["data"]) for event in events if event["kind"] == "WebxdcRealtimeData"]


def say(sender, receiver, data):
    mark = receiver.profile.mark()
    sender.send(data)
    receiver.wait(data, mark)


def say_until_heard(sender, receiver, word):
    """While two clients find each other what they say is lost; so it is said until any of it is heard."""
    mark, said, deadline = receiver.profile.mark(), 0, time.monotonic() + COMES_BACK
    while not any(data.startswith(word.encode() + b" ") for data in receiver.heard(mark)):
        assert time.monotonic() < deadline, f"{word}: not heard within {COMES_BACK} s"
        sender.send(f"{word} {said}".encode())
        said += 1
        time.sleep(0.5)


@contextlib.contextmanager
def open_app(place, versions, folder):
    """Alice and Bob, each with a core of a host of its own, know each other, and both have opened Alice's app."""
    with contextlib.ExitStack() as stack:
        people = []
        for home, name, version in zip(place.homes, ("Alice", "Bob"), versions):
            with home.inside():
                core = stack.enter_context(deltachat.Core(version))
            account = Account.invent(place.relay.mail_domain)
            people.append(Player(core.new_profile(name).login(link(place.relay, account))))
        alice, bob = people
        to_bob, to_alice = alice.profile.securejoin_with(bob.profile)
        app = folder / "app.xdc"
        with zipfile.ZipFile(app, "w") as archive:
            archive.writestr("index.html", "<html></html>")
        mark = bob.profile.mark()
        alice.app = alice.profile.send_file(to_bob, app, "Webxdc", "an app")
        bob.app = bob.profile.wait_text(to_alice, "an app", mark)["id"]
        # One after the other: when both dial at the same moment, each may keep the connection that the other one has
        # given up, and then they do not hear each other any more.
        mark = bob.profile.mark()
        alice.join()
        bob.profile.wait("WebxdcRealtimeAdvertisementReceived", mark)
        bob.join()
        say_until_heard(alice, bob, "hello")
        say_until_heard(bob, alice, "hello")
        yield types.SimpleNamespace(alice=alice, bob=bob)


@pytest.fixture(scope="module", params=[("2.57", "2.57"), ("2.62", "2.57")], ids="+".join)
def players(request, place, tmp_path_factory):
    with open_app(place, request.param, tmp_path_factory.mktemp("app")) as opened:
        yield opened


def test_app_data_both_ways(place, players, record_property):
    """Small and as large as it may be; all of it is seen to cross the relay."""
    before, began = forwarded(place.relay, "a"), time.monotonic()
    for sender, receiver in ((players.alice, players.bob), (players.bob, players.alice)):
        say(sender, receiver, b"a move")
        say(sender, receiver, os.urandom(HUGE))
    record_property("seconds", round(time.monotonic() - began, 2))
    assert forwarded(place.relay, "a") - before > 2 * HUGE


def test_app_data_both_ways_at_once(players):
    moves = [os.urandom(20_000) for _ in range(10)]
    marks = {player: player.profile.mark() for player in (players.alice, players.bob)}
    for move in moves:
        players.alice.send(move)
        players.bob.send(move[::-1])
    for move in moves:
        players.bob.wait(move, marks[players.bob])
        players.alice.wait(move[::-1], marks[players.alice])


def test_apps_after_a_restart_of_the_relay(place, players):
    """The relay process dies; both clients come back by themselves, and the app goes on."""
    old = place.relay.kill_child()
    place.relay.wait_for_child(other_than=old)
    place.relay.log_checked = len(place.relay.log())  # that it died is known
    say_until_heard(players.alice, players.bob, "back")
    say_until_heard(players.bob, players.alice, "back")
    say(players.alice, players.bob, os.urandom(HUGE))
    assert forwarded(place.relay, "a") > HUGE, "by the new process, which counts from 0"


def test_apps_find_a_direct_way(tmp_path):
    """What the relay is there for first: it tells clients their addresses (by STUN, on the port of TURN) and carries
    what they need to find each other; then next to nothing crosses it any more."""
    with make_place({}) as place, open_app(place, ("2.57", "2.57"), tmp_path) as players:
        deadline, carried = time.monotonic() + COMES_BACK, HUGE
        while carried > HUGE / 10:
            assert time.monotonic() < deadline, "no direct way is found"
            before = forwarded(place.relay, "a")
            say(players.alice, players.bob, os.urandom(HUGE))
            carried = forwarded(place.relay, "a") - before
        assert counted(place.relay, "turn_successes_total", 'method="binding"') > 0


# ---- nodes of iroh 1.0 ----


@pytest.fixture(scope="module")
def no_udp(tmp_path_factory):
    """What swallows all that is sent over UDP, to be preloaded."""
    library = tmp_path_factory.mktemp("udp") / "no_udp.so"
    source = HERE.parent / "lib" / "no_udp.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, source, "-ldl"], check=True)
    return library


class Node:
    """A process with iroh_node.js."""

    def __init__(self, url, no_udp, secret=None):
        command = ["node", HERE / "iroh_node.js", url, *([secret.hex()] if secret else [])]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "LD_PRELOAD": str(no_udp)}
        )

    def ready(self, timeout=COMES_BACK):
        self.id = self.answer(timeout)["id"]
        return self

    def answer(self, timeout):
        assert select.select([self.process.stdout], [], [], timeout)[0], f"no answer within {timeout} s"
        return json.loads(self.process.stdout.readline())

    def ask(self, other, octets, timeout=COMES_BACK, anew=False):
        self.process.stdin.write(json.dumps({"to": other.id, "octets": octets, "anew": anew}).encode() + b"\n")
        self.process.stdin.flush()
        return self.answer(timeout)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class OldProtocol:
    """Stands between a node and the relay, and takes iroh-relay-v2 out of what the node offers."""

    def __init__(self, port):
        self.port, self.taken = port, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.port))
                for ends in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self.pass_on, args=ends, daemon=True).start()

    def pass_on(self, source, target, is_request):
        with contextlib.suppress(OSError):
            head = b""
            while is_request and b"\r\n\r\n" not in head:
                octets = source.recv(65536)
                if not octets:
                    raise OSError("it has gone")
                head += octets
            changed = head.replace(b"iroh-relay-v2, ", b"").replace(b"iroh-relay-v2,", b"")
            self.taken += changed != head
            target.sendall(changed)
            while octets := source.recv(65536):
                target.sendall(octets)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


@pytest.fixture(scope="module")
def node_relay():
    with Relay() as relay:
        yield relay


@pytest.fixture(params=["v2", "v1", "v1+v2"])
def nodes(request, node_relay, no_udp):
    """Two nodes of these versions of the protocol."""
    port = node_relay.port(80)
    direct, old = f"http://127.0.0.1:{port}", OldProtocol(port)
    urls = {"v2": (direct, direct), "v1": (old.url, old.url), "v1+v2": (old.url, direct)}[request.param]
    with contextlib.ExitStack() as stack:
        stack.callback(old.close)
        started = [stack.enter_context(Node(url, no_udp)) for url in urls]
        yield [node.ready() for node in started]
        assert (old.taken > 0) == ("v1" in request.param)


def test_streams_of_nodes_both_ways(node_relay, nodes):
    one, other = nodes
    before = sum(forwarded(node_relay, dialect) for dialect in ("b1", "b2"))
    for asker, asked in ((one, other), (other, one)):
        for octets in (10, 200_000):
            assert asker.ask(asked, octets) == {"equal": True, "relayed": True}
    assert sum(forwarded(node_relay, dialect) for dialect in ("b1", "b2")) - before > 4 * 200_000


def test_nodes_after_a_restart_of_the_relay(no_udp):
    with Relay() as relay, contextlib.ExitStack() as stack:
        started = [stack.enter_context(Node(f"http://127.0.0.1:{relay.port(80)}", no_udp)) for _ in range(2)]
        one, other = (node.ready() for node in started)
        assert one.ask(other, 1000)["equal"]
        relay.wait_for_child(other_than=relay.kill_child())
        answer = one.ask(other, 200_000, COMES_BACK)
        assert answer == {"equal": True, "relayed": True}


def test_two_nodes_with_one_key(node_relay, no_udp):
    """The newer one is reached; when it has gone, the older one is again."""
    url, secret = f"http://127.0.0.1:{node_relay.port(80)}", os.urandom(32)
    with Node(url, no_udp, secret) as older, Node(url, no_udp) as asker:
        older.ready(), asker.ready()
        with Node(url, no_udp, secret) as newer:
            assert newer.ready().id == older.id
            assert asker.ask(newer, 1000)["equal"]
        assert asker.ask(older, 1000, anew=True)["equal"]
