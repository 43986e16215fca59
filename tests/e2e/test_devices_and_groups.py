# SPDX-License-Identifier: MIT
"""More than two: a group of ten, and one user with two devices."""
import deltachat


def test_group_of_ten(new_profile):
    """One message to nine recipients in one transaction; every one gets it and sees the same group."""
    owner = new_profile("2.62", "Owner")
    members = [new_profile(deltachat.VERSIONS[n % 2], f"Member {n}") for n in range(9)]
    group = owner.create_group_chat("ten", False)
    for member in members:
        card = member.make_vcard([1])
        owner.add_contact_to_chat(group, owner.import_vcard_contents(card)[0])
    marks = [m.mark() for m in members]
    owner.send_text(group, "hello all")
    chats = []
    for member, mark in zip(members, marks):
        message = member.wait_text(None, "hello all", mark)
        chat = member.get_full_chat_by_id(message["chatId"])
        assert len(chat["contactIds"]) == 10
        chats.append(message["chatId"])
    # One answers; all others and the owner see it.
    members[0].accept_chat(chats[0])
    marks = [m.mark() for m in members[1:]]
    at_owner = owner.mark()
    members[0].send_text(chats[0], "hello from a member")
    owner.wait_text(group, "hello from a member", at_owner)
    for member, mark in zip(members[1:], marks):
        member.wait_text(None, "hello from a member", mark)


def test_second_device(relay, new_profile, version, tmp_path):
    """A second device sees what the first sends, both see what arrives, and the mail stays for the other."""
    alice, bob = new_profile(version, "Alice"), new_profile(version, "Bob")
    alice_to_bob, bob_to_alice = alice.securejoin_with(bob)
    alice.set_config("bcc_self", "1")
    mark = alice.mark()
    alice.export_backup(str(tmp_path), None)
    backup = next(tmp_path.glob("*.tar"))
    second = deltachat.Profile(alice.core, alice.core.call("add_account"))
    mark = second.mark()
    second.import_backup(str(backup), None)
    second.start_io()
    second.wait("ImapInboxIdle", mark)
    second.set_config("bcc_self", "1")

    at_second, at_bob = second.mark(), bob.mark()
    sent = alice.send_text(alice_to_bob, "from the first device")
    second.wait_text(None, "from the first device", at_second)
    bob.wait_text(bob_to_alice, "from the first device", at_bob)
    alice.wait_delivered(sent)

    at_second, at_first = second.mark(), alice.mark()
    bob.send_text(bob_to_alice, "to both devices")
    second.wait_text(None, "to both devices", at_second)
    alice.wait_text(alice_to_bob, "to both devices", at_first)
    with relay.imap(alice.account) as imap:
        assert int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1)) >= 2
    second.stop_io()
