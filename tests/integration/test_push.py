# SPDX-License-Identifier: MIT
"""Notifications: the real relay against a gateway on loopback that answers, refuses, hangs or is not there."""
import contextlib
import os
import random
import socket
import sqlite3
import statistics
import time

import mail
import pytest
from lab import Authority
from push_gateway import PushGateway
from relay import NO_RATE, Account, Relay, Service, release_binary_path, wait_until

EIGHT = (7.9, 12)  # seconds: the first retry, with its jitter and a busy machine


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("push") / "ca")


@pytest.fixture(scope="module")
def certificate(authority):
    return authority.issue("localhost")


@pytest.fixture
def gateway(certificate):
    with PushGateway(certificate) as g:
        yield g


def settings(gateway, authority, **more):
    return {**NO_RATE, "push_gateway": gateway.url, "ca_file": str(authority.file), **more}


class Site:
    """A relay with a sender and accounts whose tokens are told to the gateway."""

    def __init__(self, relay):
        self.relay = relay
        self.sender = relay.new_account()

    def account(self, *tokens):
        account = Account.invent()
        with self.relay.imap(account) as imap:
            for token in tokens:
                imap.ok(f'SETMETADATA INBOX (/private/devicetoken "{token}")')
        return account

    def deliver(self, *accounts, sender=None):
        sender = sender or self.sender
        with self.relay.smtp(sender) as smtp:
            reply = smtp.send_message(sender.address, [a.address for a in accounts], mail.encrypted(sender.address))
            assert reply[0] == 250


@pytest.fixture
def site(gateway, authority):
    with Relay(settings=settings(gateway, authority)) as relay:
        yield Site(relay)


def quiet(gateway, seconds):
    """Nothing more comes."""
    before = len(gateway.requests)
    time.sleep(seconds)
    assert len(gateway.requests) == before


# ---- what is sent ----


def test_one_delivery_one_request(site, gateway):
    """Over HTTP/2, the token alone as the body, soon after the 250."""
    token = "openpgp:" + "Ab+/" * 700
    bob = site.account(token)
    began = time.monotonic()
    site.deliver(bob)
    (request,) = gateway.wait(1)
    assert request.token == token
    assert (request.path, request.version) == ("/notify", "2")
    assert request.headers[":method"] == "POST" and "content-type" not in request.headers
    assert request.at - began < 5
    quiet(gateway, 2)


def test_every_token_and_every_receiver(site, gateway):
    bob, carol, nobody = site.account("b1", "b2", "b3"), site.account("c1"), site.account()
    site.deliver(bob, carol, nobody)
    gateway.wait(4)
    assert sorted(gateway.tokens()) == ["b1", "b2", "b3", "c1"]


def test_own_copies_tell_nobody(site, gateway):
    """A client sends each message to itself, too: its own devices need not be woken."""
    bob, carol = site.account("bob"), site.account("carol")
    site.deliver(bob, carol, sender=bob)
    gateway.wait(1)
    site.deliver(bob, sender=bob)
    quiet(gateway, 1.5)
    assert gateway.tokens() == ["carol"]


def test_idle_clients_too(site, gateway):
    """A phone with a connection that looks alive may be asleep."""
    bob = site.account("bob")
    with site.relay.imap(bob) as imap:
        imap.ok("SELECT INBOX")
        tag = imap.idle()
        site.deliver(bob)
        assert imap.wait_exists() == 1
        gateway.wait(1)
        imap.done(tag)


def test_one_notification_within_a_second(site, gateway):
    bob = site.account("bob")
    began = time.monotonic()
    with site.relay.smtp(site.sender) as smtp:
        for _ in range(20):
            assert smtp.send_message(site.sender.address, [bob.address], mail.encrypted(site.sender.address))[0] == 250
    took = time.monotonic() - began
    gateway.wait(1)
    time.sleep(1.5)
    assert 1 <= len(gateway.of("bob")) <= 1 + took  # one each second
    before = len(gateway.requests)
    site.deliver(bob)
    gateway.wait(before + 1)


def test_one_request_within_a_second_when_it_is_refused(site, gateway):
    """A gateway that says no at once is asked no more often than one that says yes, and learns no more of when mail
    comes."""
    bob, carol = site.account("bob"), site.account("carol")
    site.deliver(carol)
    gateway.wait(1)
    gateway.on("bob", *[500] * 20)
    began = time.monotonic()
    for _ in range(20):
        site.deliver(bob)
    took = time.monotonic() - began
    gateway.wait(1, token="bob")
    time.sleep(1.5)
    assert 1 <= len(gateway.of("bob")) <= 1 + took
    gateway.actions["bob"].clear()
    before = len(gateway.of("bob"))
    gateway.wait(before + 1, timeout=EIGHT[1], token="bob")
    quiet(gateway, 2)


