# SPDX-License-Identifier: MIT
"""Who gets a message and who does not: certificates, DANE, MTA-STS, a man in the middle, names that lead nowhere, and
the keys of those who send.

The servers on the other side are the tests' own, each on an address and a domain of its own.
"""
import email
import email.policy
import time

import mail
import pytest
import wire
from internet import received
from lab import NET4, NET6, dkim_record, tlsa
from lab_site import assert_never_delivered, send_to


@pytest.fixture
def here(internet):
    return internet["a"]


@pytest.fixture
def alice(here):
    return here.new_account()


# ---- certificates ----


def test_good_certificate(here, alice, site):
    s = site(ipv6=False)
    mx = s.serve(s.good())
    s.publish()
    letter = mx.wait_letter(send_to(here, alice, s.domain))
    assert letter.tls and letter.sender == alice.address and letter.recipients == [f"bob@{s.domain}"]
    assert mail.header_values(letter.data, "DKIM-Signature")


@pytest.mark.parametrize(
    "certificate",
    [
        lambda s: s.expired(),
        lambda s: s.good("mx.another.test"),
        lambda s: s.good(s.domain),  # the mail domain's name is not the host's
        lambda s: s.self_signed(),
    ],
    ids=["expired", "foreign", "of the domain", "self-signed"],
)
def test_bad_certificate(here, alice, site, certificate):
    s = site(ipv6=False)
    mx = s.serve(certificate(s))
    s.publish()
    assert_never_delivered(here, alice, s, mx, "451 TLS error")


def test_starttls_stripped(here, alice, site):
    """A man in the middle takes STARTTLS out of the offers."""
    s = site(ipv6=False)
    mx = s.serve(None)
    s.publish()
    assert_never_delivered(here, alice, s, mx, "TLS")


def test_starttls_offered_and_failed(here, alice, site):
    s = site(ipv6=False)
    mx = s.serve(s.good(), answers={"STARTTLS": "454 4.7.0 TLS not available"})
    s.publish()
    assert_never_delivered(here, alice, s, mx, "TLS")


def test_injected_before_tls(here, alice, site):
    """RFC 3207 section 4.2: what a man in the middle puts behind the reply to STARTTLS is not the server's."""
    s = site(ipv6=False)
    mx = s.serve(s.good(), answers={"STARTTLS": "220 go ahead\r\n554 5.7.1 go away for ever"})
    s.publish()
    assert mx.wait_letter(send_to(here, alice, s.domain)).tls


# ---- DANE ----


def test_dane_instead_of_an_authority(here, alice, site):
    """RFC 7672: with the right record a self-signed certificate is a proof."""
    s = site(ipv6=False)
    certificate = s.self_signed()
    s.dane(tlsa(certificate[0]))
    mx = s.serve(certificate)
    s.publish()
    assert mx.wait_letter(send_to(here, alice, s.domain)).tls


def test_dane_with_a_wrong_record(here, alice, site):
    """And with a wrong one not even a certificate of an authority is."""
    s = site(ipv6=False)
    s.dane("3 1 1 " + "ab" * 32)
    mx = s.serve(s.good())
    s.publish()
    assert_never_delivered(here, alice, s, mx, "451 TLS error")


def test_dane_of_an_unsigned_zone_is_no_proof(here, alice, site):
    """Anybody could have written it."""
    s = site(ipv6=False, zone="insecure.test")
    certificate = s.self_signed()
    s.dane(tlsa(certificate[0]))
    mx = s.serve(certificate)
    s.publish()
    assert_never_delivered(here, alice, s, mx, "451 TLS error")


def test_unsigned_zone_with_a_good_certificate(here, alice, site):
    s = site(ipv6=False, zone="insecure.test")
    mx = s.serve(s.good())
    s.publish()
    assert mx.wait_letter(send_to(here, alice, s.domain)).tls


# ---- MTA-STS ----


def test_mta_sts_names_the_host(here, alice, site):
    s = site(ipv6=False)
    host = s.policy(mx=["another.test", f"*.{s.domain}"])
    mx = s.serve(s.good())
    s.publish()
    mx.wait_letter(send_to(here, alice, s.domain))
    mx.wait_letter(send_to(here, alice, s.domain))
    assert host.requests == 1, "the policy is kept"


def test_mta_sts_does_not_name_the_host(here, alice, site):
    """A forged MX has even a good certificate of its own name."""
    s = site(ipv6=False)
    s.policy(mx=["mx.honest.test"])
    mx = s.serve(s.good())
    s.publish()
    assert_never_delivered(here, alice, s, mx, "MTA-STS")
    assert mx.connections == 0


def test_mta_sts_testing_does_not_hinder(here, alice, site):
    s = site(ipv6=False)
    s.policy(mode="testing", mx=["mx.honest.test"])
    mx = s.serve(s.good())
    s.publish()
    mx.wait_letter(send_to(here, alice, s.domain))


# ---- names and addresses ----


def bounce_of(here, alice, domain):
    bounce = received(here, alice, send_to(here, alice, domain))
    report = email.message_from_bytes(bounce, policy=email.policy.default)
    return " ".join(list(report.iter_parts())[1].as_string().split())


