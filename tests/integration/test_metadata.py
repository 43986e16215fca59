# SPDX-License-Identifier: MIT
"""METADATA (RFC 5464) in the forms that clients of all ages send, and in the raw form of existing test suites."""
import contextlib
import re
import sqlite3
import time

import relay as relays
from relay import Account, Service

VENDOR = "/shared/vendor/deltachat/"
ALL_KEYS = (
    "/shared/comment /shared/admin /shared/vendor/deltachat/irohrelay /shared/vendor/deltachat/turn "
    "/shared/vendor/deltachat/maxsmtprecipients /shared/vendor/deltachat/appversions"
)


def values(reply):
    """{entry: value or None} of the one METADATA line."""
    (line,) = [u for u in reply.untagged if u.startswith(b"* METADATA ")]
    match = re.match(rb'\* METADATA "([^"]*)" \((.*)\)$', line, re.DOTALL)
    assert match, line
    rest, found = match.group(2), {}
    while rest:
        name, _, rest = rest.partition(b" ")
        literal = re.match(rb"\{(\d+)\}\r\n", rest)
        if literal:
            end = literal.end() + int(literal.group(1))
            found[name.decode()] = rest[literal.end() : end].decode()
        else:
            assert rest[:3] == b"NIL", "values are literals or NIL"
            found[name.decode()] = None
            end = 3
        assert rest[end : end + 1] in (b"", b" ")
        rest = rest[end + 1 :]
    return match.group(1).decode(), found


def ask(relay, account=None):
    """What the server says, by the last part of the name; all in one line."""
    with relay.imap(account or relay.new_account()) as imap:
        mailbox, found = values(imap.ok(f'GETMETADATA "" ({ALL_KEYS})'))
    assert mailbox == "" and set(found) == set(ALL_KEYS.split())
    return {name.rpartition("/")[2]: value for name, value in found.items()}


def is_turn(text, host, relay):
    """host:port:expiry:password, valid for five days from now."""
    match = re.fullmatch(r"([^:]+):(\d+):(\d{10}):([A-Za-z0-9+/]{27}=)", text or "")
    assert match, text
    assert match[1] == host and int(match[2]) == relays.TURN_PORT + relay.offset
    return -60 < int(match[3]) - time.time() - 432000 < 12 * 3600 + 60


def said(relay, **wanted):
    """Waits until the server says this."""
    account = relay.new_account()
    relays.wait_until(lambda: wanted.items() <= ask(relay, account).items(), 10, f"METADATA with {wanted}")


def test_what_clients_ask(relay, receiver):
    with relay.imap(receiver) as imap:
        reply = imap.ok(f'GETMETADATA "" ({ALL_KEYS})')
        assert reply.text == b"Getmetadata completed"
        mailbox, found = values(reply)
        assert mailbox == ""
        assert found["/shared/vendor/deltachat/maxsmtprecipients"] == "1000"
        assert set(found) == set(ALL_KEYS.split())
        assert found[VENDOR + "irohrelay"] == f"http://127.0.0.1:{relay.port(80)}", "for clients on this machine"
        assert found["/shared/comment"] is None and found["/shared/admin"] is None
        assert found[VENDOR + "appversions"] is None
        assert is_turn(found[VENDOR + "turn"], "127.0.0.1", relay)
        reply = imap.ok('GETMETADATA "" (/shared/vendor/deltachat/turn /shared/vendor/deltachat/appversions)')
        assert reply.text == b"Getmetadata completed"
        imap.ok('GETMETADATA "" (/shared/never/heard/of)')
        imap.ok('GETMETADATA "" /shared/comment')


