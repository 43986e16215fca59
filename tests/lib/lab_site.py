# SPDX-License-Identifier: MIT
"""A domain of the lab whose mail server a test makes for itself (fake_mx.py), and what such tests share; a pytest
plugin."""
import re

import pytest
from fake_mx import FakeMx, PolicyHost
from internet import send
from lab import NET4, NET6
from relay import run_martlet, wait_until
from timelimit import GUARD

POLICY = "version: STSv1\r\nmode: {mode}\r\n{mx}max_age: 86400\r\n"


class Site:
    """A domain with one mail server that the test makes."""

    numbers = iter(range(101, 250))

    def __init__(self, internet, ipv4=True, ipv6=True, zone="test"):
        self.internet = internet
        self.number = next(Site.numbers)
        internet.fakes.add_address(self.number, ipv4, ipv6)
        self.domain = f"site{self.number}.{zone}"
        self.mx = f"mx.{self.domain}"
        self.ipv4, self.ipv6 = f"{NET4}{self.number}", f"{NET6}{self.number}"
        self.servers = []
        internet.lab.dns.add(f"{self.domain}. MX 10 {self.mx}.")
        if ipv4:
            internet.lab.dns.add(f"{self.mx}. A {self.ipv4}")
        if ipv6:
            internet.lab.dns.add(f"{self.mx}. AAAA {self.ipv6}")

    def good(self, *names):
        return self.internet.lab.ca.issue(*(names or (self.mx,)))

    def expired(self):
        return self.internet.lab.ca.issue(self.mx, days=-3)

    def self_signed(self):
        return self.internet.lab.ca.self_signed(f"self-{self.mx}", self.mx)

    def names(self, *records):
        self.internet.lab.dns.add(*records)

    def dane(self, record):
        self.names(f"_25._tcp.{self.mx}. TLSA {record}")

    def policy(self, mode="enforce", mx=()):
        self.names(
            f'_mta-sts.{self.domain}. TXT "v=STSv1; id=1"', f"mta-sts.{self.domain}. A {self.ipv4}",
        )
        text = POLICY.format(mode=mode, mx="".join(f"mx: {name}\r\n" for name in mx))
        certificate = self.internet.lab.ca.issue(f"mta-sts.{self.domain}")
        self.servers.append(PolicyHost(self.internet.fakes, self.ipv4, certificate, text))
        return self.servers[-1]

    def serve(self, certificate, ipv6=False, kind=FakeMx, **more):
        self.servers.append(kind(self.internet.fakes, self.ipv6 if ipv6 else self.ipv4, certificate, **more))
        return self.servers[-1]

    def publish(self):
        self.internet.lab.dns.publish()

    def close(self):
        for server in self.servers:
            server.close()


@pytest.fixture
def site(internet):
    sites = []

    def make(**more):
        sites.append(Site(internet, **more))
        return sites[-1]

    yield make
    for one in sites:
        one.close()


def send_to(here, alice, domain):
    return send(here, alice, [f"bob@{domain}"])


def queue_command(here, *args):
    done = run_martlet("queue", *args, "--config", here.config_path, binary=here.binary)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_never_delivered(here, alice, site, mx, error, letters=()):
    """Tried twice and not delivered, for the reason that the operator reads; nothing of the message was said."""
    mark = len(here.log())
    send_to(here, alice, site.domain)
    wait_until(lambda: here.log()[mark:].count("queue.deferred") >= 2, GUARD, "two attempts")
    assert letters is None or mx.letters == []

    def is_listed():
        listed = next((line for line in queue_command(here, "list").splitlines() if site.domain in line), "")
        return re.search(error, listed)

    wait_until(is_listed, GUARD, f"{error} for {site.domain}")
    queue_command(here, "drop", site.domain)
