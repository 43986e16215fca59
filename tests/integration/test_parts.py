# SPDX-License-Identifier: MIT
"""The pages promise what the configuration leaves on, and nothing else; a reload is enough."""
import re

from relay import Relay, Service, wait_until

PUSH = "nothing is sent to that service"  # said while it is off
PACKETS = "Packets between devices"
CALLS = "Calls get through"
DIRECT = "direct connection between devices through this relay"
PUBLIC = "Public relays of the iroh project"
CALLED = "Public servers of the Delta Chat project"


def page(relay, path):
    status, _, body = relay.request(path)
    assert status == 200
    return body.decode()


def says(relay, **texts):
    """Which of the sentences stand on the two pages."""
    both = page(relay, "/en/info") + page(relay, "/en/privacy")
    return {name for name, text in texts.items() if text in both}


def standing(relay):
    return says(relay, push_off=PUSH, packets=PACKETS, calls=CALLS, direct=DIRECT, public=PUBLIC, called=CALLED)


def test_pages_follow_the_configuration():
    with Service({"push_gateway": "https://push.example.org/notify"}) as relay:
        everything = {"packets", "calls", "direct"}
        assert standing(relay) == everything
        for settings, want in (
            ({"push_gateway": ""}, everything | {"push_off"}),
            ({"turn": "false"}, {"push_off", "packets", "direct", "called"}),
            ({"iroh_relay": ""}, {"push_off", "public", "called"}),
            ({"iroh_relay": "https://iroh.example.net"}, {"push_off", "called"}),
            ({"turn": "true"}, {"push_off", "packets", "calls"}),
        ):
            relay.reload(**settings)
            wait_until(lambda want=want: standing(relay) == want, 10, f"the pages after {settings}")
        assert '<bdi dir="ltr">iroh.example.net</bdi>' in page(relay, "/en/privacy")


def test_a_relay_that_the_world_does_not_know_notifies_nobody():
    with Relay() as relay:
        assert "push_off" in standing(relay)


def test_the_sandbox_lets_the_gateway_be_reached():
    with Relay(settings={"push_gateway": "https://push.example.org:8443/"}) as relay:
        assert re.search(r"connect=(any|\S*\b8443\b)", relay.log())
    with Relay(settings={"push_gateway": ""}) as relay:
        assert "8443" not in relay.log()