def test_device_token_raw_form(relay, receiver):
    """Lines end with a bare LF and a blank stands before the closing parenthesis, as a known test client writes."""
    with relay.imap(receiver) as imap:

        def raw(text):
            imap.send(b"1001 " + text.encode() + b"\n")
            return imap.finish(b"1001")

        reply = raw('SETMETADATA INBOX (/private/devicetoken "1111" )')
        assert reply.status == b"OK" and reply.text == b"Setmetadata completed"
        imap.send(b"1002 GETMETADATA INBOX /private/devicetoken\n")
        assert imap.read_line() == b'* METADATA "INBOX" (/private/devicetoken {4}'
        assert imap.read_line() == b"1111)"
        assert imap.read_line() == b"1002 OK Getmetadata completed"
        assert raw('SETMETADATA INBOX (/private/devicetoken "2222" )').status == b"OK"
        assert values(raw("GETMETADATA INBOX (/private/devicetoken )"))[1] == {"/private/devicetoken": "1111 2222"}
        assert raw('SETMETADATA INBOX (/private/devicetoken "1111" )').status == b"OK"
        assert values(raw("GETMETADATA INBOX /private/devicetoken"))[1] == {"/private/devicetoken": "1111 2222"}


def test_device_token_literal_forms(relay, receiver):
    token = "openpgp:" + "A" * 1000
    with relay.imap(receiver) as imap:
        imap.ok(f'SETMETADATA "INBOX" (/private/devicetoken {{{len(token)}+}}\r\n{token})')
        tag = imap.begin('SETMETADATA "INBOX" (/private/devicetoken {5}')
        assert imap.read_line().startswith(b"+")
        imap.send(b"other)\r\n")
        assert imap.finish(tag).status == b"OK"
        assert (
            values(imap.ok('GETMETADATA "INBOX" (/private/devicetoken)'))[1]["/private/devicetoken"] == f"{token} other"
        )
        quoted = "openpgp:" + "B" * 4000
        imap.ok(f'SETMETADATA "INBOX" (/private/devicetoken "{quoted}")')
        # Stand for every later connection, and for no other account.
    with relay.imap(receiver) as imap:
        stored = values(imap.ok('GETMETADATA "INBOX" (/private/devicetoken)'))[1]["/private/devicetoken"]
        assert stored == f"{token} other {quoted}"
    with relay.imap(relay.new_account()) as imap:
        assert values(imap.ok('GETMETADATA "INBOX" (/private/devicetoken)'))[1]["/private/devicetoken"] is None


def test_device_token_charset(relay, receiver):
    """Printable ASCII without blank, double quote and backslash; a webpush token has most of it."""
    good = "webpush:https://push.example/a_b-c~d?e=f&g=%2F!#$'()*+,;=[]{}^`<>@|BP4z9Kps|_-8Xo"
    with relay.imap(relay.new_account()) as imap:
        imap.ok(f'SETMETADATA "INBOX" (/private/devicetoken {{{len(good)}+}}\r\n{good})')
        for bad in ('a"b', "a\\b", "a b", "a\tb", "a\x7fb", "a\u00e4b"):
            octets = len(bad.encode())
            reply = imap.command(f'SETMETADATA "INBOX" (/private/devicetoken {{{octets}+}}\r\n{bad})')
            assert reply.status == b"NO", bad
        assert values(imap.ok('GETMETADATA "INBOX" (/private/devicetoken)'))[1]["/private/devicetoken"] == good


def test_nothing_else_can_be_set(relay, receiver):
    with relay.imap(receiver) as imap:
        for text in (
            '"" (/shared/comment "x")',
            '"INBOX" (/private/other "x")',
            '"" (/shared/vendor/deltachat/turn "x")',
        ):
            assert imap.command(f"SETMETADATA {text}").status == b"NO", text
        imap.ok("NOOP")


def test_an_entry_twice_is_answered_once(relay, receiver):
    with relay.imap(receiver) as imap:
        many = " ".join([VENDOR + "irohrelay", "/shared/admin"] * 40)
        _, found = values(imap.ok(f'GETMETADATA "" ({many})'))
        assert list(found) == [VENDOR + "irohrelay", "/shared/admin"]
        assert imap.command(f'GETMETADATA "" ({" ".join(["/shared/x"] * 101)})').status == b"BAD"
        imap.ok("NOOP")