def test_connections_are_kept(site, gateway):
    accounts = [site.account(f"token{n}") for n in range(10)]
    for account in accounts:
        site.deliver(account)
    gateway.wait(10)
    assert gateway.connections == 1
    gateway.delay = 0.5  # side by side on it
    time.sleep(1.1)
    site.deliver(*accounts)
    gateway.wait(20)
    assert gateway.connections == 1
    assert gateway.most_at_once == 10


# ---- answers ----


def test_dead_token_is_forgotten(site, gateway):
    bob = site.account("dead", "alive")
    gateway.on("dead", 410)
    site.deliver(bob)
    gateway.wait(2)

    def tokens():
        with site.relay.imap(bob) as imap:
            reply = imap.ok("GETMETADATA INBOX /private/devicetoken")
            return b"".join(reply.untagged)

    wait_until(lambda: b"dead" not in tokens(), 5, "the end of the token")
    assert b"alive" in tokens()
    time.sleep(1.1)
    site.deliver(bob)
    gateway.wait(3)
    quiet(gateway, 1)
    assert gateway.tokens().count("dead") == 1


# What is answered, and whether it is tried again. None of the second kind takes the connection with it.
REFUSALS = (204, 302, 307, 400, 404, 429, 500, 503)
BREAKS = ("garbage", "close", "half")


@pytest.mark.parametrize("versions", [["h2"], []], ids=["h2", "no-alpn"])
def test_whatever_else_is_answered_is_tried_again(authority, certificate, versions):
    """Each token is tried again after its eight seconds; what is 200 is not, however much comes behind it."""
    with PushGateway(certificate, alpn=versions) as gateway, PushGateway(certificate) as elsewhere:
        with Relay(settings=settings(gateway, authority)) as relay:
            site = Site(relay)
            accounts = {str(name): site.account(str(name)) for name in (*REFUSALS, *BREAKS, "endless", "good")}
            for status in REFUSALS:
                gateway.on(str(status), (status, {"location": elsewhere.url, "retry-after": "1"}))
            gateway.on("endless", "endless")
            site.deliver(accounts["good"])
            gateway.wait(1)
            site.deliver(*(accounts[str(name)] for name in (*REFUSALS, "endless")))
            gateway.wait(2 + len(REFUSALS))
            for name in BREAKS:
                time.sleep(1.1)
                site.deliver(accounts["good"])
                gateway.wait(2 + BREAKS.index(name), token="good")
                # The client itself sends again what a kept connection has not answered: that is no new try.
                gateway.on(name, *[name] * 10)
                site.deliver(accounts[name])
                gateway.wait(1, token=name)
                time.sleep(0.4)
                gateway.actions[name].clear()
            for name in map(str, (*REFUSALS, *BREAKS)):
                first = gateway.of(name)[0].at
                wait_until(lambda name=name, at=first: gateway.of(name)[-1].at > at + 7, 20, f"second try of {name}")
                assert EIGHT[0] < gateway.of(name)[-1].at - first < EIGHT[1], name
            quiet(gateway, 2)
            assert len(gateway.of("endless")) == 1
            assert {request.version for request in gateway.requests} == {"2" if versions else "1.1"}
        assert elsewhere.requests == [], "no redirect is followed"


@pytest.mark.limit(120)
def test_requests_that_hang(site, gateway):
    """The others go on meanwhile. One that is answered late is done; one that never is, is given up after a minute,
    and tried again eight seconds later."""
    bob, carol, dave = site.account("bob"), site.account("carol"), site.account("dave")
    for token in ("bob", "dave"):
        gateway.on(token, "hang")
    site.deliver(bob)
    gateway.wait(1)
    for n in range(3):
        site.deliver(carol)
        gateway.wait(n + 1, token="carol", timeout=3)
        time.sleep(1.1)
    site.deliver(dave)
    gateway.wait(1, token="dave")
    time.sleep(40)
    gateway.release(200, token="dave")
    first, second = gateway.wait(2, token="bob", timeout=40)
    assert 67.5 < second.at - first.at < 75
    quiet(gateway, 3)
    assert len(gateway.of("dave")) == 1


# ---- who the gateway is ----


