# SPDX-License-Identifier: MIT
"""Keeps book of what senders were promised, for the tests in which the relay dies."""
import threading
import time

import mail
import wire
from timelimit import GUARD, PATIENCE

TROUBLE = (OSError, wire.Closed, AssertionError)


class Sender(threading.Thread):
    """Sends message after message; one that got no answer is sent again, octet by octet the same, until it gets one."""

    def __init__(self, relay, account, recipients, sizes=(800, 1500, 3000), on_taken=None):
        super().__init__(daemon=True)
        self.relay, self.account, self.recipients, self.sizes = relay, account, recipients, sizes
        self.on_taken = on_taken or (lambda message_id: None)
        self.taken = []
        self.again = 0
        self.unexpected = []
        self.stopping = threading.Event()

    def run(self):
        smtp, pending, number = None, None, 0
        while pending or not self.stopping.is_set():
            if pending is None:
                message_id = mail.new_id()
                size = self.sizes[number % len(self.sizes)]
                pending = message_id, mail.encrypted(self.account.address, message_id, size=size)
                number += 1
            try:
                if smtp is None:
                    smtp = self.relay.smtp(self.account)
                code, text = smtp.send_message(self.account.address, self.recipients, pending[1])
                if code == 250:
                    self.on_taken(pending[0])
                    self.taken.append(pending[0])
                    pending = None
                else:  # 421 while the relay goes down is fair; anything else is looked at by the test
                    if code != 421:
                        self.unexpected.append((code, text))
                    self.again += 1
                    smtp.close()
                    smtp = None
            except TROUBLE:
                self.again += 1
                if smtp is not None:
                    smtp.close()
                smtp = None
                time.sleep(0.01)
        if smtp is not None:
            smtp.close()

    def finish(self):
        self.stopping.set()
        self.join(2 * GUARD * PATIENCE)
        assert not self.is_alive(), "a sender does not get rid of its last message"


class Reader(threading.Thread):
    """A client that notes what it finds, deletes it and idles for more; it survives the deaths of the relay."""

    def __init__(self, relay, account, on_deleted=None):
        super().__init__(daemon=True)
        self.relay, self.account = relay, account
        self.on_deleted = on_deleted or (lambda message_ids: None)
        self.seen = {}  # uid: Message-ID
        self.doubled = []
        self.stopping = threading.Event()

    def note(self, found):
        for uid, message_id in found.items():
            if self.seen.setdefault(uid, message_id) != message_id:
                self.doubled.append(f"UID {uid} was {self.seen[uid]} and is {message_id}")

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.relay.imap(self.account) as imap:
                    self.work(imap)
            except TROUBLE:
                time.sleep(0.01)

    def work(self, imap):
        imap.ok("SELECT INBOX")
        while not self.stopping.is_set():
            found = imap.message_ids()
            self.note(found)
            if found:
                uids = ",".join(map(str, found))
                imap.ok(f"UID STORE {uids} +FLAGS (\\Deleted)")
                imap.ok("CLOSE")
                self.on_deleted(list(found.values()))
                imap.ok("SELECT INBOX")
            else:
                tag = imap.idle()
                before = imap.sock.gettimeout()
                imap.sock.settimeout(1)
                try:
                    imap.wait_exists()
                except TimeoutError:
                    pass
                imap.sock.settimeout(before)
                imap.done(tag)

    def finish(self):
        self.stopping.set()
        self.join(2 * GUARD * PATIENCE)
        assert not self.is_alive()


def mailbox(relay, account):
    """{uid: Message-ID} of an INBOX."""
    with relay.imap(account) as imap:
        imap.ok("SELECT INBOX")
        return imap.message_ids()


def assert_exactly_once(promised, observed, where):
    """observed: Message-IDs, one for each UID that was ever seen."""
    times = {}
    for message_id in observed:
        times[message_id] = times.get(message_id, 0) + 1
    lost = [m for m in promised if m not in times]
    doubled = {m: n for m, n in times.items() if n > 1}
    assert not lost, f"{where}: {len(lost)} of {len(promised)} acknowledged messages are lost"
    assert not doubled, f"{where}: {len(doubled)} messages are there more than once"
