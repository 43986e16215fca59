# SPDX-License-Identifier: MIT
"""What users see when something goes wrong: refusals, bounces, a relay that dies."""
import deltachat
import mail
import pytest
from conftest import make_pair
from deltachat import impatiently
from relay import NO_RATE, Relay, wait_until


@pytest.fixture(scope="module")
def own_relay():
    """A relay that tests of this file may kill."""
    with Relay(settings=NO_RATE) as r:
        yield r


@pytest.fixture(scope="module")
def own_pair(own_relay, new_profile, version):
    return make_pair(new_profile, (version, version), on=own_relay)


def test_unknown_recipient_leads_to_a_bounce(new_profile, version):
    """A contact whose account does not exist (here: only on another relay): the message is marked as failed, with the
    reason.

    Clients of today drop everything that is not encrypted, reports of relays too, unless force_encryption is off.
    """
    with Relay(settings=NO_RATE) as elsewhere:
        alice, gone = new_profile(version, "Alice"), new_profile(version, "Gone", on=elsewhere)
        alice.set_config("force_encryption", "0")
        chat = alice.knows(gone)
        mark = alice.mark()
        sent = alice.send_text(chat, "is anyone there?")
        message = alice.wait_failed(sent, mark)
        assert gone.address in message["error"], message["error"]
        gone.stop_io()


def test_clear_text_is_refused(new_profile, version):
    """523 is final: the message fails at once with an explanation, and the queue goes on."""
    alice, bob = new_profile(version, "Alice"), new_profile(version, "Bob")
    alice.set_config("force_encryption", "0")
    chat = alice.create_chat_by_contact_id(alice.create_contact("nobody@example.org", "Nobody"))
    mark = alice.mark()
    sent = alice.send_text(chat, "no key, no secret")
    message = alice.wait_failed(sent, mark)
    assert "Encryption Needed: Invalid Unencrypted Mail" in message["error"]
    alice.wait_delivered(alice.send_text(alice.knows(bob), "encrypted"))


@pytest.mark.limit(600)
def test_rate_limit_leads_to_later_success(new_profile, version):
    """450 is temporary: the client waits, sends again, and keeps the order. A slow one, too, sends more than it may."""
    with Relay(settings={"max_user_send_per_minute": "30", "max_user_send_burst_size": "4"}) as slow:
        alice, bob = new_profile(version, "Alice", on=slow), new_profile(version, "Bob", on=slow)
        chat = alice.knows(bob)
        sent = [f"patience {n}" for n in range(12)]
        mark, mine = bob.mark(), alice.mark()
        # All of it at once: each text that is added would be one more try of the one that is refused, and a client
        # gives up after seven.
        alice.stop_io()
        for text in sent:
            last = alice.send_text(chat, text)
        alice.start_io()
        alice.wait_for(
            lambda: any(
                n == alice.number and "Too much mail" in str(e.get("msg", "")) for _, n, e in alice.core.events[mine:]
            ),
            mine,
            what="a refusal by rate",
        )
        impatiently(lambda seconds: alice.wait_delivered(last, mine, seconds), [alice.core], 3 * deltachat.LIMIT)
        message = bob.wait_text(None, sent[-1], mark)
        assert bob.texts(message["chatId"]) == sent
        alice.stop_io()
        bob.stop_io()


def test_goes_on_after_the_relay_process_was_killed(own_relay, own_pair):
    """SIGKILL to the relay: the parent starts a new one; clients come back and nothing is lost or doubled."""
    p = own_pair
    before = len(p.bob.texts(p.bob_to_alice))
    p.alice.wait_delivered(p.alice.send_text(p.alice_to_bob, "before the kill"))
    old = own_relay.kill_child()
    own_relay.wait_for_child(other_than=old)
    mark = p.bob.mark()
    p.alice.send_text(p.alice_to_bob, "after the kill")
    impatiently(lambda seconds: p.bob.wait_text(p.bob_to_alice, "after the kill", mark, seconds), [p.alice.core])
    assert p.bob.texts(p.bob_to_alice)[before:] == ["before the kill", "after the kill"]


def test_goes_on_after_a_restart(own_relay, own_pair):
    """The whole relay goes down and comes back while clients idle and a message waits."""
    p = own_pair
    before = len(p.bob.texts(p.bob_to_alice))
    own_relay.stop()
    message = p.alice.send_text(p.alice_to_bob, "written while the relay was away")
    own_relay.start()
    mark = p.bob.mark()
    impatiently(
        lambda seconds: p.bob.wait_text(p.bob_to_alice, "written while the relay was away", mark, seconds),
        [p.alice.core],
    )
    p.alice.wait_delivered(message)
    assert p.bob.texts(p.bob_to_alice)[before:] == ["written while the relay was away"]


def test_arrival_between_select_and_idle(relay, new_profile):
    """A burst by raw SMTP into a mailbox that a client is busy with: the client ends with all of it downloaded."""
    bob = new_profile("2.62", "Bob")
    sender = relay.new_account()
    mark = bob.mark()
    with relay.smtp(sender) as smtp:
        for _ in range(30):
            assert smtp.send_message(sender.address, [bob.address], mail.encrypted(sender.address))[0] == 250
    relay.wait_mailbox_empty(bob.account)

    def fetched():  # the client tells of it a little later than it does it
        return {
            e["msg"]
            for _, n, e in list(bob.core.events)[mark:]
            if n == bob.number and "Passing message UID" in str(e.get("msg"))
        }

    wait_until(lambda: len(fetched()) == 30, 10, "all of them to be fetched")
