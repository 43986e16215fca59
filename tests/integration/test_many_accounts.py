# SPDX-License-Identifier: MIT
"""An operator's commands on a store of 100,000 accounts and on a mailbox of 40,000 messages: how long they take, what
they cost, and that mail is not delayed meanwhile. Run against the release build (MARTLET_RELEASE); prints what it
measured."""
import contextlib
import pathlib
import re
import sqlite3
import statistics
import subprocess
import threading
import time

import mail
import pytest
from relay import NO_RATE, Relay, release_binary_path, run_martlet, wait_until
from timelimit import PATIENCE

ACCOUNTS, MESSAGES = 100_000, 40_000


def martlet(relay, *args):
    done = run_martlet(*args, "--dir", relay.state, binary=relay.binary)
    assert done.returncode == 0, done.stderr
    return done.stdout


def database(relay):
    return sqlite3.connect(relay.state / "martlet.db", timeout=60 * PATIENCE)


COUNT = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "


def add_accounts(db, n):
    """Beside those that are there, each with an empty INBOX."""
    first, box = (db.execute(f"SELECT max(id) FROM {table}").fetchone()[0] for table in ("account", "mailbox"))
    (validity,) = db.execute("SELECT value FROM meta WHERE name = 'uid_validity'").fetchone()
    db.execute(
        COUNT + "INSERT INTO account(id, address, password, inbox_id, last_login_day)"
        " SELECT ? + i, printf('u%08d@_martlet.test', i), '!', ? + i, unixepoch() / 86400 FROM n",
        (n, first, box),
    )
    db.execute(
        COUNT + "INSERT INTO mailbox(id, account_id, name, subscribed, uid_validity)"
        " SELECT ? + i, ? + i, 'INBOX', 1, ? + i FROM n",
        (n, box, first, validity),
    )
    db.execute("UPDATE meta SET value = value + ? WHERE name = 'uid_validity'", (n,))
    db.commit()


def add_messages(db, account, n):
    """Copies of the only message of an account, each with a body of its own."""
    (box,) = db.execute("SELECT inbox_id FROM account WHERE address = ?", (account.address,)).fetchone()
    (body,) = db.execute("SELECT body_id FROM entry WHERE mailbox_id = ?", (box,)).fetchone()
    (last,) = db.execute("SELECT max(id) FROM body").fetchone()
    copy = f"SELECT {{}} FROM n, {{}} WHERE {{}} = {body}"
    db.execute(
        COUNT + "INSERT INTO body(id, format, refs, size) " + copy.format(f"{last} + i, format, 1, size", "body", "id"), (n,)
    )
    db.execute(COUNT + "INSERT INTO body_data(id, data) " + copy.format(f"{last} + i, data", "body_data", "id"), (n,))
    db.execute(
        COUNT + "INSERT INTO entry(mailbox_id, uid, body_id, key, flags, keywords, size, date, modseq, hour) "
        + copy.format(f"{box}, i + 1, {last} + i, key, flags, keywords, size, date, modseq, hour", "entry", "body_id"),
        (n,),
    )
    db.execute(
        "UPDATE mailbox SET uid_next = ?1 + 2, messages = ?1 + 1, unseen = ?1 + 1, octets = octets * (?1 + 1) WHERE id = ?2",
        (n, box),
    )
    db.commit()


