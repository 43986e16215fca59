# SPDX-License-Identifier: MIT
"""Many clients do everything at once and break off in the middle of it, while the operator reloads. Afterwards
nothing is damaged, no descriptor is left open, and the sanitizers have had nothing to say.

CHAOS_SECONDS sets how long (8), CHAOS_SEED makes the choice of actions repeatable.
"""
import os
import pathlib
import random
import threading
import time

import mail
import wire
from relay import NO_RATE, Service, run_martlet, wait_until
from timelimit import GUARD, PATIENCE

SECONDS = float(os.environ.get("CHAOS_SECONDS", "8"))
SEED = int(os.environ.get("CHAOS_SEED", time.time_ns() % 1_000_000))
FOLDERS = ("INBOX", "DeltaChat", "DeltaChat/Sub", "Other")
SEARCHES = (
    "ALL",
    "UNSEEN",
    "SEEN DELETED",
    "NOT SEEN",
    "LARGER 2000",
    "HEADER Message-ID localhost",
    "TEXT BEGIN",
    "OR FROM a SUBJECT b",
    "SINCE 1-Jan-2020",
    "1:* UID 3:*",
)
ITEMS = (
    "FLAGS",
    "BODY.PEEK[]",
    "RFC822.SIZE ENVELOPE",
    "BODYSTRUCTURE",
    "BODY[HEADER.FIELDS (FROM SUBJECT)]",
    "BODY.PEEK[1]",
    "BODY.PEEK[2]<0.100>",
    "INTERNALDATE UID",
    "ALL",
    "RFC822.HEADER",
)


