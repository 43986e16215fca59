# SPDX-License-Identifier: MIT
"""Relays without a domain, on bare addresses and with self-signed certificates, and one with an underscore domain."""
import mail
import pytest
import wire
from internet import assert_transports, received, send

WAYS = [("c", "d"), ("d", "c"), ("c", "a"), ("a", "c"), ("u", "a"), ("a", "u"), ("u", "c"), ("c", "u")]


@pytest.mark.parametrize("way", WAYS, ids=["-".join(way) for way in WAYS])
def test_both_transports(internet, way):
    """By HTTPS, then by SMTP, whatever certificate the bare relay shows."""
    here, there = (internet[name] for name in way)
    here.stop()
    here.start()
    alice, bob = here.new_account(), there.new_account()
    if way[1] in "cd":
        assert bob.address.endswith(f"@[{there.host.ipv4}]")
    for blocked, transport in (((), "HTTPS"), ((443,), "SMTP")):
        here.host.block(*blocked)
        mark = len(here.log())
        got = received(there, bob, send(here, alice, [bob.address]))
        assert_transports(here, mark, transport)
        names = {name.lower() for name, _ in mail.parse_header(got)}
        assert not names & {"dkim-signature", "authentication-results", "received"}, names


def test_bounce_between_bare_relays(internet):
    here, there = internet["c"], internet["d"]
    alice = here.new_account()
    nobody = f"nobody123@[{there.host.ipv4}]"
    bounce = received(here, alice, send(here, alice, [nobody]))
    assert nobody.encode() in bounce and b"550 5.1.1" in bounce


def test_nobody_else_is_the_relay_itself(internet):
    """A bare relay takes no mail from outside that says to come from itself."""
    there = internet["d"]
    bob = there.new_account()
    forged = mail.encrypted(f"somebody1@[{there.host.ipv4}]")
    with internet.fakes.inside(), wire.Smtp(25, tls=False, host=there.host.ipv4) as smtp:
        smtp.start_tls()
        smtp.ehlo()
        code, text = smtp.send_message(f"somebody1@[{there.host.ipv4}]", [bob.address], forged)
    assert code == 554, (code, text)