def size_kib(pid, what):
    return int(re.search(rf"{what}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def rss_kib(relay):
    return size_kib(relay.child_pid(), "VmRSS")


def largest_size(command):
    """Of a process, in KiB, while it prints."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        largest = 0
        while process.stdout.read1(65536):
            with contextlib.suppress(TypeError):  # it has just ended
                largest = max(largest, size_kib(process.pid, "VmHWM"))
    assert process.returncode == 0 and largest > 0
    return largest


class Latency:
    """One message after the other from one account to another, for as long as something else runs."""

    def __init__(self, relay, sender, receiver):
        self.relay, self.sender, self.receiver = relay, sender, receiver
        self.times = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        with self.relay.smtp(self.sender) as smtp:
            while not self.stopping.is_set() or len(self.times) < 50:
                message = mail.encrypted(self.sender.address)
                began = time.monotonic()
                assert smtp.send_message(self.sender.address, [self.receiver.address], message)[0] == 250
                self.times.append((time.monotonic() - began) * 1000)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join()

    def is_delayed(self, quiet):
        """Far more than a machine's other work explains. Such work disturbs some; who holds up mail disturbs most."""
        return self.median > 20 * quiet.median + 200

    @property
    def median(self):
        return statistics.median(self.times)

    def __str__(self):
        ordered = sorted(self.times)
        return (
            f"p50 {self.median:.1f} ms, p99 {ordered[len(ordered) * 99 // 100]:.1f} ms, "
            f"longest {ordered[-1]:.1f} ms of {len(ordered)}"
        )


@pytest.fixture
def many():
    with Relay(settings=NO_RATE, binary=release_binary_path()) as relay:
        relay.sender, relay.receiver = relay.new_account(), relay.new_account()
        yield relay


def test_list_of_many_accounts(many):
    many.stop()
    with database(many) as db:
        add_accounts(db, ACCOUNTS)
    many.start()
    with Latency(many, many.sender, many.receiver) as quiet:
        pass
    before = rss_kib(many)
    command = [str(many.binary), "account", "list", "--dir", str(many.state)]
    took, lines = [], 0
    with Latency(many, many.sender, many.receiver) as busy:
        while len(took) < 5 or len(busy.times) <= 20:
            began = time.monotonic()
            lines = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=60 * PATIENCE).stdout.count(b"\n")
            took.append(time.monotonic() - began)
    during = rss_kib(many)
    assert lines == ACCOUNTS + 3  # a line of titles, and the two
    began = time.monotonic()
    assert "messages    0" in martlet(many, "account", "show", f"u{ACCOUNTS:08d}")
    shown = time.monotonic() - began
    client = largest_size(command)
    print(
        f"{ACCOUNTS} accounts: listed in {min(took):.2f} to {max(took):.2f} s, one shown in {shown * 1000:.0f} ms; relay "
        f"{before} KiB before, {during} KiB after; client {client} KiB\nmail without: {quiet}\nmail during: {busy}"
    )
    assert during - before < 16 * 1024 and client < 32 * 1024
    assert not busy.is_delayed(quiet)


def left(relay):
    with database(relay) as db:
        return db.execute("SELECT count(*) FROM doomed").fetchone()[0]


def account_of_many_messages(many):
    account = many.new_account()
    with many.imap(account) as imap:
        imap.append("INBOX", mail.encrypted(account.address))
    many.stop()
    with database(many) as db:
        add_messages(db, account, MESSAGES)
    many.start()
    return account


def delete(many, account):
    """Whoever asks is told at once, however long the rest takes."""
    began = time.monotonic()
    said = martlet(many, "account", "delete", account.address, "--yes")
    assert said == f"{account.address} is deleted; its {MESSAGES + 1} messages are being erased\n"
    assert left(many) == 1, "it was told when all was over"
    return time.monotonic() - began


@pytest.mark.limit(900)
def test_account_of_many_messages_is_deleted(many):
    """Its messages go while others send."""
    account = account_of_many_messages(many)
    with Latency(many, many.sender, many.receiver) as quiet:
        pass
    with Latency(many, many.sender, many.receiver) as busy:
        took, began = delete(many, account), time.monotonic()
        wait_until(lambda: left(many) == 0, 600, "the end of the messages")
        erased = time.monotonic() - began
    print(f"{MESSAGES} messages: told after {took:.2f} s, erased after {erased:.1f} s\nmail without: {quiet}\nmail during: {busy}")
    assert not busy.is_delayed(quiet)


@pytest.mark.limit(900)
def test_stopped_within_a_deletion(many):
    """It goes on when the relay starts again, which serves meanwhile."""
    delete(many, account_of_many_messages(many))
    began = time.monotonic()
    many.stop()
    stopped, began = time.monotonic() - began, time.monotonic()
    many.start()
    print(f"stopped within the deletion in {stopped:.2f} s, started in {time.monotonic() - began:.2f} s")
    assert left(many) == 1
    wait_until(lambda: left(many) == 0, 600, "the end of the messages")
    many.stop()
    done = run_martlet("verify", many.state, binary=many.binary)
    assert done.returncode == 0, done.stdout
