# SPDX-License-Identifier: MIT
"""The notification gateway on another host: found by its name, and lost on the way."""
import time

import mail
import pytest
from internet import wait_log
from lab import LabRelay
from push_gateway import PushGateway
from relay import wait_until

NAME = "notifications.delta.chat"  # the default, so that nothing need be configured
NUMBER = 240


@pytest.fixture
def gateway(internet):
    internet.fakes.add_address(NUMBER)
    internet.lab.dns.add(f"{NAME}. A 10.77.0.{NUMBER}")
    internet.lab.dns.publish()
    with PushGateway(
        internet.lab.ca.issue(NAME), host=internet.fakes, address=f"10.77.0.{NUMBER}", port=443
    ) as gateway:
        yield gateway


@pytest.fixture
def pushing(internet):
    host = internet.lab.host("pushing", 62)
    internet.lab.names_of(host, "pushing.test")
    internet.lab.dns.publish()
    with LabRelay(internet.lab, host, "pushing.test") as relay:
        yield relay


def test_the_default_gateway_and_a_path_that_is_lost(pushing, gateway):
    """When nothing arrives there any more, and nothing says so, the connection is given up after twenty seconds."""
    relay = pushing
    bob, sender = relay.new_account(), relay.new_account()
    with relay.imap(bob) as imap:
        imap.ok('SETMETADATA INBOX (/private/devicetoken "one")')
        imap.ok('SETMETADATA INBOX (/private/devicetoken "two")')

    def deliver():
        with relay.smtp(sender) as smtp:
            assert smtp.send_message(sender.address, [bob.address], mail.encrypted(sender.address))[0] == 250

    deliver()
    first = gateway.wait(2)
    assert {request.version for request in first} == {"2"}
    time.sleep(1.1)
    relay.host.block(443, how="drop")
    began = time.monotonic()
    deliver()
    wait_log(relay, "push.gateway_fails")
    lost = time.monotonic() - began
    assert 15 < lost < 50, lost  # and not the minute of a request that is waited for
    assert len(gateway.requests) == 2
    relay.host.unblock()
    gateway.wait(4, timeout=120)
    wait_until(lambda: "push.gateway_answers" in relay.log(), 60, "the end of the trouble")
    assert sorted(request.token for request in gateway.requests) == ["one", "one", "two", "two"]
