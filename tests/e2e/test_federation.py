# SPDX-License-Identifier: MIT
"""Genuine clients on two relays: they meet, talk, read, and share a group, whatever of the way between is closed."""
import types
import urllib.parse

import deltachat
import pytest
from internet import Internet, wait_log
from relay import Account, run_martlet


@pytest.fixture(scope="module")
def world():
    """Two relays with names, and one without."""
    made = Internet(classic=False, names=("a", "b", "c"))
    try:
        yield made
    except BaseException:
        made.close(False)
        raise
    made.close()


def link(relay, account):
    """How a client logs in: by the relay's address, with any certificate."""
    query = {"p": account.password, "v": "1", "ih": relay.host.ipv4, "ip": 993, "is": "ssl", "sh": relay.host.ipv4}
    query |= {"sp": 465, "ss": "ssl", "ic": "3"}
    return f"dclogin:{account.address}?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)


@pytest.fixture(scope="module")
def people(world):
    """Alice with the older client on one relay; Bob and Carol with the newer one on the other; Erin on the bare one."""
    homes = {"Alice": ("2.57", "a"), "Bob": ("2.62", "b"), "Carol": ("2.62", "b"), "Dave": ("2.57", "b")}
    homes["Erin"] = ("2.62", "c")
    cores, profiles = {}, {}
    for name, (version, where) in homes.items():
        if (version, where) not in cores:  # a client process lives on the host of its relay
            with world[where].host.inside():
                cores[version, where] = deltachat.Core(version)
        core = cores[version, where]
        account = Account.invent(world[where].mail_domain)
        profiles[name.lower()] = core.new_profile(name).login(link(world[where], account))
    yield types.SimpleNamespace(**profiles)
    for core in cores.values():
        core.close()


@pytest.fixture(scope="module")
def chats(people):
    """Alice and Bob after securejoin, which takes messages both ways."""
    return people.alice.securejoin_with(people.bob)


@pytest.fixture(autouse=True)
def open_again(world):
    yield
    for relay in world.relays.values():
        relay.host.unblock()
        relay.check_log()


def exchange(people, chats, word):
    exchange_between(people.alice, people.bob, chats, word)


def exchange_between(one, other, chats, word):
    """A text each way, each with its read receipt."""
    for sender, receiver, out, into in ((one, other, *chats), (other, one, *reversed(chats))):
        text = f"{word} from {sender.get_config('displayname')}"
        theirs, mine = receiver.mark(), sender.mark()
        sent = sender.send_text(out, text)
        message = receiver.wait_text(into, text, theirs)
        receiver.markseen_msgs([message["id"]])
        sender.wait("MsgRead", mine, msgId=sent)


def test_securejoin(people, chats):
    for profile, chat in zip((people.alice, people.bob), chats):
        contact = profile.get_contact(profile.get_chat_contacts(chat)[0])
        assert contact["isKeyContact"] and contact["e2eeAvail"]
    exchange(people, chats, "hello")


@pytest.mark.parametrize("port", [25, 443])
def test_one_port_blocked(world, people, chats, port):
    for relay in world.relays.values():
        relay.host.block(port)
    exchange(people, chats, f"{port} is blocked")


def test_both_ports_blocked(world, people, chats):
    """Deferred; delivered when the way is open again."""
    a = world["a"]
    a.host.block(25, 443)
    log, mark = len(a.log()), people.bob.mark()
    sent = people.alice.send_text(chats[0], "a long way")
    people.alice.wait_delivered(sent)
    wait_log(a, r"queue\.deferred", log)
    assert "a long way" not in people.bob.texts(chats[1])
    a.host.unblock()
    people.bob.wait_text(chats[1], "a long way", mark)


def test_group_across_relays(people):
    """Alice and Dave have the older client, Bob and Carol the newer one."""
    group = people.alice.create_group_chat("across", False)
    others = [people.bob, people.carol, people.dave]
    for member in others:
        card = member.make_vcard([1])
        people.alice.add_contact_to_chat(group, people.alice.import_vcard_contents(card)[0])
    marks = [m.mark() for m in others]
    people.alice.send_text(group, "hello all")
    found = []
    for member, mark in zip(others, marks):
        message = member.wait_text(None, "hello all", mark)
        assert len(member.get_full_chat_by_id(message["chatId"])["contactIds"]) == 4
        found.append(message["chatId"])
    people.carol.accept_chat(found[1])
    marks = [m.mark() for m in (people.alice, people.bob, people.dave)]
    people.carol.send_text(found[1], "hello from the other side")
    for member, mark in zip((people.alice, people.bob, people.dave), marks):
        member.wait_text(None, "hello from the other side", mark)


def test_relay_without_a_domain(people):
    """Erin's address is user@[10.77.0.3]."""
    assert people.erin.address.endswith("@[10.77.0.3]")
    exchange_between(people.erin, people.bob, people.erin.securejoin_with(people.bob), "to and from a bare relay")


def test_message_to_nobody(world, people):
    """A client that looks at clear text at all (by default none does) takes the bounce as one."""
    nobody = people.bob.core.new_profile("Ghost")
    nobody.account = Account.invent(world["b"].mail_domain)
    nobody.login(link(world["b"], nobody.account))
    chat, _ = people.alice.securejoin_with(nobody)
    nobody.stop_io()
    relay = world["b"]
    delete = ["account", "delete", nobody.account.address, "--yes", "--config", relay.config_path]
    done = run_martlet(*delete, binary=relay.binary)
    assert done.returncode == 0, done.stdout + done.stderr
    people.alice.set_config("force_encryption", "0")
    mark = people.alice.mark()
    sent = people.alice.send_text(chat, "is anybody there?")
    failed = people.alice.wait_failed(sent, mark)
    people.alice.set_config("force_encryption", "1")
    assert "doesn't exist" in failed["error"], failed["error"]
