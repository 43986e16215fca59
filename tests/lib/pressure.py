# SPDX-License-Identifier: MIT
"""What the tests of overload share: the level that the relay says it is at, and what its doors say to those outside."""
import contextlib
import json
import re
import subprocess
import time

import mail
import wire
from relay import Account, wait_until
from timelimit import PATIENCE

LATER = b"UNAVAILABLE"


def status(relay, state=None):
    """What `martlet status` says; `state` is another path of the state directory."""
    done = subprocess.run(
        [relay.binary, "status", "--dir", state or relay.state, "--json"], capture_output=True, text=True, timeout=60 * PATIENCE
    )
    return json.loads(done.stdout)


def pressure(relay):
    """{cause: {"level", "taken", "limit"}} as `martlet status` has it."""
    return status(relay)["pressure"]


def changes(relay, cause):
    """The levels that a cause has had, in order."""
    pattern = rf"pressure\.(?:rises|falls) cause={cause} level=(\d)"
    return [int(level) for level in re.findall(pattern, relay.log())]


def wait_level(relay, cause, least, timeout=20):
    wait_until(lambda: (changes(relay, cause) or [0])[-1] >= least, timeout, f"level {least} of {cause}")


def wait_calm(relay, timeout=30):
    """The last word on each cause is 0."""
    causes = ("load", "memory", "disk", "files")
    wait_until(lambda: not any((changes(relay, c) or [0])[-1] for c in causes), timeout, "the end of all pressure")


def try_login(imap, account):
    """A login on a connection that stands: its reply."""
    return imap.command(f'LOGIN "{account.address}" "{account.password}"')


def assert_no_new_account(*connections):
    """Refused for a while, and never as a wrong password."""
    for imap in connections:
        reply = try_login(imap, Account.invent())
        assert reply.status == b"NO" and LATER in reply.text and b"uthentication" not in reply.text, reply


def is_let_in(port, tls=True):
    """Whether a new connection gets as far as its greeting."""
    with contextlib.suppress(OSError, wire.Closed, AssertionError):
        with wire.Connection(port, tls=tls) as c:
            return not re.match(rb"421 |\* BYE|HTTP/1.1 503", c.read_line())
    return False


def last_words(port):
    """What a connection in clear text reads until it is closed."""
    with wire.Connection(port, tls=False) as c:
        return c.read_to_end()


def wait_message(relay, account, message_id, timeout=60):
    deadline = time.monotonic() + timeout * PATIENCE
    with relay.imap(account) as imap:
        while time.monotonic() < deadline:
            imap.ok("SELECT INBOX")
            if message_id in imap.message_ids().values():
                return
            time.sleep(0.2)
    raise AssertionError("a message that was acknowledged is not there")


def send_here(smtp, sender, receiver, size=1200):
    """One message over a session that stands: (Message-ID, code)."""
    message_id = mail.new_id()
    message = mail.encrypted(sender.address, message_id, size=size)
    return message_id, smtp.send_message(sender.address, [receiver.address], message)[0]


def account_again(relay):
    """A new account as soon as some are made again; what the disk has left is looked at once a second."""

    def try_once():
        account = Account.invent()
        with contextlib.suppress(OSError, wire.Closed), relay.imap() as imap:
            return account if try_login(imap, account).status == b"OK" else None
        return None

    return wait_until(try_once, 60, "new accounts")
