# SPDX-License-Identifier: MIT
"""What the tests with genuine clients share: one relay, one process per client version, pairs of acquaintances."""
import types

import deltachat
import pytest
from relay import Account

pytest_plugins = ["timelimit", "relay_fixture"]
PAIRS = [("2.57", "2.57"), ("2.62", "2.62"), ("2.57", "2.62")]


@pytest.fixture(scope="session")
def cores():
    """Client processes by version, started when first asked for."""
    running = {}

    def get(version):
        if version not in running:
            running[version] = deltachat.Core(version)
        return running[version]

    yield get
    for core in running.values():
        core.close()


@pytest.fixture(scope="session")
def new_profile(relay, cores):
    """Makes a profile with a new account on the shared relay (or on another one)."""

    def make(version, name=None, on=None):
        where = on or relay
        account = Account.invent()
        profile = cores(version).new_profile(name).login(where.dclogin(account))
        profile.account = account
        return profile

    return make


def make_pair(new_profile, versions, on=None):
    alice = new_profile(versions[0], "Alice", on)
    bob = new_profile(versions[1], "Bob", on)
    alice_to_bob, bob_to_alice = alice.securejoin_with(bob)
    return types.SimpleNamespace(alice=alice, bob=bob, alice_to_bob=alice_to_bob, bob_to_alice=bob_to_alice)


@pytest.fixture(scope="session", params=PAIRS, ids=["+".join(p) for p in PAIRS])
def pair(request, new_profile):
    """Two profiles that have done securejoin."""
    return make_pair(new_profile, request.param)


@pytest.fixture(scope="session", params=deltachat.VERSIONS)
def version(request):
    return request.param
