# SPDX-License-Identifier: MIT
"""Mail servers that refuse, break off, die, talk nonsense, say nothing, or are not there: each letter arrives once, and
nobody else is delayed.
"""
import threading
import time

import mail
import pytest
from fake_mx import FakeMx
from internet import received, send
from relay import wait_until
from lab_site import assert_never_delivered, queue_command, send_to
from timelimit import GUARD


@pytest.fixture
def here(internet):
    return internet["a"]


@pytest.fixture
def alice(here):
    return here.new_account()


def test_connection_is_kept(here, alice, site):
    """Five messages, one after another, over one connection (besides the one that finds no HTTPS)."""
    s = site(ipv6=False)
    mx = s.serve(s.good())
    s.publish()
    for _ in range(5):
        mx.wait_letter(send_to(here, alice, s.domain))
    assert mx.connections == 1


def test_refusals_per_recipient(here, alice, site):
    """One taken, one for later, one refused: each once, with the server's words in the bounce."""
    s = site(ipv6=False)
    asked = {}

    def rcpt(line):
        user = line.partition("<")[2].partition("@")[0]
        asked[user] = asked.get(user, 0) + 1
        if user == "never":
            return "550 5.7.1 not to that one"
        if user == "later" and asked[user] == 1:
            return "450 4.2.0 come again"
        return None

    mx = s.serve(s.good(), answers={"RCPT": rcpt})
    s.publish()
    message_id = send(here, alice, [f"{user}@{s.domain}" for user in ("now", "later", "never")])
    wait_until(lambda: len(mx.letters) == 2, GUARD, "two letters")
    assert [letter.recipients for letter in mx.letters] == [[f"now@{s.domain}"], [f"later@{s.domain}"]]
    bounce = received(here, alice, message_id)
    assert b"550 5.7.1 not to that one" in bounce and f"never@{s.domain}".encode() in bounce
    assert f"now@{s.domain}".encode() not in bounce.partition(b"message/delivery-status")[2]
    assert asked == {"now": 1, "later": 2, "never": 1}


@pytest.mark.parametrize("verb", ["", "EHLO", "MAIL", "RCPT", "DATA", "."])
def test_server_that_breaks_off(here, alice, site, verb):
    """Once, in this state; the next attempt is good, and the message arrives once."""
    s = site(ipv6=False)
    broken = []

    def once(line):
        if broken:
            return None
        broken.append(line)
        raise OSError("breaks off")

    mx = s.serve(s.good(), answers={verb: once})
    s.publish()
    message_id = send_to(here, alice, s.domain)
    mx.wait_letter(message_id)
    time.sleep(0.3)
    assert sum(message_id.encode() in letter.data for letter in mx.letters) == 1


class DiesAfterwards(FakeMx):
    """Takes a letter and is gone."""

    def after_letter(self):
        raise OSError("dies")


def test_server_that_takes_and_dies(here, alice, site):
    """What was taken is not sent again; what comes next is."""
    s = site(ipv6=False)
    mx = s.serve(s.good(), kind=DiesAfterwards)
    s.publish()
    for number in range(1, 4):
        mx.wait_letter(send_to(here, alice, s.domain))
        assert len(mx.letters) == number
    time.sleep(2.5)  # longer than it takes until a failed one is tried again
    assert len(mx.letters) == 3


class DiesInTheMiddle(FakeMx):
    """Of the first letter it reads a part only."""

    died = False

    def read_data(self, lines):
        if not self.died:
            self.died = True
            for _ in range(1000):
                lines.read()
            raise OSError("dies")
        return super().read_data(lines)


def test_server_that_dies_in_the_middle(here, alice, site):
    """The next attempt begins at the first octet."""
    s = site(ipv6=False)
    mx = s.serve(s.good(), kind=DiesInTheMiddle)
    s.publish()
    message = mail.encrypted(alice.address, size=3_700_000)
    letter = mx.wait_letter(send(here, alice, [f"bob@{s.domain}"], message))
    assert mail.body_of(letter.data) == mail.body_of(message)
    assert len(mx.letters) == 1


@pytest.mark.parametrize(
    "answers",
    [
        {"": "\0\0\0\0 nonsense"},
        {"": "220 " + "x" * 100_000},
        {"EHLO": "\r\n".join(["250-x"] * 5000) + "\r\n250 y"},
        {"MAIL": "999 what"},
        {"RCPT": "25"},
        {".": "HTTP/1.1 200 OK"},
    ],
    ids=["no code", "long line", "many lines", "code 999", "short", "of another protocol"],
)
def test_server_that_talks_nonsense(here, alice, site, answers):
    """Deferred with words, again and again; nobody else is concerned."""
    s, well = site(ipv6=False), site(ipv6=False)
    mx = s.serve(s.good(), answers=answers)
    other = well.serve(well.good())
    s.publish()
    assert_never_delivered(here, alice, s, mx, "4[0-9][0-9] ", letters=None)
    other.wait_letter(send_to(here, alice, well.domain))


def test_many_dead_destinations_do_not_delay_others(internet, here, alice, site):
    """Mail for 150 domains, on addresses where nobody is, and then one letter to somebody who is there."""
    well = site(ipv6=False)
    mx = well.serve(well.good())
    dead = [f"dead{n}.test" for n in range(150)]
    for n, domain in enumerate(dead):
        internet.lab.dns.add(f"{domain}. MX 1 mx.{domain}.", f"mx.{domain}. A 10.77.9.{n + 1}")
    well.publish()

    def five_letters():
        began = time.monotonic()
        for _ in range(5):
            mx.wait_letter(send_to(here, alice, well.domain))
        return time.monotonic() - began

    calm = five_letters()
    with here.smtp(alice) as smtp:
        for at in range(0, len(dead), 50):
            for _ in range(2):
                recipients = [f"bob@{domain}" for domain in dead[at : at + 50]]
                reply = smtp.send_message(alice.address, recipients, mail.encrypted(alice.address))
                assert reply[0] == 250, reply
    busy = five_letters()
    assert busy < 10 * calm + 5, (calm, busy)
    for domain in dead:
        queue_command(here, "drop", domain)


def test_silent_server_does_not_delay_others(here, alice, site, internet):
    """One that says nothing at all, and one that is well, at the same time; nor does it hold up the end of the relay. It is
    waited for at least 20 s."""
    dead, well, over = site(ipv6=False), site(ipv6=False), threading.Event()

    def silence(line):
        over.wait(5 * GUARD)
        raise OSError("has said nothing")

    dead.serve(dead.good(), answers={"": silence})
    mx = well.serve(well.good())
    dead.publish()
    waiting = [send_to(here, alice, dead.domain) for _ in range(5)]
    began = time.monotonic()
    mx.wait_letter(send_to(here, alice, well.domain))
    assert time.monotonic() - began < 18
    here.stop()
    here.start()
    over.set()
    assert len(waiting) == 5
    queue_command(here, "drop", dead.domain)
