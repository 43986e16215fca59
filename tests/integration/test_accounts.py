# SPDX-License-Identifier: MIT
"""An account comes into being by its first login, once, whoever races."""
import base64
import re
import secrets
import threading

import pytest
from relay import Account, Relay


def imap_login(relay, account):
    with relay.imap() as imap:
        return imap.command(f'LOGIN "{account.address}" "{account.password}"')


def smtp_login(relay, account):
    with relay.smtp() as smtp:
        smtp.ehlo()
        return smtp.auth(account)


@pytest.mark.parametrize("first,second", [("imap", "smtp"), ("smtp", "imap")])
def test_first_login_creates_on_either_door(relay, first, second):
    account = Account.invent()
    logins = {"imap": lambda a: imap_login(relay, a).status == b"OK", "smtp": lambda a: smtp_login(relay, a)[0] == 235}
    assert logins[first](account)
    assert logins[second](account)
    assert logins[first](account)
    wrong = Account(account.address, account.password + "x")
    assert not logins["imap"](wrong) and not logins["smtp"](wrong)
    assert logins[second](account), "a wrong password changed something"


def test_refusals_say_authentication(relay):
    account = Account.invent()
    assert imap_login(relay, account).status == b"OK"
    wrong = Account(account.address, "something else entirely")
    reply = imap_login(relay, wrong)
    assert reply.status == b"NO" and reply.text == b"[AUTHENTICATIONFAILED] Authentication failed."
    code, text = smtp_login(relay, wrong)
    assert code == 535 and text.startswith("5.7.8")


@pytest.mark.parametrize(
    "address,password",
    [
        (None, "admin"),
        (None, "12345678"),
        ("short@_martlet.test", None),
        ("muchtoolongname@_martlet.test", None),
        ("abc/efghi@_martlet.test", None),
        ("abc efghi@_martlet.test", None),
        ("abcdefgh+@_martlet.test", None),
        ("abcdefghi@example.org", None),
        ("abcdefghi@_martlet.test.invalid", None),
        ("abcdefghi", None),
        ("@_martlet.test", None),
        ("abc@efghi@_martlet.test", None),
    ],
)
def test_rules_of_creation(relay, address, password):
    account = Account.invent()
    account = Account(address or account.address, password or account.password)
    reply = imap_login(relay, account)
    assert reply.status == b"NO" and b"AUTHENTICATIONFAILED" in reply.text
    assert smtp_login(relay, account)[0] == 535


def test_names_are_lower_cased(relay):
    account = Account.invent()
    assert imap_login(relay, account).status == b"OK"
    assert imap_login(relay, Account(account.address.upper(), account.password)).status == b"OK"
    assert smtp_login(relay, Account(account.address.upper(), account.password))[0] == 235
    assert imap_login(relay, Account(account.address.upper(), account.password + "x")).status == b"NO"


@pytest.mark.parametrize(
    "password",
    ["ci-abcdef$ci-abcdef", "p" * 22, "P" * 50, "q" * 127, "with space and %s", 'quo"te\\back'],
    ids=["ci", "22", "50", "127", "space", "quotes"],
)
def test_passwords_of_all_kinds(relay, password):
    account = Account(Account.invent().address, password)
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    with relay.imap() as imap:
        imap.ok(f'LOGIN {account.address} "{quoted}"')
    assert smtp_login(relay, account)[0] == 235
    with relay.imap() as imap:  # as literals, which never need quoting
        imap.ok(f"LOGIN {{{len(account.address)}+}}\r\n{account.address} {{{len(password)}+}}\r\n{password}")


def test_sasl_plain_with_and_without_initial_response(relay):
    account = Account.invent()
    secret = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    with relay.imap() as imap:
        imap.ok(f"AUTHENTICATE PLAIN {secret}")
    with relay.imap() as imap:
        tag = imap.begin("AUTHENTICATE PLAIN")
        assert imap.read_line().startswith(b"+")
        imap.send(secret + "\r\n")
        assert imap.finish(tag).status == b"OK"
    with relay.smtp() as smtp:
        smtp.ehlo()
        assert smtp.command("AUTH PLAIN")[0] == 334
        assert smtp.command(secret)[0] == 235
    with relay.smtp() as smtp:
        smtp.ehlo()
        assert smtp.command("AUTH PLAIN")[0] == 334
        assert smtp.command("*")[0] == 501
        assert smtp.command(f"AUTH PLAIN {secret}")[0] == 235


def race(logins):
    """Runs all at once; returns their results."""
    results = [None] * len(logins)
    barrier = threading.Barrier(len(logins))

    def run(n):
        barrier.wait()
        try:
            results[n] = logins[n]()
        except Exception as error:  # shown by the assertion of the caller
            results[n] = error

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(logins))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return results


def test_ten_first_logins_at_once(relay):
    account = Account.invent()
    results = race(
        [lambda: imap_login(relay, account).status == b"OK", lambda: smtp_login(relay, account)[0] == 235] * 5
    )
    assert results == [True] * 10
    assert imap_login(relay, Account(account.address, account.password + "x")).status == b"NO"


def test_race_of_different_passwords_has_one_winner(relay):
    address = Account.invent().address
    rivals = [Account(address, secrets.token_urlsafe(12)) for _ in range(10)]
    results = race([lambda a=a: imap_login(relay, a).status == b"OK" for a in rivals])
    assert results.count(True) == 1, results
    winner = rivals[results.index(True)]
    assert [imap_login(relay, a).status == b"OK" for a in rivals] == [a is winner for a in rivals]


def test_same_password_for_two_users(relay):
    one, two = Account.invent(), Account.invent()
    two.password = one.password
    assert imap_login(relay, one).status == b"OK"
    assert imap_login(relay, two).status == b"OK"


def test_accounts_outlive_a_restart():
    with Relay() as relay:
        account = relay.new_account()
        relay.stop()
        relay.start()
        assert imap_login(relay, Account(account.address, "another password")).status == b"NO"
        assert imap_login(relay, account).status == b"OK"


def test_lack_of_resources_blocks_creation_but_not_login():
    with Relay() as relay:
        account = relay.new_account()
        relay.stop()
        relay.settings["min_free_disk_space"] = "1000000G"
        relay.start()
        refused = imap_login(relay, Account.invent())
        assert refused.status == b"NO" and b"UNAVAILABLE" in refused.text and b"uthentication" not in refused.text
        assert smtp_login(relay, Account.invent())[0] == 454
        assert imap_login(relay, account).status == b"OK"
        assert re.search(r"pressure\.rises cause=disk level=1 reason=\"the disk has \d+ MB left\"", relay.log())


def test_limit_of_new_accounts_by_client_address():
    with Relay(settings={"max_new_accounts_per_hour": "3"}) as relay:
        accounts = [Account.invent() for _ in range(5)]
        assert [imap_login(relay, a).status == b"OK" for a in accounts] == [True] * 3 + [False] * 2
        assert smtp_login(relay, accounts[4])[0] in (535, 454)
        assert imap_login(relay, accounts[0]).status == b"OK"
