# SPDX-License-Identifier: MIT
"""STUN and TURN as clients see them: with coturn's tools, and packet by packet."""
import functools
import os
import time

import coturn
import pytest
import turn
from lab import in_parallel
from relay import DOMAIN, Relay, wait_until
from turn import Credentials, message
from turn_lab import CHANNEL, both_families, family_of, name_of, offered

# ---- METADATA ----


def test_what_metadata_offers(turn_lab):
    relay = turn_lab.open
    before = int(time.time())
    host, port, expiry, password = relay.offer().split(":", 3)
    assert (host, port) == (relay.domain, "3478")
    assert before <= int(expiry) - 5 * 86400 <= time.time() + 12 * 3600
    assert password == relay.forge(username=expiry).password
    # Another relay has another secret.
    assert password != turn_lab.strict.forge(username=expiry).password


def test_credentials_outlive_a_restart(turn_lab, client):
    relay = turn_lab.strict
    before = relay.credentials()
    relay.stop()
    relay.start()
    assert client(relay, credentials=before).allocate().error == 0


def test_switched_off_and_on(turn_lab, client):
    """Without a restart: NIL, and silence on the port; existing allocations end."""
    relay = turn_lab.strict
    c = client(relay)
    c.relay()
    account = relay.new_account()
    relay.reload(turn="false")
    try:
        with relay.imap(account) as imap:
            wait_until(lambda: offered(imap) is None, 10, "NIL")
        c.socket.settimeout(2)
        wait_until(lambda: c.exchange(message(turn.BINDING)) is None, 10, "silence")
    finally:
        relay.reload(turn="true")
    c.settle()
    assert c.refresh(600).error == 437
    with relay.imap(account) as imap:
        assert offered(imap).startswith(f"{relay.domain}:3478:")


def test_killed_process(client_of_dev_relay):
    """The sockets stay open, the credentials stay good, and the new process knows nothing of old allocations."""
    relay, c = client_of_dev_relay
    c.relay()
    pid = relay.kill_child()
    relay.wait_for_child(other_than=pid)
    c.settle()
    answer = c.refresh(600)
    if answer.error == 438:  # nonces are of one process
        c.nonce = answer[turn.NONCE]
        answer = c.refresh(600)
    assert answer.error == 437
    assert c.allocate().error == 0


@pytest.fixture
def client_of_dev_relay():
    with Relay() as relay:
        with relay.imap(relay.new_account()) as imap:
            host, port, username, password = offered(imap).split(":", 3)
        assert (host, int(port)) == ("127.0.0.1", relay.port(turn.PORT))  # the domain of tests is in no DNS
        with turn.Client("127.0.0.1", Credentials(username, password, DOMAIN), port=int(port)) as c:
            yield relay, c


# ---- coturn's tools ----


@both_families
def test_stunclient(turn_lab, ipv6):
    guest, server = turn_lab.guest, turn_lab.open.host
    said = coturn.tool(guest, "stunclient", server.ipv6 if ipv6 else server.ipv4)
    assert f"UDP reflexive addr: {guest.ipv6 if ipv6 else guest.ipv4}:" in said, said


@both_families
def test_natdiscovery(turn_lab, ipv6):
    """It finds that there is no NAT; for more it wants a server with two addresses (RFC 5780), and notices that this is
    none."""
    guest, server = turn_lab.guest, turn_lab.open.host
    own, other = (guest.ipv6, server.ipv6) if ipv6 else (guest.ipv4, server.ipv4)
    said = coturn.tool(guest, "natdiscovery", "-m", "-L", own, other)
    assert f"UDP reflexive addr: {own}:" in said, said


@both_families
def test_uclient_between_two_clients(turn_lab, ipv6):
    """By channels and by indications, relayed in both families whatever they speak to the relay, with padded channel
    data, with requests again and again, with large packets; all at once."""
    relay = turn_lab.open
    server = relay.host.ipv6 if ipv6 else relay.host.ipv4

    def run(*flags):
        traffic = coturn.uclient(turn_lab.guest, server, relay.credentials(), "-y", *flags, "-n", "5", "-m", "2")
        assert traffic.is_whole, (flags, traffic.output[-3000:])

    relay.credentials()
    ways = [[], ["-s"], ["-c", "-x"], ["-c", "-X"], ["-D"], ["-G"], ["-l", "1300"]]
    in_parallel(*(functools.partial(run, *flags) for flags in ways))


