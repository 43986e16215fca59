# SPDX-License-Identifier: MIT
"""The resolver against a genuine authoritative server with DNSSEC, in a network namespace of its own; see
tests/lib/dns_ask.c, which drives it."""
import os
import pathlib
import subprocess
import time

import pytest
from dns_world import DAY, LEVELS, Network, World, Zone, is_possible, stop
from timelimit import PATIENCE

TOP = pathlib.Path(__file__).resolve().parents[2]
ASK = pathlib.Path(os.environ.get("MARTLET", TOP / "build-test" / "martlet")).resolve().parent / "dns_ask"
# As dns_anchor.c writes it: the keys that the file was made from.
ORIGIN = "20326 38696\n"
ROOT, TLD, ZONES = LEVELS
A, CNAME, MX, TXT, AAAA, TLSA, DNSKEY = 1, 5, 15, 16, 28, 52, 48

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs nsd, ldnsutils and namespaces")

MAIL = """
{0} 300 IN MX 20 b.{0}
{0} 300 IN MX 10 a.{0}
a.{0} 300 IN A 192.0.2.1
a.{0} 300 IN AAAA 2001:db8::1
_25._tcp.a.{0} 300 IN TLSA 3 1 1 8cb0fc6c527506a053f4f14c8464bebbd6dede2738d11468dd953d7d6a3021f1
"""
ODD = """
odd.good.test. 300 IN TXT "v=DKIM1; " "p=abc" "" "\\"quoted\\"; \\\\ \\009"
long.good.test. 300 IN TXT {}
alias.good.test. 60 IN CNAME deeper.good.test.
deeper.good.test. 300 IN CNAME a.insecure.test.
loop.good.test. 300 IN CNAME pool.good.test.
pool.good.test. 300 IN CNAME loop.good.test.
nowhere.good.test. 300 IN CNAME not-there.good.test.
*.wild.good.test. 300 IN A 192.0.2.9
null.good.test. 300 IN MX 0 .
big.good.test. 300 IN TXT {}
""".format(" ".join(f'"{i:03d}{"x" * 250}"' for i in range(6)), " ".join(f'"{i:03d}{"y" * 252}"' for i in range(40)))


def zones():
    return [
        Zone(".", ROOT),
        Zone("test.", TLD),
        Zone("good.test.", ZONES, MAIL.format("good.test.") + ODD),
        Zone("insecure.test.", ZONES, MAIL.format("insecure.test."), signed=False),
        Zone("unlinked.test.", ZONES, MAIL.format("unlinked.test."), linked=False),
        Zone("expired.test.", ZONES, MAIL.format("expired.test."), signed=(-10 * DAY, -5 * DAY)),
        Zone("early.test.", ZONES, MAIL.format("early.test."), signed=(5 * DAY, 10 * DAY)),
    ]


@pytest.fixture(scope="module")
def world():
    world = World(zones())
    yield world
    world.close()


@pytest.fixture(scope="module")
def network(world):
    network = Network()
    world.serve_all(network)
    yield network
    network.close()


class Answer:
    def __init__(self, line):
        words = line.split(" ")
        self.name, self.type, self.status, security, self.ttl, self.canonical, *rdata = words
        self.secure = security == "secure"
        self.rdata = sorted(bytes.fromhex(r) for r in rdata)

    def __repr__(self):
        return f"{self.name} {self.type} {self.status} secure={self.secure} {self.canonical} {self.rdata}"


class Resolver:
    """One run of dns_ask."""

    def __init__(self, network, world, anchor=None, **settings):
        given = {"hints": world.hints, **({"anchor": anchor} if anchor else {"trust": world.anchor}), **settings}
        self.process = network.popen(ASK, *(f"{k}={v}" for k, v in given.items() if v), stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, text=True)
        self.notices = []

    def ask_all(self, *questions):
        """{(name, type): answer}; all of them at once."""
        self.process.stdin.write("".join(f"{name} {kind}\n" for name, kind in questions))
        self.process.stdin.flush()
        answers = {}
        while len(answers) < len(set(questions)):
            line = self.process.stdout.readline()
            assert line, "dns_ask ended"
            if line.startswith(("notice: ", "sandbox: ")):
                self.notices.append(line.strip())
            else:
                a = Answer(line.rstrip("\n"))
                answers[(a.name, int(a.type))] = a
        return answers

    def ask(self, name, kind):
        return self.ask_all((name, kind))[(name, kind)]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.notices += [line.strip() for line in self.process.stdout if line.startswith("notice: ")]
        self.process.stdout.close()
        assert self.process.wait(60 * PATIENCE) == 0


