# SPDX-License-Identifier: MIT
"""Nothing is kept or logged on the side: who came from where, what they called themselves, what they said. Every service
is used from addresses of its own, with words of its own, and then log and state directory are searched for them."""
import base64
import binascii
import contextlib
import hashlib
import re
import socket
import sqlite3
import time

import iroh
import mail
import pytest
import turn
import wire
from admin import run
from relay import DOMAIN, NO_RATE, TOP, Account, Relay, wait_until
from turn_lab import offered

DOC = (TOP / "docs" / "privacy.md").read_text()
# Where an address of a user may stand, as the document says.
FOR_ADDRESSES = set(re.findall(r"`(\w+\.\w+)`", re.search(r"^Addresses of users stand in.*?nowhere", DOC, re.M | re.S)[0]))
SERVICES = ("imap", "submission", "port 25", "https", "http", "turn", "iroh")
ROUNDS = (61, 87)  # the second octets of their addresses


def address_of(service, number):
    return f"127.{number}.{181 + SERVICES.index(service)}.{number + 53}"


@contextlib.contextmanager
def coming_from(address):
    """Connections that are made here come from this address; there is but one of IPv6."""
    original = socket.create_connection
    server = "::1" if ":" in address else "127.0.0.1"
    socket.create_connection = lambda to, timeout=20, _=None: original((server, to[1]), timeout, (address, 0))
    try:
        yield
    finally:
        socket.create_connection = original


# ---- how something could be written ----