@pytest.mark.parametrize("flags", [[], ["-s"]], ids=["channels", "indications"])
def test_uclient_to_a_peer(turn_lab, flags):
    relay, peer = turn_lab.open, turn_lab.peer
    echo = coturn.PeerEcho(peer, peer.ipv4, 3480)
    try:
        options = ("-e", peer.ipv4, "-n", "5", "-m", "2")
        traffic = coturn.uclient(turn_lab.guest, relay.host.ipv4, relay.credentials(), *flags, *options)
    finally:
        echo.close()
    assert traffic.is_whole, traffic.output[-3000:]


def test_uclient_with_a_wrong_password(turn_lab):
    relay = turn_lab.open
    wrong = Credentials(relay.credentials().username, "wrong", relay.domain)
    traffic = coturn.uclient(turn_lab.guest, relay.host.ipv4, wrong, "-y", "-n", "1")
    assert traffic.sent == 0 and "Cannot complete Allocation" in traffic.output, traffic.output[-2000:]


# ---- the life of an allocation ----


@both_families
def test_binding(turn_lab, client, ipv6):
    c = client(ipv6=ipv6)
    answer = c.ask(message(turn.BINDING))
    assert answer.address(turn.MAPPED) == (turn_lab.guest.ipv6 if ipv6 else turn_lab.guest.ipv4, c.address[1])
    assert answer.order[-1] == turn.FINGERPRINT


@both_families
def test_data_both_ways(turn_lab, client, peer, ipv6):
    c, p = client(ipv6=ipv6), peer(ipv6)
    answer = c.allocate(family_of(ipv6))
    assert answer.error == 0 and answer.lifetime() == 600
    relayed = answer.address(turn.RELAYED)
    assert relayed[0] == (turn_lab.open.host.ipv6 if ipv6 else turn_lab.open.host.ipv4)
    assert 49152 <= relayed[1] <= 65535
    assert answer.address(turn.MAPPED)[1] == c.address[1]
    # Without a permission nothing passes, in either direction.
    c.send(name_of(p), b"too early")
    p.sendto(b"too early", relayed)
    c.silence()
    assert c.permit(name_of(p)).error == 0
    for data in (b"", b"1", b"x" * 1400):
        c.send(name_of(p), data)
        got, source = p.recvfrom(2000)
        assert got == data and source[:2] == relayed
        p.sendto(data, relayed)
        assert c.receive() == (name_of(p), data)
    # A channel, which then is used in both directions; another port of the same address is not in it.
    assert c.bind(CHANNEL, name_of(p)).error == 0
    for data in (b"", b"12", b"y" * 1400):
        c.send_channel(CHANNEL, data)
        assert p.recv(2000) == data
        p.sendto(data, relayed)
        assert c.receive() == (CHANNEL, data)
    other = peer(ipv6)
    other.sendto(b"from another port", relayed)
    assert c.receive() == (name_of(other), b"from another port")
    # Refreshed, and ended: nothing passes any more.
    assert c.refresh(1800).lifetime() == 1800
    assert c.refresh(100000).lifetime() == 3600
    assert c.refresh(0).lifetime() == 0
    c.send_channel(CHANNEL, b"too late")
    p.sendto(b"too late", relayed)
    c.silence()
    p.settimeout(0.1)
    with pytest.raises(TimeoutError):
        p.recv(2000)
    assert c.refresh(600).error == 437


def test_several_peers_in_one_request(turn_lab, client, peer):
    c, first = client(), peer()
    relayed = c.relay()
    strangers = turn_lab.socket(turn_lab.guest)
    assert c.permit(name_of(first), name_of(strangers), ("10.77.0.77", 1)).error == 0
    for s in (first, strangers):
        s.sendto(b"hello", relayed)
        assert c.receive() == (name_of(s), b"hello")
        c.send(name_of(s), b"back")
        assert s.recv(100) == b"back"
    strangers.close()