def test_secure_insecure_and_bogus(network, world):
    with Resolver(network, world) as r:
        wanted = {
            ("good.test", MX): ("OK", True),
            ("a.good.test", A): ("OK", True),
            ("a.good.test", AAAA): ("OK", True),
            ("_25._tcp.a.good.test", TLSA): ("OK", True),
            ("GOOD.test.", MX): ("OK", True),
            ("insecure.test", MX): ("OK", False),
            ("unlinked.test", MX): ("OK", False),
            ("expired.test", MX): ("BOGUS", False),
            ("early.test", MX): ("BOGUS", False),
            ("good.test", TLSA): ("NODATA", True),
            ("a.insecure.test", TLSA): ("NODATA", False),
            ("nothing.good.test", A): ("NXDOMAIN", True),
            ("nothing.insecure.test", A): ("NXDOMAIN", False),
            ("nothing.expired.test", A): ("BOGUS", False),
            ("no-such.test", A): ("NXDOMAIN", True),
            ("no-such-tld", A): ("NXDOMAIN", True),
            ("x.wild.good.test", A): ("OK", True),
            ("localhost", A): ("NXDOMAIN", False),
            ("192.0.2.1", A): ("NXDOMAIN", False),
            ("a..good.test", A): ("NXDOMAIN", False),
        }
        got = r.ask_all(*wanted)
        assert {q: (a.status, a.secure) for q, a in got.items()} == wanted
        assert got[("good.test", MX)].rdata == [b"\0\x0a\1a\4good\4test\0", b"\0\x14\1b\4good\4test\0"]
        assert got[("a.good.test", A)].rdata == [bytes([192, 0, 2, 1])]
        assert r.notices == []


def test_aliases(network, world):
    with Resolver(network, world) as r:
        got = r.ask_all(("alias.good.test", A), ("loop.good.test", A), ("nowhere.good.test", A), ("alias.good.test", CNAME))
    alias = got[("alias.good.test", A)]
    # One insecure link makes the whole insecure; the time to live is the shortest.
    assert (alias.status, alias.secure, alias.canonical, alias.rdata) == ("OK", False, "a.insecure.test", [b"\xc0\0\2\1"])
    assert int(alias.ttl) <= 60
    assert got[("loop.good.test", A)].status == "FAILED"
    assert got[("nowhere.good.test", A)].status == "NXDOMAIN"
    assert got[("alias.good.test", CNAME)].rdata == [b"\6deeper\4good\4test\0"]


def test_odd_records(network, world):
    with Resolver(network, world) as r:
        got = r.ask_all(("odd.good.test", TXT), ("long.good.test", TXT), ("big.good.test", TXT), ("null.good.test", MX))
    assert got[("odd.good.test", TXT)].rdata == [b'\x09v=DKIM1; \x05p=abc\0\x0d"quoted"; \\ \t']
    assert len(got[("long.good.test", TXT)].rdata[0]) == 6 * 254
    assert len(got[("big.good.test", TXT)].rdata[0]) == 40 * 256  # by TCP
    assert got[("null.good.test", MX)].rdata == [b"\0\0\0"]


def test_many_at_once(network, world):
    questions = [(f"n{i}.wild.good.test", A) for i in range(1500)]
    with Resolver(network, world, timeout_ms=60_000 * PATIENCE) as r:  # each answer is verified
        got = r.ask_all(*questions)
    assert {a.status for a in got.values()} == {"OK"}


@pytest.mark.parametrize("ipv4, ipv6", [(True, False), (False, True)])
def test_a_host_with_one_kind_of_address(world, ipv4, ipv6):
    network = Network(ipv4=ipv4, ipv6=ipv6)
    servers = world.serve_all(network)
    try:
        with Resolver(network, world) as r:
            assert r.ask("good.test", MX).secure
    finally:
        for server in servers.values():
            stop(server)
        network.close()


def test_servers_that_come_back(world):
    """Nothing is remembered of a failure for long: neither of the servers nor of the names."""
    network = Network()
    try:
        with Resolver(network, world, timeout_ms=3000) as r:
            assert r.ask("good.test", MX).status == "FAILED"
            servers = world.serve_all(network)
            began = time.monotonic()
            while r.ask("good.test", MX).status != "OK":
                assert time.monotonic() - began < 180 * PATIENCE
                time.sleep(0.5)
            print(f"back after {time.monotonic() - began:.1f} s")
        for server in servers.values():
            stop(server)
    finally:
        network.close()


def test_a_name_that_appears(network, world):
    with Resolver(network, world) as r:
        assert r.ask("later.test", A).status == "NXDOMAIN"
        assert r.ask("a.good.test", TXT).status == "NODATA"


