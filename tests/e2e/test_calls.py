# SPDX-License-Identifier: MIT
"""What a genuine client makes of the relay's offer for calls."""
import contextlib
import json

import deltachat
import pytest
import turn
from internet import Internet
from relay import Account
from test_federation import link


@pytest.fixture(scope="module")
def relay():
    """A relay on a bare address: its clients need no name server."""
    world = Internet(classic=False, names=("c",))
    try:
        yield world["c"]
    except BaseException:
        world.close(False)
        raise
    world.close()


@pytest.mark.parametrize("version", deltachat.VERSIONS)
def test_clients_learn_one_server_that_works(relay, version):
    with contextlib.ExitStack() as stack:
        with relay.host.inside():
            core = stack.enter_context(deltachat.Core(version))
        profile = core.new_profile("Alice").login(link(relay, Account.invent(relay.mail_domain)))
        servers = profile.wait_for(
            lambda: [s for s in json.loads(profile.ice_servers()) if s.get("credential")], what="the relay's offer"
        )
        assert len(servers) == 1, servers
        assert servers[0]["urls"] == [f"turn:{relay.host.ipv4}:3478"]
        known = turn.Credentials(servers[0]["username"], servers[0]["credential"], None)
        with relay.host.inside():
            client = stack.enter_context(turn.Client(relay.host.ipv4, known))
        known.realm = client.greet()[turn.REALM].decode()
        assert client.allocate().address(turn.RELAYED)[0] == relay.host.ipv4
