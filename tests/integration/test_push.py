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
from timelimit import GUARD

# Seconds until the first retry: 8 and up to one more by chance. The second is long after it, however busy the machine is.
EIGHT = (7.9, 40)


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


def waiting(relay):
    """{token: tries that have failed} of what is to be told, as it is committed."""
    with contextlib.closing(sqlite3.connect(relay.state / "martlet.db", timeout=GUARD)) as database:
        return dict(database.execute("SELECT token, tries FROM push JOIN token ON token.id = push.token_id"))


def wait_told(relay):
    """Nothing waits any more, and more than a second has gone since: no request covers what comes now."""
    wait_until(lambda: not waiting(relay), GUARD, "all to be told")
    time.sleep(1.1)


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
    assert request.at - began < 30  # nothing looks for it now and then, it is rung for
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
    wait_told(site.relay)
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
    gateway.on("bob", *[500] * 1000)
    began = time.monotonic()
    for _ in range(20):
        site.deliver(bob)
    took = time.monotonic() - began
    gateway.wait(1, token="bob")
    time.sleep(1.5)
    # Those of retries are not counted with them, which a slow machine gets to.
    assert 1 <= len(gateway.of("bob")) <= 1 + took + took / EIGHT[0]
    before = len(gateway.of("bob"))
    gateway.actions["bob"].clear()
    gateway.wait(before + 1, token="bob")
    wait_told(site.relay)
    quiet(gateway, 2)


def test_connections_are_kept(site, gateway):
    accounts = [site.account(f"token{n}") for n in range(10)]
    for account in accounts:
        site.deliver(account)
    gateway.wait(10)
    assert gateway.connections == 1
    wait_told(site.relay)
    gateway.default = "hang"  # side by side on it
    site.deliver(*accounts)
    gateway.wait(20)
    assert gateway.connections == 1
    assert gateway.at_once == 10
    gateway.release()


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
    wait_told(site.relay)
    site.deliver(bob)
    gateway.wait(3)
    quiet(gateway, 1)
    assert gateway.tokens().count("dead") == 1


# What is answered, and whether it is tried again. None of the second kind takes the connection with it.
REFUSALS = (204, 302, 307, 400, 404, 500)
BUSY = (429, 503)  # is of the gateway as a whole when nobody is answered meanwhile; so each comes alone
BREAKS = ("garbage", "close", "half")


@pytest.mark.parametrize("versions", [["h2"], []], ids=["h2", "no-alpn"])
def test_whatever_else_is_answered_is_tried_again(authority, certificate, versions):
    """Each token is tried again after its eight seconds; what is 200 is not, however much comes behind it."""
    with PushGateway(certificate, alpn=versions) as gateway, PushGateway(certificate) as elsewhere:
        with Relay(settings=settings(gateway, authority)) as relay:
            site = Site(relay)
            accounts = {str(name): site.account(str(name)) for name in (*REFUSALS, *BUSY, *BREAKS, "endless", "good")}
            for status in (*REFUSALS, *BUSY):
                gateway.on(str(status), (status, {"location": elsewhere.url, "retry-after": "1"}))
            gateway.on("endless", "endless")
            site.deliver(accounts["good"])
            gateway.wait(1)
            site.deliver(*(accounts[str(name)] for name in (*REFUSALS, "endless")))
            gateway.wait(2 + len(REFUSALS))
            for number, name in enumerate((*map(str, BUSY), *BREAKS)):
                time.sleep(1.1)
                site.deliver(accounts["good"])
                gateway.wait(2 + number, token="good")
                if name in BREAKS:  # the client itself sends again what a kept connection has not answered: no new try
                    gateway.on(name, *[name] * 1000)
                site.deliver(accounts[name])
                wait_until(lambda name=name: waiting(relay).get(name, 0) > 0, GUARD, f"the failure of {name}")
                gateway.actions[name].clear()
            for name in map(str, (*REFUSALS, *BUSY, *BREAKS)):
                first = gateway.of(name)[0].at
                wait_until(lambda name=name, at=first: gateway.of(name)[-1].at > at + 7, GUARD, f"second try of {name}")
                assert EIGHT[0] < gateway.of(name)[-1].at - first < EIGHT[1], name
            wait_told(relay)
            quiet(gateway, 2)
            assert len(gateway.of("endless")) == 1
            assert {request.version for request in gateway.requests} == {"2" if versions else "1.1"}
        assert elsewhere.requests == [], "no redirect is followed"


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
        gateway.wait(n + 1, token="carol")
        time.sleep(1.1)
    assert len(gateway.of("bob")) == 1  # still
    site.deliver(dave)
    gateway.wait(1, token="dave")
    time.sleep(30)
    gateway.release(200, token="dave")
    first, second = gateway.wait(2, token="bob", timeout=120)
    assert 60 < second.at - first.at < 120
    quiet(gateway, 3)
    assert len(gateway.of("dave")) == 1