@pytest.mark.limit(120)
def test_a_gateway_that_proves_nothing_gets_no_token(authority, certificate):
    """Wrong name, expired, made by itself, of an unknown authority: not one octet of a token goes there."""
    bad = {
        "name": authority.issue("other.test"),
        "expired": authority.issue("localhost", days=-3),
        "self": authority.self_signed("localhost-self", "localhost"),
    }
    for name, pair in bad.items():
        with PushGateway(pair) as gateway:
            with Relay(settings=settings(gateway, authority)) as relay:
                site = Site(relay)
                bob = site.account("bob")
                site.deliver(bob)
                wait_until(lambda relay=relay: "push.gateway_fails" in relay.log(), 10, name)
                assert gateway.requests == [], name
                if name == "name":  # and is asked again when it can prove itself
                    gateway.shut()
                    gateway.context.load_cert_chain(*map(str, certificate))
                    gateway.open()
                    gateway.wait(1, timeout=15)
                assert "bob" not in relay.log()


@pytest.mark.parametrize("is_clear", [False, True], ids=["http/1.1", "clear"])
def test_gateways_without_http_2(authority, certificate, is_clear):
    """With TLS, and on loopback without it."""
    with PushGateway(None if is_clear else certificate, alpn=["http/1.1"]) as gateway:
        assert gateway.url.startswith("http://127.0.0.1:" if is_clear else "https://localhost:")
        with Relay(settings=settings(gateway, authority)) as relay:
            site = Site(relay)
            site.deliver(site.account("bob", "other"))
            assert [request.version for request in gateway.wait(2)] == ["1.1", "1.1"]


@pytest.mark.parametrize("url", ["http://localhost:{}/notify", "http://push.example:{}/notify", ""])
def test_gateways_that_are_not_used(authority, url):
    with PushGateway() as gateway:
        more = settings(gateway, authority, push_gateway=url.format(gateway.port))
        with Relay(settings=more) as relay:
            site = Site(relay)
            site.deliver(site.account("bob"))
            quiet(gateway, 1.5)
            assert ("push.off" in relay.log()) == (url != "")


def test_reload_to_another_gateway_and_to_none(gateway, authority):
    with Service(settings=settings(gateway, authority)) as relay:
        site = Site(relay)
        bob = site.account("bob")
        site.deliver(bob)
        gateway.wait(1)
        relay.reload(push_gateway=gateway.url + "/other")
        time.sleep(1.5)
        site.deliver(bob)
        gateway.wait(2)
        relay.reload(push_gateway="")
        time.sleep(1.5)
        site.deliver(bob)
        quiet(gateway, 1.5)
        assert [request.path for request in gateway.requests] == ["/notify", "/notify/other"]


# ---- ends ----


def told_since(gateway, tokens, since):
    with gateway.changed:
        return {request.token for request in gateway.requests if request.at >= since} >= set(tokens)