def test_udp_is_blocked(world):
    network = Network()
    servers = world.serve_by_tcp(network)
    try:
        with Resolver(network, world) as r:
            began = time.monotonic()
            assert r.ask("good.test", MX).secure
            print(f"by TCP after {time.monotonic() - began:.1f} s")
            assert r.ask("alias.good.test", A).status == "OK"
            assert r.ask("expired.test", A).status == "BOGUS"
        assert r.notices == ["notice: name servers are reached by TCP only; UDP to port 53 should be open"]
    finally:
        for server in servers:
            stop(server)
        network.close()


def test_nobody_answers(world):
    network = Network()
    try:
        with Resolver(network, world) as r:
            began = time.monotonic()
            assert {a.status for a in r.ask_all(("good.test", MX), ("test", A), ("x.expired.test", A)).values()} == {"FAILED"}
            print(f"given up after {time.monotonic() - began:.1f} s")
        assert r.notices in ([], ["notice: no name server answers, neither by UDP nor by TCP"])
    finally:
        network.close()


@pytest.fixture(scope="module")
def wrong_clock():
    """All signatures have run out: what a host sees whose clock is ahead."""
    world = World([Zone(".", ROOT, signed=(-10 * DAY, -5 * DAY)), Zone("test.", TLD, "a.test. 60 IN A 192.0.2.1\n",
                                                                     signed=(-10 * DAY, -5 * DAY))])
    yield world
    world.close()


def test_wrong_clock(wrong_clock):
    network = Network()
    servers = [wrong_clock.serve(network, level) for level in (ROOT, TLD)]
    try:
        with Resolver(network, wrong_clock) as r:
            got = r.ask_all(("a.test", A), ("b.test", A), ("c", A))
            assert {a.status for a in got.values()} == {"BOGUS"}
        assert len(r.notices) == 1 and "clock" in r.notices[0]
    finally:
        for server in servers:
            stop(server)
        network.close()


def test_forwarding(world):
    """To a server that knows everything, as a resolver does; what it says is validated all the same."""
    network = Network()
    server = world.serve(network, ROOT, port=5353, all_zones=True)
    try:
        with Resolver(network, world, forward=LEVELS[ROOT][0] + "@5353", hints=None) as r:
            got = r.ask_all(("good.test", MX), ("insecure.test", MX), ("expired.test", MX), ("nothing.good.test", A))
        assert {q[0]: (a.status, a.secure) for q, a in got.items()} == {
            "good.test": ("OK", True), "insecure.test": ("OK", False), "expired.test": ("BOGUS", False),
            "nothing.good.test": ("NXDOMAIN", True)}
    finally:
        stop(server)
        network.close()


@pytest.fixture
def state(tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    return state


def test_root_key_is_kept_current(network, world, state):
    """RFC 5011, within the sandbox: what libunbound has learned it writes into the state directory."""
    key = state / "root.key"
    key.write_text(world.anchor.read_text())
    (state / "root.key.origin").write_text(ORIGIN)
    with Resolver(network, world, anchor=key, sandbox=state) as r:
        assert r.ask("good.test", MX).secure
        assert r.ask("big.good.test", TXT).status == "OK"  # by TCP
        assert r.notices[0].startswith("sandbox: landlock=")
    text = key.read_text()
    assert "autotrust trust anchor file" in text and "state=2 [  VALID  ]" in text
    assert sorted(p.name for p in state.iterdir()) == ["root.key", "root.key.origin"]
    with Resolver(network, world, anchor=key) as r:
        assert r.ask("good.test", MX).secure


def test_root_key_is_made(network, world, state):
    """Missing, of an older program, or not one at all: the built-in keys take its place, which this root does not have."""
    key, origin = state / "root.key", state / "root.key.origin"
    for text, made_from in ((None, None), (world.anchor.read_text(), "19036\n"), ("nonsense\n", ORIGIN), ("", ORIGIN)):
        for path, content in ((key, text), (origin, made_from)):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content)
        with Resolver(network, world, anchor=key) as r:
            assert r.ask("good.test", MX).status == "BOGUS", (text, made_from)
        assert "257 3 8 AwEAAa" in key.read_text()
        assert origin.read_text() == ORIGIN


def test_files_that_are_wrong(network, world, state):
    bad = state / "bad"
    bad.write_text("this is no zone file\n")
    for settings in ({"hints": bad, "trust": world.anchor}, {"hints": world.hints, "trust": bad},
                     {"hints": world.hints, "trust": state / "missing"}, {"anchor": "/proc/root.key"}):
        done = subprocess.run([ASK, *(f"{k}={v}" for k, v in settings.items())], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        assert done.returncode == 1 and done.stdout.startswith("error: /"), (settings, done.stdout, done.stderr)