class Trouble(threading.Thread):
    """One client that does something, again and again, and now and then vanishes while it does."""

    def __init__(self, relay, accounts, seed, deadline):
        super().__init__(daemon=True)
        self.relay, self.accounts, self.deadline = relay, accounts, deadline
        self.chance = random.Random(seed)
        self.done, self.failures = 0, []

    def run(self):
        while time.monotonic() < self.deadline:
            try:
                self.chance.choice((self.send, self.send, self.read, self.read, self.read, self.waste))()
                self.done += 1
            except (OSError, wire.Closed):
                pass  # vanished by its own will, or refused
            except AssertionError as error:
                self.failures.append(repr(error))

    def vanishes(self, client, probability=0.15):
        if self.chance.random() < probability:
            client.close()
            raise wire.Closed("on purpose")

    def send(self):
        account = self.chance.choice(self.accounts)
        smtp = self.relay.smtp(account, self.chance.choice((465, 587)))
        for _ in range(self.chance.randrange(1, 6)):
            recipients = [a.address for a in self.chance.sample(self.accounts, self.chance.randrange(1, 4))]
            if self.chance.random() < 0.1:
                recipients.append("nobody000@_martlet.test")
            size = self.chance.choice((500, 3000, 70_000, 300_000))
            message = wire.stuff(mail.encrypted(account.address, size=size)) + b".\r\n"
            replies = smtp.envelope(account.address, recipients)
            assert replies[-1][0] == 354, replies
            cut = self.chance.randrange(len(message))
            smtp.send(message[:cut])
            self.vanishes(smtp)
            smtp.send(message[cut:])
            self.vanishes(smtp)
            code, text = smtp.reply()
            assert code == 250, (code, text)
        smtp.close()

    def read(self):
        imap = self.relay.imap(self.chance.choice(self.accounts), self.chance.choice((993, 143)))
        imap.command(f"SELECT {self.chance.choice(FOLDERS)}")
        for _ in range(self.chance.randrange(1, 12)):
            tag = imap.begin(self.any_command(imap))
            self.vanishes(imap, 0.05)
            status = imap.finish(tag).status
            assert status in (b"OK", b"NO", b"BAD"), status
        imap.close()

    def any_command(self, imap):
        chance = self.chance
        some = chance.choice(("1:*", "1", "*", "2:5,7", "1:3"))
        folder = chance.choice(FOLDERS)
        kind = chance.randrange(14)
        if kind == 0:
            tag = imap.idle()
            time.sleep(chance.random() * 0.05)
            self.vanishes(imap)
            imap.done(tag)
        if kind == 1:
            message = mail.encrypted("someone@example.org", size=chance.choice((500, 100_000)))
            cut = chance.randrange(len(message))
            tag = imap.begin(f"APPEND {folder} {{{len(message)}+}}")
            imap.send(message[:cut])
            self.vanishes(imap)
            imap.send(message[cut:] + b"\r\n")
            imap.finish(tag)
        return chance.choice(
            (
                "NOOP",
                f"SELECT {folder}",
                f"EXAMINE {folder}",
                f"CREATE {folder}",
                f"DELETE {chance.choice(FOLDERS[1:])}",
                f"RENAME Other DeltaChat/Sub{chance.randrange(3)}",
                f"STATUS {folder} (MESSAGES UIDNEXT UNSEEN)",
                'LIST "" "*"',
                f"UID FETCH {some} ({chance.choice(ITEMS)})",
                f"FETCH {some} ({chance.choice(ITEMS)})",
                f"UID FETCH 1:* (BODY.PEEK[])",
                f"UID STORE {some} +FLAGS (\\Deleted)",
                f"STORE {some} FLAGS (\\Seen $Label{chance.randrange(5)})",
                f"UID SEARCH {chance.choice(SEARCHES)}",
                "EXPUNGE",
                f"UID EXPUNGE {some}",
                "CLOSE",
                "UNSELECT",
                f"UID COPY {some} {folder}",
                f"UID MOVE {some} {folder}",
                f"COPY {some} {folder}",
                'GETQUOTAROOT "INBOX"',
                f'SETMETADATA INBOX (/private/devicetoken "token{chance.randrange(30)}")',
                "GETMETADATA INBOX /private/devicetoken",
            )
        )

    def waste(self):
        """Octets that mean nothing, at any stage of a connection."""
        port = self.chance.choice((143, 587, 993, 465))
        tls = port in (993, 465) and self.chance.random() < 0.7
        connection = wire.Connection(self.relay.port(port), tls=tls, timeout=5)
        connection.send(
            self.chance.choice(
                (
                    b"\r\n",
                    b"\0" * 300,
                    b"EHLO x\r\nSTARTTLS\r\nEHLO y\r\n",
                    b"a STARTTLS\r\n\x16\x03\x01",
                    b"a LOGIN {3+}\r\n",
                    b"a CAPABILITY\r\n" * 50,
                    os.urandom(2000),
                )
            )
        )
        connection.close()


def open_descriptors(relay):
    return len(list(pathlib.Path(f"/proc/{relay.child_pid()}/fd").iterdir()))


def test_everything_at_once():
    with Service(settings=NO_RATE) as relay:
        accounts = [relay.new_account() for _ in range(5)]
        relay.imap(accounts[0]).close()
        before = open_descriptors(relay)
        deadline = time.monotonic() + SECONDS
        crowd = [Trouble(relay, accounts, SEED + n, deadline) for n in range(8)]
        for client in crowd:
            client.start()
        while time.monotonic() < deadline:
            time.sleep(0.5)
            relay.reload(max_message_size=str(30_000_000 + int(time.monotonic()) % 1000))
        for client in crowd:
            client.join(2 * GUARD * PATIENCE)
            assert not client.is_alive(), "a client got no answer"
        print(f"seed {SEED}: {sum(c.done for c in crowd)} actions to their end")
        assert [f for c in crowd for f in c.failures] == []
        assert "relay_died" not in relay.log()
        wait_until(
            lambda: open_descriptors(relay) <= before + 2,
            15,
            f"the close of all connections ({before} descriptors before)",
        )
        for account in accounts:
            with relay.imap(account) as imap:
                imap.ok("SELECT INBOX")
                uids = imap.uids()
                assert sorted(imap.fetch()) == uids == sorted(set(uids))
        relay.stop()
        done = run_martlet("verify", relay.state)
        assert done.returncode == 0, done.stdout + done.stderr