def test_repeated_allocate(client):
    """The answer was lost: the same request is answered in the same way; another one is told that there is one."""
    c = client()
    identity = os.urandom(12)
    first = c.allocate(identity=identity)
    again = c.allocate(identity=identity)
    assert first.error == again.error == 0
    assert first.address(turn.RELAYED) == again.address(turn.RELAYED)
    assert c.allocate().error == 437


def test_even_ports_and_reservation(client):
    c, second = client(), client()
    answer = c.allocate(turn.attribute(turn.EVEN_PORT, b"\x80"))
    relayed, token = answer.address(turn.RELAYED), answer[turn.TOKEN]
    assert relayed[1] % 2 == 0 and len(token) == 8
    assert second.allocate(turn.attribute(turn.TOKEN, token)).address(turn.RELAYED) == (relayed[0], relayed[1] + 1)


def test_two_clients_of_a_relay_with_a_private_address(turn_lab, client):
    """Its own addresses are no peers, but what it relays is."""
    a, b = client(turn_lab.strict), client(turn_lab.strict)
    at_a, at_b = a.relay(), b.relay()
    assert a.permit(at_b).error == 0 and b.bind(CHANNEL, at_a).error == 0
    a.send(at_b, b"from a")
    assert b.receive() == (CHANNEL, b"from a")
    b.send_channel(CHANNEL, b"from b")
    assert a.receive() == (at_b, b"from b")


def test_behind_nat(turn_lab, client):
    """The world sees another address: clients are told that one, and reach each other by it."""
    relay, external = turn_lab.strict, "198.51.100.7"

    def reload(address, shown):
        """Until new allocations show that address."""
        relay.reload(turn_external_address=address)

        def is_shown():
            c = client(relay)
            at = c.relay()
            c.refresh(0)
            return at[0] == shown

        wait_until(is_shown, 10, "the address")

    reload(external, external)
    try:
        a, b = client(relay), client(relay)
        at_a, at_b = a.relay(), b.relay()
        assert at_a[0] == at_b[0] == external
        assert a.permit(at_b).error == 0 and b.bind(CHANNEL, at_a).error == 0
        a.send(at_b, b"from a")
        assert b.receive() == (CHANNEL, b"from a")
        b.send_channel(CHANNEL, b"from b")
        assert a.receive() == (at_b, b"from b")
        # A service of ours behind that address is nobody's peer.
        assert b.bind(CHANNEL + 1, (external, 3478)).error == 403
    finally:
        reload("", relay.host.ipv4)


def test_many_packets_none_lost_none_doubled(client, peer):
    c, p = client(), peer()
    relayed = c.relay()
    assert c.bind(CHANNEL, name_of(p)).error == 0
    for burst in range(20):
        for i in range(50):
            c.send_channel(CHANNEL, b"%d %d" % (burst, i))
        assert [p.recv(100) for _ in range(50)] == [b"%d %d" % (burst, i) for i in range(50)]
        for i in range(50):
            p.sendto(b"%d" % i, relayed)
        assert [c.receive() for _ in range(50)] == [(CHANNEL, b"%d" % i) for i in range(50)]


@both_families
def test_a_narrow_way(turn_lab, client, ipv6):
    """Packets that are larger than the way allows are fragmented, whether they come alone or in bursts."""
    relay = turn_lab.strict
    a, b = client(relay, ipv6=ipv6), client(relay, ipv6=ipv6)
    at_a, at_b = a.relay(family_of(ipv6)), b.relay(family_of(ipv6))
    assert a.bind(CHANNEL, at_b).error == 0 and b.bind(CHANNEL, at_a).error == 0
    way = f"{turn_lab.guest.ipv6}/128" if ipv6 else f"{turn_lab.guest.ipv4}/32"
    relay.host.ip(f"route add {way} dev eth0 mtu 1280")
    try:
        for burst in (1, 30):
            packets = [b"%3d" % i + b"x" * 1300 for i in range(burst)]
            for data in packets:
                a.send_channel(CHANNEL, data)
            assert [b.receive() for _ in packets] == [(CHANNEL, data) for data in packets]
    finally:
        relay.host.ip(f"route del {way} dev eth0")


