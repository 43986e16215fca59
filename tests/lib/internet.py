# SPDX-License-Identifier: MIT
"""The lab with everybody in it, as a pytest plugin: relays with public names (a.test, b.test), on bare addresses
(10.77.0.3, 10.77.0.4) and with an underscore domain, the classic servers, and a host for servers that lie.

`internet` is made once for all tests that ask for it. A test leaves it as it was: ports open, names as before.
"""
import re
import time

import mail
import pytest
from lab import Lab, LabRelay, in_parallel, tlsa
from peers import Exim, OpenSmtpd, Postfix
from relay import wait_until
from timelimit import GUARD, PATIENCE


class Internet:
    def __init__(self, classic=True, names=("a", "b", "c", "d", "u")):
        self.lab = Lab()
        try:
            self.relays = {}
            for name in names:
                self.add_relay(name)
            self.peers = {}
            if classic:
                for number, kind in ((25, Postfix), (26, Exim), (27, OpenSmtpd)):
                    peer = kind(self.lab, self.lab.host(kind.tree, number))
                    self.lab.stack.callback(peer.close)
                    self.peers[kind.tree] = peer
            self.fakes = self.lab.host("fakes", 100)
            self.start()
        except BaseException:
            self.close(False)
            raise

    def add_relay(self, name):
        number = {"a": 1, "b": 2, "c": 3, "d": 4, "u": 5}[name]
        host = self.lab.host(name, number)
        domain = {"c": host.ipv4, "d": host.ipv4, "u": "_u.test"}.get(name, f"{name}.test")
        relay = LabRelay(self.lab, host, domain)
        self.relays[name] = relay
        if domain != host.ipv4:
            self.lab.names_of(host, domain)
        if name in "ab":
            self.lab.dns.add(f"mta-sts.{domain}. CNAME {domain}.")
        if name == "a":  # DANE for one of them, an MTA-STS policy for the other
            self.lab.dns.add(f"_25._tcp.{domain}. TLSA {tlsa(relay.certificate_file)}")
        if name == "b":
            self.lab.dns.add(f'_mta-sts.{domain}. TXT "v=STSv1; id=20261101"')

    def start(self):
        self.lab.dns.publish()
        for peer in self.peers.values():
            peer.start()
        in_parallel(
            *[relay.start for relay in self.relays.values()], *[peer.wait_ready for peer in self.peers.values()]
        )
        for relay in self.relays.values():
            relay.publish_keys()
        self.lab.dns.publish()

    def close(self, check=True):
        try:
            jobs = []
            for relay in self.relays.values():
                if relay.process is not None:
                    jobs.append(relay.stop if check else relay.kill)
            in_parallel(*jobs)
        finally:
            for relay in self.relays.values():
                relay.remove()
            self.lab.close()

    def __getitem__(self, name):
        return self.relays.get(name) or self.peers[name]

    def unblock(self):
        for relay in self.relays.values():
            relay.host.unblock()


@pytest.fixture(scope="session")
def internet():
    world = Internet()
    try:
        yield world
    except BaseException:
        world.close(False)
        raise
    world.close()


@pytest.fixture(autouse=True)
def world_is_whole_again(request):
    """Ports are open, and the logs hold what they may."""
    yield
    if "internet" in request.fixturenames:
        world = request.getfixturevalue("internet")
        world.unblock()
        for relay in world.relays.values():
            relay.check_log()


# ---- mail ----


def send(relay, account, recipients, message=None, port=465):
    """Hands a message to a relay; returns its Message-ID."""
    message = message or mail.encrypted(account.address)
    with relay.smtp(account, port) as smtp:
        code, text = smtp.send_message(account.address, recipients, message)
    assert code == 250, (code, text)
    return mail.header_values(message, "Message-ID")[0]


def received(relay, account, containing, timeout=GUARD):
    """The message with these octets in it, once it is in the INBOX."""
    if isinstance(containing, str):
        containing = containing.encode()
    timeout = max(timeout, GUARD) * PATIENCE
    deadline = time.monotonic() + timeout
    with relay.imap(account) as imap:
        imap.ok("SELECT INBOX")
        while True:
            found = [m for m in imap.fetch().values() if containing in m]
            if found:
                assert len(found) == 1, f"{containing} is there {len(found)} times"
                return found[0]
            if time.monotonic() > deadline:
                raise TimeoutError(f"{containing!r} not at {account.address} within {timeout} s\n{relay.log()[-4000:]}")
            tag = imap.idle()
            imap.sock.settimeout(0.2)
            try:
                imap.wait_exists(10**9)
            except TimeoutError:
                pass
            imap.sock.settimeout(GUARD * PATIENCE)
            imap.done(tag)


def log_since(relay, mark):
    return relay.log()[mark:]


def wait_log(relay, pattern, mark=0, timeout=GUARD):
    """The first line after the mark that the pattern is found in."""
    try:
        wanted = re.compile(pattern, re.MULTILINE | re.IGNORECASE)
        return wait_until(lambda: wanted.search(relay.log()[mark:]), timeout, pattern).group(0)
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{relay.log()[mark:][-6000:]}") from None


def transports_used(relay, mark):
    """How the letters were delivered since the mark, as far as the relay has said so."""
    return re.findall(r"queue\.answered .*transport=(\S+) delivered=[1-9]", relay.log()[mark:])


def assert_transports(relay, mark, *wanted):
    """A letter may be seen at its receiver's before the sender has read that it was taken."""
    wait_until(lambda: len(transports_used(relay, mark)) >= len(wanted), GUARD, "the answers")
    assert transports_used(relay, mark) == list(wanted)
