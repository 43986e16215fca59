# SPDX-License-Identifier: MIT
"""The release build (MARTLET_RELEASE) in its full sandbox, which sanitizers do not allow: every kind of work once."""
import re
import signal

import iroh
import mail
import turn
from admin import run
from push_gateway import PushGateway
from relay import DOMAIN, NO_RATE, Relay, Service, release_binary_path, run_martlet, wait_until
from turn_lab import offered


def test_sandbox_is_whole():
    with Service(binary=release_binary_path()) as relay:
        assert re.search(r"relay\.sandbox .*seccomp=on .*no_new_privs=on .*dumpable=off", relay.log()), relay.log()


def test_every_kind_of_work_in_the_sandbox():
    with Service(settings=NO_RATE, binary=release_binary_path()) as relay:
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


def call(relay, account):
    """Two clients of TURN, each through a relayed port of its own, by indication and by channel."""
    with relay.imap(account) as imap:
        host, port, username, password = offered(imap).split(":", 3)
    who = turn.Credentials(username, password, DOMAIN)
    with turn.Client(host, who, port=int(port)) as a, turn.Client(host, who, port=int(port)) as b:
        at_a, at_b = a.relay(), b.relay()
        assert a.permit(at_b).error == 0 and b.bind(0x4000, at_a).error == 0
        a.send(at_b, b"to b")
        assert b.receive() == (0x4000, b"to b")
        b.send_channel(0x4000, b"to a")
        assert a.receive() == (at_b, b"to a")
        assert a.refresh(0).error == 0


def connect(relay):
    """Clients of both dialects, on both ports, to each other."""
    for kind in (iroh.A, iroh.B):
        a, b = kind(relay.port(443), tls=True), kind(relay.port(80))
        for data in (b"x", bytes(60_000)):
            a.packet(b.id, data)
            assert b.next_packet() == (a.id, data)
            b.packet(a.id, data)
            assert a.next_packet() == (b.id, data)
        a.close()
        b.close()


def test_real_time_in_the_sandbox():
    with PushGateway() as gateway:
        settings = {**NO_RATE, "push_gateway": gateway.url, "turn_allowed_peers": "127.0.0.0/8"}
        with Relay(settings=settings, binary=release_binary_path()) as relay:
            sender, receiver = relay.new_account(), relay.new_account()
            with relay.imap(receiver) as imap:
                imap.ok('SETMETADATA "INBOX" (/private/devicetoken "1111")')
            with relay.smtp(sender) as smtp:
                assert smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))[0] == 250
            gateway.wait(1)
            call(relay, receiver)
            connect(relay)
            assert run_martlet("status", "--dir", relay.state).returncode in (0, 1)
            assert "process_resident_memory_bytes" in run(relay, "metrics").stdout
            assert "SIGSYS" not in relay.log() and "signal=31" not in relay.log()


def test_terminal_interrupt():
    """Ctrl-C ends a development relay in good order."""
    with Relay(binary=release_binary_path()) as relay:
        relay.new_account()
        relay.signal(signal.SIGINT)
        assert relay.process.wait(60) == 0
        relay.process = None
        relay.start()