# ---- limits ----


def test_quotas(turn_lab, client):
    relay = turn_lab.strict
    first, second, third = (relay.another_user() for _ in range(3))
    of_first = [client(relay, credentials=first) for _ in range(3)]
    assert [c.allocate().error for c in of_first] == [0, 0, 0]
    assert client(relay, credentials=first).allocate().error == 486  # of the user
    of_second = [client(relay, credentials=second) for _ in range(2)]
    assert [c.allocate().error for c in of_second] == [0, 0]
    assert client(relay, credentials=second).allocate().error == 486  # of the address
    elsewhere = [client(relay, turn_lab.peer, credentials=third) for _ in range(2)]
    assert [c.allocate().error for c in elsewhere] == [0, 0]
    assert client(relay, turn_lab.peer, credentials=third).allocate().error == 486  # of all
    # What ends makes room.
    assert of_first[0].refresh(0).error == 0
    assert client(relay, turn_lab.peer, credentials=third).allocate().error == 0


def test_permissions_and_channels_are_bounded(client):
    c = client()
    c.relay()
    assert c.permit(*((f"10.77.0.{i}", 1) for i in range(60, 92))).error == 0
    assert c.permit(("10.77.0.92", 1)).error == 508
    assert c.permit(("10.77.0.60", 2)).error == 0  # one that it has
    assert [c.bind(CHANNEL + i, ("10.77.0.60", 1 + i)).error for i in range(33)] == [0] * 32 + [508]


def test_bandwidth(turn_lab, client):
    relay = turn_lab.strict
    relay.reload(turn_bandwidth="32K")
    try:
        a, b = client(relay), client(relay)
        at_a, at_b = a.relay(), b.relay()
        assert a.bind(CHANNEL, at_b).error == 0 and b.bind(CHANNEL, at_a).error == 0

        def burst():
            """How many of 100 KB sent at once arrive, and for how long the relay took them."""
            began = time.monotonic()
            for _ in range(100):
                a.send_channel(CHANNEL, b"x" * 1000)
            a.settle()
            took = time.monotonic() - began
            b.socket.settimeout(1)
            n = 0
            while b.receive() is not None:
                n += 1
            return n, took

        wait_until(lambda: burst()[0] < 50, 10, "the limit")
        time.sleep(1.2)
        n, took = burst()
        assert 20 <= n <= 33 * (1 + took), (n, took)  # what flows in a second, and then as it may
    finally:
        relay.reload(turn_bandwidth="1M")


# ---- credentials ----


def test_wrong_credentials(turn_lab, client):
    relay = turn_lab.open
    good = relay.credentials()
    now = int(time.time())
    for bad in (
        Credentials(good.username, "wrong", relay.domain),
        Credentials("alice", good.password, relay.domain),
        Credentials(str(now + 1000), good.password, relay.domain),  # made longer
        turn_lab.strict.forge(),  # of another relay
        Credentials.of_secret(b"north", relay.domain),  # the secret that everybody knows
        relay.forge(-5),  # expired
        relay.forge(7 * 86400),  # we never give so long
        relay.forge(username=f"{now + 9999}x"),
        relay.forge(username=""),
        relay.forge(username="9" * 400),
    ):
        bad.realm = relay.domain
        answer = client(credentials=bad).allocate()
        assert answer.error == 401 and turn.NONCE in answer and turn.INTEGRITY not in answer, vars(bad)
    assert client(credentials=relay.forge(username=f"{now + 1000}:alice")).allocate().error == 0
    assert client(credentials=relay.forge(120)).allocate().error == 0