@pytest.mark.limit(120)
def test_killed_in_each_state(authority, certificate):
    """SIGKILL before the request, while it is under way, when it is answered and not committed, and while its next try
    is waited for: nothing is lost."""
    with PushGateway(certificate) as gateway, Relay(settings=settings(gateway, authority)) as relay:
        site = Site(relay)
        tokens = [f"token{n}" for n in range(12)]
        accounts = [site.account(token) for token in tokens]

        gateway.shut()  # before: all wait for a gateway that is not there
        site.deliver(*accounts)
        wait_until(lambda: "push.gateway_fails" in relay.log(), 10, "a first try")
        relay.kill()
        gateway.open()
        relay.start()
        wait_until(lambda: told_since(gateway, tokens, 0), 20, "all that waited")

        time.sleep(1.1)
        gateway.default = "hang"  # under way
        count = len(gateway.requests)
        site.deliver(*accounts)
        gateway.wait(count + len(tokens))
        relay.kill()
        gateway.default = 200
        restarted = time.monotonic()
        relay.start()
        wait_until(lambda: told_since(gateway, tokens, restarted), 20, "all that was under way")

        time.sleep(1.1)
        gateway.default = "hang"  # answered: the database is held, so that nothing can be committed
        count = len(gateway.requests)
        site.deliver(*accounts)
        gateway.wait(count + len(tokens))
        with contextlib.closing(sqlite3.connect(relay.state / "martlet.db", isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            gateway.release(200)
            gateway.default = 200
            time.sleep(0.5)
            relay.kill()
        restarted = time.monotonic()
        relay.start()
        wait_until(lambda: told_since(gateway, tokens, restarted), 20, "all that was answered")

        time.sleep(1.1)
        gateway.default = 500  # waiting for the next try
        began = time.monotonic()
        site.deliver(*accounts)
        wait_until(lambda: told_since(gateway, tokens, began), 10, "the first tries")
        time.sleep(0.5)
        relay.kill()
        gateway.default = 200
        count = len(gateway.requests)
        relay.start()
        wait_until(lambda: len(gateway.requests) >= count + len(tokens), 20, "the second tries")
        for token in tokens:
            *_, first, second = gateway.of(token)
            assert EIGHT[0] < second.at - first.at < EIGHT[1]
        quiet(gateway, 2)


@pytest.mark.limit(120)
def test_killed_at_any_moment(authority, certificate):
    """Deliveries, answers and commits side by side, SIGKILL among them: whoever got mail is told at least once."""
    with PushGateway(certificate) as gateway, Relay(settings=settings(gateway, authority)) as relay:
        site = Site(relay)
        tokens = [f"token{n}" for n in range(20)]
        accounts = [site.account(token) for token in tokens]
        again = 0
        for _ in range(12):
            time.sleep(1.1)
            began, before = time.monotonic(), len(gateway.requests)
            site.deliver(*accounts)
            time.sleep(random.random() * 0.06)
            relay.kill()
            relay.start()
            wait_until(lambda began=began: told_since(gateway, tokens, began), 15, "all tokens")
            again += len(gateway.requests) - before - len(tokens)
        print(f"{again} notifications were sent twice")


def test_stopping_does_not_wait_for_the_gateway(authority, certificate):
    """SIGTERM while requests hang: the relay ends soon, and the next one sends them again."""
    with PushGateway(certificate) as gateway, Relay(settings=settings(gateway, authority)) as relay:
        site = Site(relay)
        bob = site.account("one", "two")
        gateway.default = "hang"
        site.deliver(bob)
        gateway.wait(2)
        began = time.monotonic()
        relay.stop()
        assert time.monotonic() - began < 8
        gateway.default = 200
        relay.start()
        gateway.wait(4)
        assert sorted(gateway.tokens()[2:]) == ["one", "two"]
        quiet(gateway, 1)


# ---- a gateway that is not there ----


def memory_of(relay):
    """Resident octets of the relay process."""
    with open(f"/proc/{relay.child_pid()}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def send_many(site, accounts, rounds):
    """Delivers to each account so often; the milliseconds from the end of DATA to the 250 of each."""
    took = []
    with site.relay.smtp(site.sender) as smtp:
        for _ in range(rounds):
            for account in accounts:
                message = mail.encrypted(site.sender.address)
                began = time.monotonic()
                assert smtp.send_message(site.sender.address, [account.address], message)[0] == 250
                took.append((time.monotonic() - began) * 1000)
    return took


def describe(took):
    return f"p50 {statistics.median(took):.2f} ms, p99 {statistics.quantiles(took, n=100)[98]:.2f} ms"


class Swallower:
    """Takes connections and never says a word, as a gateway behind a broken wall."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=100)

    def close(self):
        self.listener.close()


@pytest.mark.parametrize("manner", ["refuses", "swallows"])
@pytest.mark.limit(180)
def test_dead_gateway_and_a_thousand_deliveries(authority, certificate, manner):
    """Mail is as fast as without, memory does not grow, and when the gateway is back all are told."""
    with PushGateway(certificate) as gateway:
        with Relay(settings=settings(gateway, authority), binary=release_binary_path()) as relay:
            site = Site(relay)
            tokens = [[f"{'x' * 1000}{a}-{t}" for t in range(5)] for a in range(50)]
            accounts = [site.account(*of_account) for of_account in tokens]
            fine = send_many(site, accounts, 4)
            wait_until(lambda: told_since(gateway, sum(tokens, []), 0), 30, "all tokens")
            gateway.shut()
            swallower = Swallower(gateway.port) if manner == "swallows" else None
            time.sleep(1.1)
            memory = memory_of(relay)
            dead = send_many(site, accounts, 20)
            grown = memory_of(relay) - memory
            print(f"{manner}: with the gateway {describe(fine)}; without {describe(dead)}; {grown // 1024} KiB more")
            assert statistics.median(dead) < 2 * statistics.median(fine) + 2
            assert grown < 4 * 1024 * 1024
            if swallower is not None:
                swallower.close()
            gateway.open()
            began = time.monotonic()
            wait_until(lambda: told_since(gateway, sum(tokens, []), began), 60, "all tokens")
            print(f"all 250 told {time.monotonic() - began:.1f} s after it was back")
            assert "push.gateway_answers" in relay.log()