def test_null_mx(here, alice, internet):
    internet.lab.dns.add("nomail.test. MX 0 .", f"nomail.test. A {NET4}100")
    internet.lab.dns.publish()
    fields = bounce_of(here, alice, "nomail.test")
    assert "556 5.1.10 Permanent failure: Recipient address has null MX" in fields, fields


def test_no_such_domain(here, alice):
    fields = bounce_of(here, alice, "nowhere-at-all.test")
    assert "512 Domain nowhere-at-all.test does not exist" in fields, fields


def test_no_address(here, alice, internet):
    """A domain that exists, and names no host that mail could go to: waiting would not help."""
    internet.lab.dns.add('words.test. TXT "no mail here"', "lost.test. MX 5 gone.lost.test.")
    internet.lab.dns.publish()
    for domain in ("words.test", "lost.test"):
        fields = bounce_of(here, alice, domain)
        assert f"550 5.4.4 No mail host of {domain} has an address" in fields, fields


def test_implicit_mx(here, alice, site):
    """RFC 5321 section 5.1: a domain without MX is its own host."""
    s = site(ipv6=False)
    mx = s.serve(s.good())
    s.publish()
    mx.wait_letter(send_to(here, alice, s.mx))


def test_alias(here, alice, site):
    """The domain is a CNAME: the MX of what it stands for."""
    s = site(ipv6=False)
    s.names(f"alias{s.number}.test. CNAME {s.domain}.")
    mx = s.serve(s.good())
    s.publish()
    assert mx.wait_letter(send_to(here, alice, f"alias{s.number}.test")).recipients == [f"bob@alias{s.number}.test"]


@pytest.mark.parametrize("version", [4, 6])
def test_one_version_only(here, alice, site, version):
    s = site(ipv4=version == 4, ipv6=version == 6)
    mx = s.serve(s.good(), ipv6=version == 6)
    s.publish()
    mx.wait_letter(send_to(here, alice, s.domain))


def test_dead_ipv6_address(here, alice, site):
    """Both families have names, one of them swallows all that is sent to it: happy eyeballs (RFC 8305). Who waits for it
    waits for a minute."""
    s = site(ipv6=False)
    s.names(f"{s.mx}. AAAA {NET6}dead")
    here.host.swallow(f"ip6 daddr {NET6}dead")
    mx = s.serve(s.good())
    s.publish()
    began = time.monotonic()
    mx.wait_letter(send_to(here, alice, s.domain))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("dead", ["refuses", "has no address", "shows a bad certificate", "says 421"])
def test_first_host_is_dead(here, alice, site, dead):
    first, second = site(ipv6=False), site(ipv6=False)
    domain = f"two{first.number}.test"
    name = f"nohost{first.number}.test" if dead == "has no address" else first.mx
    first.names(f"{domain}. MX 5 {name}.", f"{domain}. MX 20 {second.mx}.")
    if dead == "shows a bad certificate":
        first.serve(first.self_signed())
    elif dead == "says 421":
        first.serve(first.good(), answers={"": "421 4.3.2 not now"})
    mx = second.serve(second.good())
    first.publish()
    mx.wait_letter(send_to(here, alice, domain))


# ---- keys of those who send ----


def deliver(internet, here, sender, recipient, message):
    """What the relay says to a mail server that brings this message."""
    with internet.fakes.inside(), wire.Smtp(25, tls=False, host=here.host.ipv4) as smtp:
        smtp.start_tls()
        smtp.ehlo()
        return smtp.send_message(sender, [recipient], message)


def test_key_that_cannot_be_asked_for(internet, here, alice):
    """Trouble of the DNS is no forgery: 451, whatever the trouble is."""
    internet.lab.dns.add("lame.test. NS ns3.lab.", f"ns3.lab. A {NET4}99")
    internet.lab.dns.publish()
    message = internet["postfix"].sign(mail.encrypted("bob@lame.test"), domain="lame.test")
    code, text = deliver(internet, here, "bob@lame.test", alice.address, message)
    assert code == 451 and text.startswith("4.7.5"), (code, text)


def test_key_that_is_not_there(internet, here, alice, site):
    s = site()
    s.publish()
    message = internet["postfix"].sign(mail.encrypted(f"bob@{s.domain}"), domain=s.domain)
    reply = deliver(internet, here, f"bob@{s.domain}", alice.address, message)
    assert reply == (554, "5.7.1 No valid DKIM signature found")


def test_key_of_an_unsigned_zone(internet, here, alice, site):
    """DKIM does not ask for DNSSEC."""
    s, postfix = site(zone="insecure.test"), internet["postfix"]
    s.names(f"s1._domainkey.{s.domain}. TXT {dkim_record(postfix.key)}")
    s.publish()
    message = postfix.sign(mail.encrypted(f"bob@{s.domain}"), domain=s.domain)
    code, text = deliver(internet, here, f"bob@{s.domain}", alice.address, message)
    assert code == 250, (code, text)
    received(here, alice, mail.header_values(message, "Message-ID")[0])