def test_pieces_of_authentication(turn_lab, client):
    c = client()
    body = turn.attribute(turn.TRANSPORT, turn.UDP)
    challenge = c.greet()
    assert challenge[turn.REALM].decode() == turn_lab.open.domain
    for piece in ("username", "realm", "nonce"):
        assert c.ask(c.signed(turn.ALLOCATE, body, **{piece: None})).error == 400, piece
    assert c.ask(c.signed(turn.ALLOCATE, body, realm="other.test")).error == 401
    assert c.ask(c.signed(turn.ALLOCATE, body, realm="other.test", key=c.credentials.key("other.test"))).error == 401
    for nonce in (b"", b"x", c.nonce[:-1], c.nonce + b"x", b"A" * len(c.nonce), b"\xff" * 700):
        answer = c.ask(c.signed(turn.ALLOCATE, body, nonce=nonce))
        assert answer.error == 438 and answer[turn.NONCE] != nonce, nonce
    c.nonce = answer[turn.NONCE]
    assert c.allocate().error == 0


def test_replayed_from_elsewhere(turn_lab, client):
    """A request that somebody overheard is worth nothing from another address or port."""
    c = client()
    c.greet()
    overheard = c.signed(turn.ALLOCATE, turn.attribute(turn.TRANSPORT, turn.UDP))
    assert client(host=turn_lab.peer).ask(overheard).error == 438
    assert client().ask(overheard).error == 438
    assert c.ask(overheard).error == 0


def test_other_users_allocation(turn_lab, client):
    owner = turn_lab.open.forge(1000)  # once: another second makes another user
    c = client(credentials=owner)
    c.relay()
    c.credentials = turn_lab.open.forge(2000)
    assert c.refresh(0).error == 441
    assert c.permit((turn_lab.peer.ipv4, 1)).error == 441
    c.credentials = owner
    assert c.refresh(0).error == 0


# ---- peers that are refused ----

REFUSED = (
    "0.0.0.0", "0.1.2.3", "10.1.2.3", "10.77.0.101", "100.64.0.1", "127.0.0.1", "127.1.2.3", "169.254.169.254",
    "172.16.0.1", "192.168.1.1", "224.0.0.1", "239.1.1.1", "255.255.255.255", "203.0.113.2",
)
REFUSED_IPV6 = (
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:10.77.0.2", "fe80::1", "fd77::101",
    "fc00::1", "ff02::1", "64:ff9b::7f00:1", "64:ff9b::a4d:2", "2002:7f00:1::1", "2001::1", "2a00:db8::2",
)  # fmt: skip


@both_families
def test_refused_peers(turn_lab, client, ipv6):
    c = client(turn_lab.strict, ipv6=ipv6)
    c.relay(family_of(ipv6))
    for ip in REFUSED_IPV6 if ipv6 else REFUSED:
        assert c.permit((ip, 9)).error == 403, ip
        assert c.bind(CHANNEL, (ip, 9)).error == 403, ip
        c.send((ip, 9), b"no permission")
    # One of several is enough to refuse all.
    public, loopback = ("2a00::1", "::1") if ipv6 else ("198.51.100.1", "127.0.0.1")
    assert c.permit((public, 9)).error == 0
    assert c.permit((public, 9), (loopback, 9)).error == 403
    # The other family.
    assert c.permit(("198.51.100.1" if ipv6 else "2a00::1", 9)).error == 443


@pytest.mark.parametrize("name", ["strict", "open"])
@both_families
def test_own_services_are_no_peers(turn_lab, client, name, ipv6):
    """A permission for the relay's own address, which other clients' relayed ports need, opens no other port of it; nor
    does a network that the operator allows when the relay is in it."""
    relay = getattr(turn_lab, name)
    service = turn_lab.socket(relay.host, ipv6)
    c = client(relay, ipv6=ipv6)
    relayed = c.relay(family_of(ipv6))
    own = name_of(service)
    assert c.permit(own).error == 0
    assert c.bind(CHANNEL, own).error == 403
    c.send(own, b"to the service")
    c.send((own[0], 3478), message(turn.BINDING))
    service.settimeout(0.3)
    with pytest.raises(TimeoutError):
        service.recv(100)
    service.sendto(b"from the service", relayed)
    c.silence()
    service.close()