# ---- who the gateway is ----


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
                wait_until(lambda relay=relay: "push.gateway_fails" in relay.log(), GUARD, name)
                assert gateway.requests == [], name
                if name == "name":  # and is asked again when it can prove itself
                    gateway.shut()
                    gateway.context.load_cert_chain(*map(str, certificate))
                    gateway.open()
                    gateway.wait(1)
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
        relay.reload_and_wait(push_gateway=gateway.url + "/other")
        wait_told(relay)
        site.deliver(bob)
        gateway.wait(2)
        relay.reload_and_wait(push_gateway="")
        time.sleep(1.1)
        site.deliver(bob)
        quiet(gateway, 1.5)
        assert [request.path for request in gateway.requests] == ["/notify", "/notify/other"]


# ---- ends ----


def told_since(gateway, tokens, since):
    with gateway.changed:
        return {request.token for request in gateway.requests if request.at >= since} >= set(tokens)


def test_killed_in_each_state(authority, certificate):
    """SIGKILL before the request, while it is under way, when it is answered and not committed, and while its next try
    is waited for: nothing is lost."""
    with PushGateway(certificate) as gateway, Relay(settings=settings(gateway, authority)) as relay:
        site = Site(relay)
        tokens = [f"token{n}" for n in range(12)]
        accounts = [site.account(token) for token in tokens]

        gateway.shut()  # before: all wait for a gateway that is not there
        site.deliver(*accounts)
        wait_until(lambda: "push.gateway_fails" in relay.log(), GUARD, "a first try")
        relay.kill()
        gateway.open()
        relay.start()
        wait_until(lambda: told_since(gateway, tokens, 0), GUARD, "all that waited")

        wait_told(relay)
        gateway.default = "hang"  # under way
        count = len(gateway.requests)
        site.deliver(*accounts)
        gateway.wait(count + len(tokens))
        relay.kill()
        gateway.default = 200
        restarted = time.monotonic()
        relay.start()
        wait_until(lambda: told_since(gateway, tokens, restarted), GUARD, "all that was under way")

        wait_told(relay)
        gateway.default = "hang"  # answered: the database is held, so that nothing can be committed
        count = len(gateway.requests)
        site.deliver(*accounts)
        gateway.wait(count + len(tokens))
        with contextlib.closing(sqlite3.connect(relay.state / "martlet.db", GUARD, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            gateway.release(200)
            gateway.default = 200
            time.sleep(0.5)
            relay.kill()
        restarted = time.monotonic()
        relay.start()
        wait_until(lambda: told_since(gateway, tokens, restarted), GUARD, "all that was answered")

        wait_told(relay)
        gateway.default = 500  # waiting for the next try
        site.deliver(*accounts)
        wait_until(lambda: waiting(relay) == dict.fromkeys(tokens, 1), GUARD, "the first tries")
        relay.kill()
        gateway.default = 200
        count = len(gateway.requests)
        relay.start()
        wait_until(lambda: len(gateway.requests) >= count + len(tokens), GUARD, "the second tries")
        for token in tokens:
            *_, first, second = gateway.of(token)
            assert EIGHT[0] < second.at - first.at < EIGHT[1]
        wait_told(relay)
        quiet(gateway, 2)


def test_killed_at_any_moment(authority, certificate):
    """Deliveries, answers and commits side by side, SIGKILL among them: whoever got mail is told at least once."""
    with PushGateway(certificate) as gateway, Relay(settings=settings(gateway, authority)) as relay:
        site = Site(relay)
        tokens = [f"token{n}" for n in range(20)]
        accounts = [site.account(token) for token in tokens]
        again = 0
        for _ in range(12):
            wait_told(relay)
            began, before = time.monotonic(), len(gateway.requests)
            site.deliver(*accounts)
            time.sleep(random.random() * 0.06)
            relay.kill()
            relay.start()
            wait_until(lambda began=began: told_since(gateway, tokens, began), GUARD, "all tokens")
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
        assert time.monotonic() - began < 30  # and not the minute of a request
        gateway.default = 200
        relay.start()
        gateway.wait(4)
        assert sorted(gateway.tokens()[2:]) == ["one", "two"]
        wait_told(relay)
        quiet(gateway, 1)


# ---- a gateway that is not there ----


def memory_of(relay):
    """Resident octets of the relay process."""
    with open(f"/proc/{relay.child_pid()}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def send_many(sites, rounds):
    """Delivers to each account so often, at one site and the other in turn, so that both have the same machine: the
    milliseconds from the end of DATA to the 250 of each, for each site."""
    took = [[] for _ in sites]
    with contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(site.relay.smtp(site.sender)) for site in sites]
        for _ in range(rounds):
            for receivers in zip(*(site.accounts for site in sites)):
                for site, smtp, receiver, times in zip(sites, sessions, receivers, took):
                    message = mail.encrypted(site.sender.address)
                    began = time.monotonic()
                    assert smtp.send_message(site.sender.address, [receiver.address], message)[0] == 250
                    times.append((time.monotonic() - began) * 1000)
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
def test_dead_gateway_and_a_thousand_deliveries(authority, certificate, manner):
    """Mail is as fast as that of a relay whose gateway lives, memory does not grow, and when the gateway is back all are
    told."""
    tokens = [[f"{'x' * 1000}{a}-{t}" for t in range(5)] for a in range(50)]
    with contextlib.ExitStack() as stack:
        sites = []
        for _ in range(2):
            gateway = stack.enter_context(PushGateway(certificate))
            more = settings(gateway, authority)
            sites.append(Site(stack.enter_context(Relay(settings=more, binary=release_binary_path()))))
            sites[-1].gateway = gateway
            sites[-1].accounts = [sites[-1].account(*of_account) for of_account in tokens]
        send_many(sites, 4)
        for site in sites:
            wait_until(lambda site=site: told_since(site.gateway, sum(tokens, []), 0), 3 * GUARD, "all tokens")
            wait_told(site.relay)
        relay, gateway = sites[0].relay, sites[0].gateway
        gateway.shut()
        swallower = Swallower(gateway.port) if manner == "swallows" else None
        memory = memory_of(relay)
        dead, fine = send_many(sites, 20)
        grown = memory_of(relay) - memory
        print(f"{manner}: with the gateway {describe(fine)}; without {describe(dead)}; {grown // 1024} KiB more")
        assert statistics.median(dead) < 2 * statistics.median(fine) + 2
        assert grown < 4 * 1024 * 1024
        if swallower is not None:
            swallower.close()
        gateway.open()
        began = time.monotonic()
        wait_until(lambda: told_since(gateway, sum(tokens, []), began), 3 * GUARD, "all tokens")
        print(f"all 250 told {time.monotonic() - began:.1f} s after it was back")
        assert "push.gateway_answers" in relay.log()
