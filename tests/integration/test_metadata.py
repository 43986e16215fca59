# SPDX-License-Identifier: MIT
"""METADATA (RFC 5464) in the forms that clients of all ages send, and in the raw form of existing test suites."""
import re

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


def test_what_clients_ask(relay, receiver):
    with relay.imap(receiver) as imap:
        reply = imap.ok(f'GETMETADATA "" ({ALL_KEYS})')
        assert reply.text == b"Getmetadata completed"
        mailbox, found = values(reply)
        assert mailbox == ""
        assert found["/shared/vendor/deltachat/maxsmtprecipients"] == "1000"
        assert set(found) <= set(ALL_KEYS.split())
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


def test_nothing_else_can_be_set(relay, receiver):
    with relay.imap(receiver) as imap:
        for text in (
            '"" (/shared/comment "x")',
            '"INBOX" (/private/other "x")',
            '"" (/shared/vendor/deltachat/turn "x")',
        ):
            assert imap.command(f"SETMETADATA {text}").status == b"NO", text
        imap.ok("NOOP")