def base64_of(data):
    """What of its base64 is the same wherever it stands, for each of the three ways in which it can be cut."""
    for before in range(3):
        text = base64.b64encode(bytes(before) + data + b"\0\0")
        first = -(-before * 4 // 3)
        yield text[first : (before + len(data)) * 8 // 6]


def written(data):
    """The octets themselves and what is made of them without a key."""
    yield data
    yield data[::-1]
    yield from (binascii.hexlify(data), binascii.hexlify(data).upper(), binascii.hexlify(data, ":"))
    yield from base64_of(data)
    for digest in (hashlib.md5, hashlib.sha1, hashlib.sha256):
        yield digest(data).digest()[:8]
        yield digest(data).hexdigest()[:16].encode()


def forms_of_word(word):
    yield from written(word.encode())
    yield word.encode("utf-16-le")


def forms_of_address(address):
    packed = socket.inet_aton(address)
    yield from forms_of_word(address)
    yield ".".join(reversed(address.split("."))).encode()
    yield from written(packed)
    for order in ("big", "little"):
        yield str(int.from_bytes(packed, order)).encode()


def is_in(form, data, lower):
    return form in data or form.lower() in lower


# ---- using everything ----


class Words:
    """What is said to the relay and may not be found again, but where the document says so."""

    def __init__(self, number):
        w = self.word = lambda what: f"{what}{number}marker{number}"
        self.account = Account(f"{w('owner')}@{DOMAIN}", w("Secret-Pass"))
        self.receiver = Account(f"{w('receiver')}@{DOMAIN}", w("Other-Pass"))
        self.nowhere = {
            w(what)
            for what in (
                "Secret-Pass Other-Pass Displayname Subject messageid greeting mailer agent referer page query imapname"
                " imapversion stranger strangehost search alpn turnname userinfo nobody wrong"
            ).split()
        }
        self.for_users = {w("owner"), w("receiver"), w("faraway")}
        # In these columns, until the account is deleted.
        self.somewhere = {w("Box"): {"mailbox.name"}, w("Keyword"): {"entry.keywords"}, w("token"): {"token.token"}}


    def kept(self):
        return {*self.for_users, *self.somewhere}


def use_imap(relay, words, number):
    w = words.word
    for port in (993, 143, 443):
        with relay.imap(words.account, port=port) as imap:
            imap.ok(f'ID ("name" "{w("imapname")}" "version" "{w("imapversion")}")')
            imap.ok("SELECT INBOX")
            imap.ok(f'UID SEARCH SUBJECT "{w("search")}"')
    with relay.imap(words.account) as imap:
        imap.ok(f"CREATE {w('Box')}")
        assert imap.append(w("Box"), mail.encrypted(words.account.address), f"({w('Keyword')}) ").status == b"OK"
        imap.ok(f'SETMETADATA INBOX (/private/devicetoken "{w("token")}")')
    with relay.imap() as imap:
        assert imap.command(f'LOGIN {words.account.address} {w("wrong")}').status == b"NO"
    relay.imap(words.receiver).close()


def use_submission(relay, words, number):
    w = words.word
    message = mail.encrypted(
        words.account.address,
        message_id=f"<{w('messageid')}@localhost>",
        subject=w("Subject"),
        extra=[
            f"Received: from {w('greeting')} ([198.51.100.{number}])",
            f"X-Originating-IP: 198.51.100.{number}",
            f"X-Mailer: {w('mailer')}",
            f"User-Agent: {w('agent')}",
        ],
    ).replace(b"From: <", f"From: {w('Displayname')} <".encode(), 1)
    for port in (465, 587, 443):
        with relay.smtp(port=port) as smtp:
            smtp.ehlo(w("greeting"))
            assert smtp.auth(words.account)[0] == 235
            assert smtp.send_message(words.account.address, [words.receiver.address], message)[0] == 250
            # One that waits.
            far = f"{w('faraway')}@{w('faraway')}.example"
            assert smtp.send_message(words.account.address, [far], mail.encrypted(words.account.address))[0] == 250
            # One that comes back.
            nobody = f"{w('nobody')}@{DOMAIN}"
            assert smtp.send_message(words.account.address, [nobody], mail.encrypted(words.account.address))[0] == 250


def use_port_25(relay, words, number):
    """One of its messages names the client's address as its sender's domain; as all content it is kept encrypted."""
    w = words.word
    stranger = f"{w('stranger')}@{w('strangehost')}.invalid"
    with wire.Smtp(relay.port(25), tls=False) as smtp:
        smtp.start_tls()
        smtp.ehlo(w("greeting"))
        code, _ = smtp.send_message(stranger, [words.receiver.address], mail.encrypted(stranger))
        assert code >= 400, code  # not signed
    with wire.Smtp(relay.port(25), tls=False) as smtp:  # from a server without domain
        smtp.start_tls()
        smtp.ehlo(w("greeting"))
        bare = f"{w('stranger')}@[{address_of('port 25', number)}]"
        assert smtp.send_message(bare, [words.receiver.address], mail.encrypted(bare))[0] == 250


def use_web(relay, words, number, port):
    w = words.word
    headers = {
        "User-Agent": w("agent"),
        "Referer": f"https://{w('referer')}.example/",
        "X-Forwarded-For": address_of("https", number),
    }
    for target in ("/", f"/{w('page')}", f"/info?{w('query')}=1", "/new"):
        relay.request(target, port=port, headers=headers)
    relay.request("/new", "POST", port=port, headers=headers)
    stranger = f"{w('stranger')}@{w('strangehost')}.invalid"
    relay.request(
        "/mxdeliv",
        "POST",
        port=port,
        headers={**headers, "MAIL-FROM": stranger, "RCPT-TO": words.receiver.address},
        body=mail.encrypted(stranger),
    )


def use_turn(relay, words, number):
    with relay.imap(words.account) as imap:
        host, port, username, password = offered(imap).split(":", 3)
    own = address_of("turn", number)
    with turn.Client("127.0.0.1", turn.Credentials(username, password, DOMAIN), own=own, port=int(port)) as c:
        assert c.allocate().error == 0
        c.refresh(0)
    with turn.Client("127.0.0.1", turn.Credentials(words.word("turnname"), "x", DOMAIN), own=own, port=int(port)) as c:
        assert c.allocate().error != 0


def use_iroh(relay, words, number):
    for dialect in (iroh.A, iroh.B):
        with dialect(relay.port(80), source=address_of("iroh", number)) as client:
            client.echo()


def use_control(relay, words):
    run(relay, "account", "show", words.account.address)
    run(relay, "account", "show", words.word("nobody"), ok=False)
    run(relay, "queue", "list")
    run(relay, "metrics")


def use_all(relay, number):
    words = Words(number)
    with coming_from(address_of("imap", number)):
        use_imap(relay, words, number)
    with coming_from(address_of("submission", number)):
        use_submission(relay, words, number)
    with coming_from(address_of("port 25", number)):
        use_port_25(relay, words, number)
    for service, port in (("https", 443), ("http", 80)):
        with coming_from(address_of(service, number)):
            use_web(relay, words, number, port)
    with coming_from("::1"):  # looked for in the log alone, by Relay.stop()
        relay.imap(words.account).close()
        relay.smtp(words.account).close()
    use_turn(relay, words, number)
    use_iroh(relay, words, number)
    use_control(relay, words)
    return words


def delete_all(relay, words):
    """What an operator and users can delete."""
    for w in words:
        run(relay, "queue", "drop", f"{w.word('faraway')}.example")
        for account in (w.account, w.receiver):
            run(relay, "account", "delete", account.address, "--yes")


def is_forgotten(relay, words):
    found = [f for f in files_of(relay).values() for w in words for word in w.kept() if word.encode() in f]
    return not found


# ---- searching ----


def files_of(relay):
    files = {}
    for path in relay.state.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                files[str(path.relative_to(relay.state))] = path.read_bytes()
    return files


class Kept:
    """What is there after all that, as raw files and as values of columns."""

    def __init__(self, relay, words):
        self.words = words
        self.log = relay.log().encode()
        self.files = files_of(relay)
        db = sqlite3.connect(relay.state / "martlet.db")
        self.values = []  # (column, as octets)
        self.numbers = []  # (column, number)
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall():
            rows = db.execute(f"SELECT * FROM {table}")
            names = [f"{table}.{d[0]}" for d in rows.description]
            for row in rows:
                for name, value in zip(names, row):
                    if isinstance(value, int):
                        self.numbers.append((name, value))
                    self.values.append((name, value if isinstance(value, bytes) else str(value).encode()))
        db.close()
        self.places = {"the log": self.log, **self.files}
        for name, value in self.values:
            self.places[name] = self.places.get(name, b"") + b"\n" + value
        self.lower = {name: data.lower() for name, data in self.places.items()}

    def where(self, form):
        return {name for name, data in self.places.items() if is_in(form, data, self.lower[name])}


@pytest.fixture(scope="module")
def kept():
    # Neither a name server nor the notification service answers.
    settings = {**NO_RATE, "dns_forward": "127.0.0.1@1", "push_gateway": "http://127.0.0.1:1/", "username_max_length": "40"}
    with Relay(settings) as relay:
        words = [use_all(relay, number) for number in ROUNDS]
        messages = []
        for w in words:
            with relay.imap(w.receiver) as imap:
                messages.append(imap.wait_messages(2))
        wait_until(lambda: relay.log().count("queue.") >= 2, 60, "a destination that cannot be reached")
        running = Kept(relay, words)
        relay.stop()
        stopped = Kept(relay, words)
        relay.start()
        delete_all(relay, words)
        wait_until(lambda: is_forgotten(relay, words), 180, "nothing of what was deleted")
        deleted = Kept(relay, words)
        relay.stop()
        yield {"running": running, "stopped": stopped, "deleted": deleted, "messages": messages}


WHEN = pytest.mark.parametrize("when", ["running", "stopped"])
EVER = pytest.mark.parametrize("when", ["running", "stopped", "deleted"])


@EVER
@pytest.mark.parametrize("service", SERVICES)
def test_no_address_of_a_client(kept, when, service):
    """Four octets can come about by chance, so what counts is the same way of writing in the same place both times."""
    both = zip(*(forms_of_address(address_of(service, number)) for number in ROUNDS))
    found = {place for pair in both for place in set.intersection(*map(kept[when].where, pair))}
    assert found == set()


@EVER
def test_no_word_of_a_client(kept, when):
    k = kept[when]
    for words in k.words:
        for word in words.nowhere:
            assert {p for form in forms_of_word(word) for p in k.where(form)} == set(), word


@WHEN
def test_words_stand_where_the_document_says(kept, when):
    k = kept[when]
    database = {"martlet.db", "martlet.db-wal"}
    for words in k.words:
        for word in words.for_users:
            found = {p for form in forms_of_word(word) for p in k.where(form)} - database
            assert found and found <= FOR_ADDRESSES | {"destination.name"}, (word, found)
        for word, places in words.somewhere.items():
            assert {p for form in forms_of_word(word) for p in k.where(form)} - database == places, word


def test_deleted_words_stand_nowhere(kept):
    """Within a minute of the deletion, in a relay that runs on."""
    k = kept["deleted"]
    for words in k.words:
        for word in words.kept():
            assert {p for form in forms_of_word(word) for p in k.where(form)} == set(), word


@WHEN
def test_logins_to_the_day(kept, when):
    """And nothing about an account or a device that is finer: no number there is as large as a time in seconds."""
    days = {value for name, value in kept[when].numbers if name in ("account.last_login_day", "token.day")}
    assert days <= {int(time.time()) // 86400 - 1, int(time.time()) // 86400}
    tables = ("account.", "token.", "mailbox.", "crowded.", "sender.")
    large = {name for name, value in kept[when].numbers if value > 10**8 and name.startswith(tables)}
    assert large <= {"mailbox.uid_validity"}


def test_what_is_delivered_says_nothing_of_the_client(kept):
    for number, messages in zip(ROUNDS, kept["messages"]):
        assert len(messages) == 2  # what was sent thrice is there once
        own = [m for m in messages.values() if b"@[" not in m]
        for message in own:
            names = {name.lower() for name, _ in mail.parse_header(message)}
            assert not names & {"received", "x-originating-ip", "x-mailer", "user-agent", "x-forwarded-for"}, names
            for form in (address_of("submission", number), f"198.51.100.{number}", Words(number).word("greeting")):
                assert form.encode() not in message
        for message in messages.values():
            assert mail.header_values(message, "Received") == []


def test_the_search_finds():
    """Each way of writing, wherever it stands."""
    address = address_of("imap", ROUNDS[0])
    forms = list(forms_of_address(address))
    for before in range(4):
        for data in (address.encode(), socket.inet_aton(address)):
            text = base64.b64encode(b"x" * before + data + b"yy")
            assert any(form in text for form in forms), (before, data, text)
    assert hashlib.sha256(address.encode()).digest()[:8] in forms
    assert b"3d" in b"".join(forms)