def test_the_configuration_decides():
    """Every form of the entries, each after a reload and without a new connection's help."""
    with Service({"privacy_mail": "privacy@example.org"}) as relay:
        own = f"http://{relays.DOMAIN}:{relay.port(80)}"  # the certificate is self-signed
        assert ask(relay)["irohrelay"] == own
        assert ask(relay)["admin"] == "mailto:privacy@example.org"
        assert is_turn(ask(relay)["turn"], relays.DOMAIN, relay)
        account = relay.new_account()
        with relay.imap(account) as imap:
            for value, want in (("https://iroh.example.net", "https://iroh.example.net"), ("", None)):
                relay.reload(iroh_relay=value)
                said(relay, irohrelay=want)
                found = values(imap.ok(f'GETMETADATA "" ({VENDOR}irohrelay)'))[1]
                assert found == {VENDOR + "irohrelay": want}, "a connection that was there before"
        relay.reload(turn="false")
        said(relay, turn=None)
        relay.reload(turn="true")
        relays.wait_until(lambda: ask(relay, account)["turn"] is not None, 10, "credentials again")
        del relay.settings["iroh_relay"]
        relay.reload(privacy_mail="")
        said(relay, irohrelay=own, admin=None)

        # What is wrong leaves everything as it is.
        relay.reload(iroh_relay="yes")
        relays.wait_until(lambda: "iroh_relay: must be an http or https URL" in relay.log(), 10, "a complaint")
        assert ask(relay)["irohrelay"] == own


def test_a_relay_process_that_died_changes_nothing():
    with Service({"iroh_relay": "https://iroh.example.net:8443/"}) as relay:
        assert ask(relay)["irohrelay"] == "https://iroh.example.net:8443/"
        relay.wait_for_child(other_than=relay.kill_child())
        assert ask(relay)["irohrelay"] == "https://iroh.example.net:8443/"


def test_a_domain_that_is_an_address():
    with Service({"mail_domain": "192.0.2.1"}) as relay:
        found = ask(relay, Account.invent("[192.0.2.1]"))
        assert found["irohrelay"] == f"http://192.0.2.1:{relay.port(80)}", "no brackets in a URL"
        assert is_turn(found["turn"], "192.0.2.1", relay), "nor here"


def test_what_is_fixed_while_the_relay_runs():
    with Service({"turn": "false"}) as relay:
        assert ask(relay)["turn"] is None
        relay.reload(turn="true")
        relays.wait_until(
            lambda: "turn: cannot change while the relay runs; restart it instead" in relay.log(), 10, "a complaint"
        )
        relay.reload(turn="false", push_gateway="https://push.example.org:8443/")
        relays.wait_until(
            lambda: "push_gateway: cannot change while the relay runs; restart it instead" in relay.log(), 10, "another"
        )
        relay.reload(push_gateway="https://push.example.org/")
        relays.wait_until(lambda: "parent.reloaded" in relay.log(), 10, "a reload")


def test_a_secret_that_cannot_be_kept():
    """The store has no room for it at the first start: credentials are good all the same, until the relay ends."""
    with Service() as relay:
        relay.stop()
        with contextlib.closing(sqlite3.connect(relay.state / "martlet.db")) as db, db:
            db.execute("DELETE FROM secret WHERE name = 'turn'")
            db.execute("CREATE TRIGGER full BEFORE INSERT ON secret BEGIN SELECT raise(ABORT, 'full'); END")
        relay.start()
        assert "warning turn.secret_not_kept" in relay.log()
        account = relay.new_account()
        assert is_turn(ask(relay, account)["turn"], relays.DOMAIN, relay)
        relay.stop()
        with contextlib.closing(sqlite3.connect(relay.state / "martlet.db")) as db, db:
            db.execute("DROP TRIGGER full")
        before = relay.log().count("turn.secret_not_kept")
        relay.start()
        assert relay.log().count("turn.secret_not_kept") == before
        assert is_turn(ask(relay, account)["turn"], relays.DOMAIN, relay)
