# SPDX-License-Identifier: MIT
"""A relay forgets by itself: what is due goes soon after the start, sessions see it, and `martlet expire --dry-run`
says the same before. Time passes by making what is in the store older while the relay is stopped."""
import contextlib
import json
import re
import sqlite3
import time

import mail
from admin import refused, run
from relay import NO_RATE, Relay, run_martlet
from timelimit import PATIENCE


def send_one(relay, sender, receiver):
    with relay.smtp(sender) as smtp:
        assert smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))[0] == 250


def numbers(relay, *args):
    """By rule, of the dry run."""
    out = run(relay, "expire", "--dry-run", "--json", *args).stdout
    return {row["rule"]: row for row in map(json.loads, out.splitlines())}


@contextlib.contextmanager
def database(relay):
    db = sqlite3.connect(relay.state / "martlet.db", timeout=60 * PATIENCE)
    try:
        with db:
            yield db
    finally:
        db.close()


def number(relay, sql):
    with database(relay) as db:
        return db.execute(sql).fetchone()[0]


def wait_for(what, timeout=30):
    deadline = time.monotonic() + timeout
    while not what():
        assert time.monotonic() < deadline, "it did not come to be"
        time.sleep(0.1)


def count(relay, account):
    with relay.imap(account) as imap:
        return int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))


def test_what_is_due_goes_and_the_dry_run_said_so():
    with Relay(settings=NO_RATE) as relay:
        sender, receiver, idle = (relay.new_account() for _ in range(3))
        for _ in range(3):
            send_one(relay, sender, receiver)
        send_one(relay, sender, idle)
        assert all(row["messages"] == 0 for row in numbers(relay).values())
        later = numbers(relay, "--days", "20")
        assert later["age"]["messages"] == 4 and later["account"] == {
            "rule": "account", "messages": 0, "octets": 0, "accounts": 0}
        assert numbers(relay, "--days", "19")["age"]["messages"] == 0
        assert numbers(relay, "--days", "91")["account"]["accounts"] == 3
        text = run(relay, "expire", "--dry-run", "--days", "20").stdout
        assert re.search(r"(?m)^by age +4 messages", text) and "by then in all: 0 accounts, 4 messages" in text

        relay.stop()
        with database(relay) as db:
            db.execute("UPDATE entry SET hour = hour - 480 WHERE uid <= 2 AND mailbox_id ="
                       " (SELECT inbox_id FROM account WHERE address = ?)", (receiver.address,))
            db.execute("UPDATE account SET last_login_day = last_login_day - 91 WHERE address = ?", (idle.address,))
        relay.start()
        wait_for(lambda: number(relay, "SELECT count(*) FROM entry") == 1)
        assert number(relay, "SELECT count(*) FROM account") == 2
        assert number(relay, "SELECT count(*) FROM body") == 1
        wait_for(lambda: re.search(r"expire\.mails removed=2\b", relay.log()) and "expire.accounts removed=1" in relay.log())
        assert idle.address not in relay.log()
        assert count(relay, receiver) == 1
        assert all(row["messages"] == 0 for row in numbers(relay).values())
        metrics = run(relay, "metrics").stdout
        assert 'martlet_expired_messages_total{rule="age"} 2' in metrics
        assert re.search(r"(?m)^quota_expire_removed_files 3$", metrics)
        relay.stop()
        assert run_martlet("verify", relay.state).returncode == 0


def test_the_clock_is_doubted():
    """As if the relay had last run three years ago: nothing goes, and the operator is told."""
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        send_one(relay, sender, receiver)
        wait_for(lambda: number(relay, "SELECT count(*) FROM meta WHERE name = 'expiry_hour'") == 1)
        relay.stop()
        with database(relay) as db:
            for table, column in (("meta", "value"), ("entry", "hour")):
                db.execute(f"UPDATE {table} SET {column} = {column} - 26280" +
                           (" WHERE name = 'expiry_hour'" if table == "meta" else ""))
        relay.start()
        wait_for(lambda: "expire.clock_ahead" in relay.log())
        status = json.loads(run(relay, "status", "--json", ok=False).stdout)
        assert status["expiry"]["clock_doubted"] and any("clock" in line for line in status["attention"])
        assert number(relay, "SELECT count(*) FROM entry") == 1


def test_mistakes():
    with Relay(settings=NO_RATE) as relay:
        assert "--dry-run shows what would go" in refused(relay, "expire")
        assert "--days wants a number" in refused(relay, "expire", "--dry-run", "--days", "x")
        assert 'what is "now"?' in refused(relay, "expire", "--dry-run", "now")
