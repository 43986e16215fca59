# SPDX-License-Identifier: MIT
"""The release build (MARTLET_RELEASE) in its full sandbox, which sanitizers do not allow: every kind of work once."""
import re
import signal

import mail
from relay import NO_RATE, Relay, Service, release_binary_path, wait_until


def test_every_kind_of_work_in_the_sandbox():
    with Service(settings=NO_RATE, binary=release_binary_path()) as relay:
        assert re.search(r"relay\.sandbox .*seccomp=on .*no_new_privs=on .*dumpable=off", relay.log()), relay.log()
        sender, receiver = relay.new_account(), relay.new_account()
        for port in (465, 587):
            with relay.smtp(sender, port) as smtp:
                for size in (1000, 200_000, 5_000_000):
                    message = mail.encrypted(sender.address, size=size)
                    assert (
                        smtp.send_message(sender.address, [receiver.address, "nobody000@_martlet.test"], message)[0]
                        == 250
                    )
                assert smtp.send_message(sender.address, [receiver.address], mail.plain(sender.address))[0] == 523
        for port in (993, 143):
            with relay.imap(receiver, port) as imap:
                imap.ok("SELECT INBOX")
                assert len(imap.fetch()) in (6, 3)
                imap.ok("UID SEARCH BEFORE 1-Jan-2099 NOT TEXT nothing")
                imap.ok("CREATE Folder")
                imap.ok("UID COPY 1:* Folder")
                imap.ok("DELETE Folder")
                imap.ok('SETMETADATA "INBOX" (/private/devicetoken "1111")')
                imap.ok("UID STORE 1:3 +FLAGS (\\Deleted)")
                imap.ok("CLOSE")
        relay.reload(max_message_size=123456)
        wait_until(lambda: "parent.reloaded" in relay.log(), 10, "the reload")
        relay.kill_child()
        relay.imap(receiver).close()
        relay.stop()
        assert "SIGSYS" not in relay.log() and "signal=31" not in relay.log()
        relay.start()
        with relay.imap(receiver) as imap:
            assert len(imap.wait_messages(3)) == 3


def test_terminal_interrupt():
    """Ctrl-C ends a development relay in good order."""
    with Relay(binary=release_binary_path()) as relay:
        relay.new_account()
        relay.signal(signal.SIGINT)
        assert relay.process.wait(15) == 0
        relay.process = None
        relay.start()
