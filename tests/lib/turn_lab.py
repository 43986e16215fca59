# SPDX-License-Identifier: MIT
"""Two relays, a guest and a peer on hosts of their own, as a pytest plugin for the TURN tests.

`turn_lab.open` lets its clients reach the lab's private addresses; `turn_lab.strict` allows nothing beyond the public
internet and has small quotas. The build under test runs, with its sanitizers.
"""
import contextlib
import re
import socket
import sqlite3

import pytest
import turn
from lab import Lab, LabRelay, in_parallel
from relay import binary_path
from timelimit import GUARD, PATIENCE

STRICT_PER_USER, STRICT_PER_ADDRESS, STRICT_TOTAL = 3, 5, 7
ROOMY_TURN = {
    "turn_allowed_peers": "10.77.0.0/24, fd77::/64",
    "turn_allocations_per_user": "1000",
    "turn_allocations_per_address": "1000",
}
STRICT_TURN = {
    "turn_allocations_per_user": STRICT_PER_USER,
    "turn_allocations_per_address": STRICT_PER_ADDRESS,
    "max_turn_allocations": STRICT_TOTAL,
}
ENTRY = "/shared/vendor/deltachat/turn"
CHANNEL = 0x4001
both_families = pytest.mark.parametrize("ipv6", [False, True], ids=["ipv4", "ipv6"])


def family_of(ipv6):
    return turn.attribute(turn.FAMILY, turn.IPV6_FAMILY if ipv6 else turn.IPV4_FAMILY)


def name_of(bound):
    return bound.getsockname()[:2]


def offered(imap):
    """What the METADATA entry says, or None for NIL."""
    reply = imap.ok(f'GETMETADATA "" ({ENTRY})')
    (line,) = [u for u in reply.untagged if u.startswith(b"* METADATA ")]
    if line.endswith(b" NIL)"):
        return None
    length, text = re.search(rb"\{(\d+)\}\r\n(.*)\)$", line, re.DOTALL).groups()
    assert int(length) == len(text)
    return text.decode()


class TurnRelay(LabRelay):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.binary = binary_path()
        self.known = None

    def offer(self):
        with self.imap(self.new_account()) as imap:
            return offered(imap)

    def credentials(self):
        """Those of one account, asked for once."""
        if self.known is None:
            _, _, username, password = self.offer().split(":", 3)
            self.known = turn.Credentials(username, password, self.domain)
        return self.known

    def forge(self, valid_s=3600, username=None):
        """Credentials as only the relay can make them."""
        with contextlib.closing(sqlite3.connect(self.state / "martlet.db", timeout=GUARD)) as db:
            (secret,) = db.execute("SELECT value FROM secret WHERE name = 'turn'").fetchone()
        return turn.Credentials.of_secret(secret, self.domain, valid_s, username)

    def another_user(self):
        """One more user: each with another second of expiry."""
        self.users = getattr(self, "users", 0) + 1
        return self.forge(3600 + self.users)


class TurnLab:
    def __init__(self):
        self.lab = Lab()
        try:
            self.open = self.relay("open", 1, ROOMY_TURN)
            self.strict = self.relay("strict", 2, STRICT_TURN)
            self.guest = self.lab.host("guest", 100)
            self.peer = self.lab.host("peer", 101)
            # An address of its own that looks like one of the internet.
            self.strict.host.ip("addr add 203.0.113.2/32 dev lo", "addr add 2a00:db8::2/128 dev lo nodad")
            self.lab.dns.publish()
            in_parallel(self.open.start, self.strict.start)
        except BaseException:
            self.close(False)
            raise

    def relay(self, name, number, settings):
        host = self.lab.host(name, number)
        domain = f"{name}.test"
        self.lab.names_of(host, domain)
        host.ip("route add default dev eth0", "route add ::/0 dev eth0")  # a host that has a way into the internet
        return TurnRelay(self.lab, host, domain, settings)

    @property
    def relays(self):
        return [r for r in (getattr(self, "open", None), getattr(self, "strict", None)) if r is not None]

    def close(self, check=True):
        try:
            jobs = [r.stop if check else r.kill for r in self.relays if r.process is not None]
            in_parallel(*jobs)
        finally:
            for relay in self.relays:
                relay.remove()
            self.lab.close()

    def socket(self, host, ipv6=False, port=0):
        """A bare UDP socket on a host."""
        with host.inside():
            s = socket.socket(socket.AF_INET6 if ipv6 else socket.AF_INET, socket.SOCK_DGRAM)
            s.bind((host.ipv6 if ipv6 else host.ipv4, port))
        s.settimeout(GUARD * PATIENCE)
        return s


@pytest.fixture(scope="session")
def turn_lab():
    lab = TurnLab()
    try:
        yield lab
    except BaseException:
        lab.close(False)
        raise
    lab.close()


@pytest.fixture(autouse=True)
def turn_logs_are_clean(request):
    yield
    if "turn_lab" in request.fixturenames:
        for relay in request.getfixturevalue("turn_lab").relays:
            relay.check_log()


@pytest.fixture
def client(turn_lab):
    """Makes clients; their allocations end with the test."""
    made = []

    def make(relay=None, host=None, ipv6=False, credentials=None):
        relay, host = relay or turn_lab.open, host or turn_lab.guest
        server = relay.host.ipv6 if ipv6 else relay.host.ipv4
        with host.inside():
            c = turn.Client(server, credentials or relay.credentials())
        made.append(c)
        return c

    yield make
    for c in made:
        if c.nonce is not None:
            c.socket.settimeout(GUARD * PATIENCE)
            c.refresh(0)
        c.close()


@pytest.fixture
def peer(turn_lab):
    """Makes bare sockets on the peer's host."""
    made = []

    def make(ipv6=False):
        made.append(turn_lab.socket(turn_lab.peer, ipv6))
        return made[-1]

    yield make
    for s in made:
        s.close()
