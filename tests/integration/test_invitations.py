# SPDX-License-Identifier: MIT
"""Accounts by invitation, end to end: `martlet invite`, /new, the first login; and what an operator does to accounts."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import sqlite3
import threading
import time
import urllib.parse

import mail
import pytest
from relay import DOMAIN, NO_RATE, Account, Relay, Service, run_martlet, wait_until
from timelimit import PATIENCE

DAY = 24 * 3600


@pytest.fixture(scope="module")
def invited():
    with Relay(settings={**NO_RATE, "registration": "invite"}) as relay:
        yield relay


def martlet(relay, *args):
    where = ("--config", relay.config_path) if isinstance(relay, Service) else ("--dir", relay.state)
    return run_martlet(*args, *where, binary=relay.binary)


def invite(relay, *options):
    done = martlet(relay, "invite", "--json", *options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def token_of(invitation):
    """From the link, as a client takes it."""
    url = invitation["link"].removeprefix("dcaccount:")
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["t"][0]


def new(relay, token=None):
    """POST /new as clients do it; waits when it is told to."""
    while True:
        target = "/new" if token is None else "/new?t=" + urllib.parse.quote(token)
        status, headers, body = relay.request(target, method="POST")
        if status != 429:
            return status, json.loads(body)
        time.sleep(int(headers["Retry-After"]))


def offer(relay, token=None):
    status, answer = new(relay, token)
    assert status == 200, answer
    return Account(answer["email"], answer["password"])


def can_log_in(relay, account):
    with relay.imap() as imap:
        answer = imap.command(f'LOGIN "{account.address}" {quoted(account.password)}')
    if answer.status != b"OK":
        assert answer.text == b"[AUTHENTICATIONFAILED] Authentication failed."
    with relay.smtp() as smtp:
        smtp.ehlo()
        assert (smtp.auth(account)[0] == 235) == (answer.status == b"OK")
    return answer.status == b"OK"


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def uses_of(relay, token):
    rows = [json.loads(line) for line in martlet(relay, "invite", "list", "--json").stdout.splitlines()]
    return next((row["uses"] for row in rows if row["token"] == token), 0)


def database(relay):
    db = sqlite3.connect(relay.state / "martlet.db", timeout=60 * PATIENCE, isolation_level=None)
    db.execute("PRAGMA secure_delete = ON")
    return db


def address_exists(relay, account):
    return martlet(relay, "account", "show", account.address).returncode == 0


# ---- the way of an invited person ----


def test_from_invitation_to_account(invited):
    invitation = invite(invited, "--uses", "2", "--days", "3")
    token = token_of(invitation)
    assert token == invitation["token"] and invitation["uses"] == 2
    first, second, third = (offer(invited, token) for _ in range(3))
    assert uses_of(invited, token) == 2  # an offer is nothing yet
    assert not address_exists(invited, first)
    assert can_log_in(invited, first)
    assert uses_of(invited, token) == 1  # creation counts, a second login does not
    assert can_log_in(invited, first)
    assert uses_of(invited, token) == 1
    assert can_log_in(invited, second)
    assert uses_of(invited, token) == 0
    assert not can_log_in(invited, third)
    status, answer = new(invited, token)
    assert status == 403 and answer["reason"]
    # They can write to each other as anybody can.
    with invited.smtp(first) as smtp, invited.imap(second) as imap:
        imap.ok("SELECT INBOX")
        assert smtp.send_message(first.address, [second.address], mail.encrypted(first.address))[0] == 250
        assert len(imap.wait_messages()) == 1


def test_without_invitation(invited):
    for token in (None, "", "x", "A" * 22, "%00" * 22, "A" * 5000):
        status, answer = new(invited, token)
        assert 400 <= status < 500 and (token is None or len(token) > 100 or answer["reason"])
    assert not can_log_in(invited, Account.invent())
    assert not can_log_in(invited, Account(f"bob123456@{DOMAIN}", "A" * 64))


def test_requests_that_new_does_not_know(invited):
    for method in ("PUT", "DELETE", "OPTIONS"):
        status, headers, _ = invited.request("/new", method=method)
        assert status == 405 and set(headers["Allow"].split(", ")) == {"GET", "HEAD", "POST"}
    # What is in a body does not matter, and a large one is not waited for.
    assert invited.request("/new", method="POST", body=b"x" * 10_000)[0] in (403, 429)
    head = f"POST /new HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: {1 << 40}\r\n\r\n"
    with invited.front() as client:
        client.send(head.encode())
        sent = 0
        with contextlib.suppress(OSError):
            for _ in range(1000):
                client.send(b"x" * 100_000)
                sent += 100_000
        assert sent < 50_000_000
        with contextlib.suppress(OSError):
            assert client.read_to_end().startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 429 "))


def test_what_a_password_is_good_for(invited):
    token = token_of(invite(invited, "--uses", "5"))
    a, b = offer(invited, token), offer(invited, token)
    assert not can_log_in(invited, Account(a.address, b.password))
    assert not can_log_in(invited, Account(Account.invent().address, a.password))
    assert not can_log_in(invited, Account(a.address.split("@")[0] + "@elsewhere.example", a.password))
    for at in (0, 4, 10, 30, 45, 63):
        changed = a.password[:at] + ("A" if a.password[at] != "A" else "B") + a.password[at + 1 :]
        assert not can_log_in(invited, Account(a.address, changed))
    assert not address_exists(invited, a)
    assert can_log_in(invited, a)
    assert uses_of(invited, token) == 4


def make_password(relay, local_part, invitation, expires):
    """As the relay makes it, from what is documented: for times that have passed."""
    with database(relay) as db:
        (secret,) = db.execute("SELECT value FROM secret WHERE name = 'invite'").fetchone()
    octets = b"\x01" + (expires // 3600).to_bytes(3, "big") + invitation + os.urandom(12)
    octets += hmac.new(secret, octets + local_part.encode(), hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(octets).decode()


def test_expiry(invited):
    token = token_of(invite(invited, "--uses", "9"))
    number = base64.urlsafe_b64decode(token + "==")
    offer(invited, token)  # makes the secret
    now = int(time.time())
    for expires, want in ((now - 3600, False), (now + 2 * 3600, True)):
        account = Account.invent()
        account.password = make_password(invited, account.address.split("@")[0], number, expires)
        assert can_log_in(invited, account) == want
    # The invitation itself is over: neither an offer nor a first login with one from before.
    waiting = offer(invited, token)
    with database(invited) as db:
        db.execute("UPDATE invitation SET last_day = ? WHERE number = ?", (now // DAY - 1, number))
    assert new(invited, token)[0] == 403
    assert not can_log_in(invited, waiting)
    assert uses_of(invited, token) == 0


def test_revoked(invited):
    invitation = invite(invited, "--uses", "3")
    waiting = offer(invited, token_of(invitation))
    assert martlet(invited, "invite", "revoke", invitation["token"]).returncode == 0
    assert not can_log_in(invited, waiting)
    assert new(invited, token_of(invitation))[0] == 403


def test_ten_at_once_with_an_invitation_for_three(invited):
    token = token_of(invite(invited, "--uses", "3"))
    accounts = [offer(invited, token) for _ in range(10)]
    start, results = threading.Barrier(20), {}

    def log_in(account, over):
        start.wait()
        if over == "imap":
            with invited.imap() as imap:
                ok = imap.command(f'LOGIN "{account.address}" "{account.password}"').status == b"OK"
        else:
            with invited.smtp() as smtp:
                smtp.ehlo()
                ok = smtp.auth(account)[0] == 235
        results[account.address, over] = ok

    threads = [threading.Thread(target=log_in, args=(a, over)) for a in accounts for over in ("imap", "smtp")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 20
    taken = [a for a in accounts if results[a.address, "imap"]]
    assert len(taken) == 3
    assert taken == [a for a in accounts if results[a.address, "smtp"]]


def test_killed_between_offer_and_login():
    """Nothing is remembered for an offer, so nothing can be forgotten; and a use that was taken stays taken."""
    with Relay(settings={**NO_RATE, "registration": "invite"}) as relay:
        token = token_of(invite(relay, "--uses", "2"))
        for n in range(2):
            account = offer(relay, token)
            old = relay.kill_child()
            relay.wait_for_child(other_than=old)
            assert can_log_in(relay, account)
            relay.kill_child()
            wait_until(lambda want=1 - n: uses_after_restart(relay, token) == want, 20, "the count of uses")
            assert can_log_in(relay, account)
        relay.kill_child()
        assert not can_log_in(relay, Account.invent())
        verify(relay)


def uses_after_restart(relay, token):
    try:
        return uses_of(relay, token)
    except json.JSONDecodeError:
        return None  # the relay is not back yet


def verify(relay):
    relay.stop()
    done = run_martlet("verify", relay.state, binary=relay.binary)
    assert done.returncode == 0, done.stdout + done.stderr


def test_open_and_closed():
    """A reload changes who may come; who is there stays."""
    with Service(settings={**NO_RATE, "registration": "invite"}) as relay:
        token = token_of(invite(relay, "--uses", "3"))
        early, late = offer(relay, token), offer(relay, token)
        assert can_log_in(relay, early)

        reload(relay, registration="closed")
        status, answer = new(relay, token)
        assert status == 403 and answer["reason"]
        assert can_log_in(relay, early) and not can_log_in(relay, late)
        assert not can_log_in(relay, Account.invent())

        reload(relay, registration="open")
        assert can_log_in(relay, offer(relay)) and can_log_in(relay, Account.invent())

        reload(relay, registration="invite")
        assert can_log_in(relay, late) and not can_log_in(relay, Account.invent())
        assert uses_of(relay, token) == 1


def reload(relay, registration):
    """Until the relay itself goes by it."""

    def has_it():
        done = martlet(relay, "invite")
        return registration == "invite" if done.returncode == 0 else f"registration is {registration}" in done.stderr

    relay.reload(registration=registration)
    wait_until(has_it, 10, f"registration = {registration}")


# ---- what an operator does ----


def test_block_counts_for_sessions_that_are_open(relay, deliver):
    alice, bob = relay.new_account(), relay.new_account()
    with relay.smtp(alice) as smtp, relay.imap(alice) as imap:
        deliver(alice)
        assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250
        assert martlet(relay, "account", "block", alice.address).returncode == 0
        reply = smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))
        assert reply[0] == 550 and "5.7.1" in str(reply[1])
        imap.ok("SELECT INBOX")
        assert len(imap.fetch()) == 1  # what it has, it can read
    with relay.smtp(bob) as smtp, relay.imap(bob) as imap:
        assert len(select_and_fetch(imap)) == 1
        assert smtp.send_message(bob.address, [alice.address], mail.encrypted(bob.address))[0] == 250
        bounce = imap.wait_messages(2)[2]  # as for somebody who is not there
        assert b"5.1.1" in bounce and b"blocked" not in bounce
    with relay.imap(alice) as imap:
        assert len(select_and_fetch(imap)) == 1
    assert martlet(relay, "account", "unblock", alice.address).returncode == 0
    with relay.smtp(alice) as smtp:
        assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250


def select_and_fetch(imap):
    imap.ok("SELECT INBOX")
    return imap.fetch()


def test_deleted_account(invited, request):
    token = token_of(invite(invited, "--uses", "2"))
    alice, bob = offer(invited, token), offer(invited, token)
    assert can_log_in(invited, bob)
    smtp, idle, bare = invited.smtp(alice), invited.imap(alice), invited.imap(alice)
    for session in (smtp, idle, bare):
        request.addfinalizer(session.close)
    idle.ok("SELECT INBOX")
    idle.idle()
    assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250
    done = martlet(invited, "account", "delete", alice.address, "--yes")
    assert done.returncode == 0, done.stderr
    for session in (idle, bare):
        assert b"* BYE" in session.read_to_end()
    assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 550
    assert not address_exists(invited, alice)
    assert not can_log_in(invited, alice)  # its invitation has no use left
    with database(invited) as db:
        wait_until(lambda: db.execute("SELECT count(*) FROM doomed").fetchone() == (0,), 10, "the end of its messages")


def test_killed_while_deleting():
    with Relay(settings={**NO_RATE}) as relay:
        for n in range(4):
            account = relay.new_account()
            with relay.imap(account) as imap:
                imap.append("INBOX", mail.encrypted(account.address))
                imap.ok("SELECT INBOX")
                for _ in range(12):
                    imap.ok("COPY 1:* INBOX")
            thread = threading.Thread(target=martlet, args=(relay, "account", "delete", account.address, "--yes"))
            thread.start()
            time.sleep(0.02 * n + 0.02)
            old = relay.kill_child()
            thread.join()
            relay.wait_for_child(other_than=old)
            wait_until(lambda: martlet(relay, "account", "list").returncode == 0, 20, "the relay again")
            with database(relay) as db:
                wait_until(lambda db=db: db.execute("SELECT count(*) FROM doomed").fetchone() == (0,), 20, "the end of it")
        verify(relay)
