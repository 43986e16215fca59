# SPDX-License-Identifier: MIT
"""DKIM both ways against OpenDKIM, dkimpy and Mail::DKIM: what we sign they verify, what they sign we verify."""
import base64
import itertools
import re
import subprocess
import time

import dkim
import opendkim
import pytest
import relay
from timelimit import PATIENCE

TOOL = relay.binary_path().parent / "dkim_tool"
PERL = ["perl", relay.TOP / "tests" / "lib" / "mail_dkim.pl"]
DOMAIN = "a.example"
CANONS = ["/".join(pair) for pair in itertools.product(("simple", "relaxed"), repeat=2)]

HEADER = (
    b"From:Alice  <alice@a.example> \r\n"
    b"To: \t bob@b.example,\r\n\t carol@b.example\r\n"
    b"SUBJECT: caf\xc3\xa9 \xff\r\n"
    b"Date:  Tue, 14 Nov 2023 22:13:20 +0000\r\n"
    b"Message-ID: <1@a.example>\r\n"
    b"References: <2@a.example>\r\n \r\n\t <3@a.example>\r\n"
    b"Autocrypt: addr=alice@a.example;\r\n keydata=" + b"A" * 900 + b"\r\n"
    b"Content-Type: multipart/encrypted;\r\n\tprotocol=\"application/pgp-encrypted\"; boundary=b\r\n"
)
# RFC 6376 3.4.3 adds the CRLF that is missing; Mail::DKIM does not.
UNENDED = "no final line end"
BODIES = {
    "plain": b"Hello\r\n",
    "two paragraphs": b"Hello\r\n\r\nworld\r\n",
    "empty": b"",
    "one empty line": b"\r\n",
    "empty lines": b"\r\n" * 20,
    UNENDED: b"Hello\r\nworld",
    "trailing lines": b"Hello\r\n\r\n\r\n\r\n",
    "leading lines": b"\r\n\r\n\r\nHello\r\n",
    "trailing blanks": b"Hello \t \r\nworld\t\r\n",
    "blank lines of blanks": b"Hello\r\n \t\r\n  \r\nworld\r\n \r\n\t\r\n",
    "only blanks": b" \r\n\t\r\n",
    "inner blanks": b" \tHello \t  world  \r\n\tx\r\n",
    "8-bit": b"caf\xc3\xa9 \xff\xfe\x80\r\n",
    "dots": b".\r\n..\r\n.dot\r\n",
    "long line": b"x" * 5000 + b"\r\n",
    "large": b"".join(b"line %d  of many \r\n" % n for n in range(4000)),
}


def run(*command, data=b""):
    return subprocess.run([str(c) for c in command], input=data, stdout=subprocess.PIPE, check=True, timeout=240 * PATIENCE).stdout


class Keys:
    """Private keys, and the records of their public halves in the file that all implementations read."""

    def __init__(self, folder):
        self.path = folder / "records"
        self.records = {}
        self.pem = {}
        for bits in (1024, 2048, 3072, 4096):
            pem = folder / f"rsa{bits}.pem"
            run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", pem)
            self.add(f"rsa{bits}", pem)
        for kind in ("rsa", "ed25519"):
            pem = folder / f"own-{kind}.pem"
            pem.write_bytes(run(TOOL, "keygen", kind))
            self.add(f"own-{kind}", pem)
        self.path.write_text("".join(f"{name} {text}\n" for name, text in self.records.items()))

    def add(self, selector, pem):
        self.pem[selector] = pem
        self.records[f"{selector}._domainkey.{DOMAIN}"] = run(TOOL, "record", pem).decode()

    def dnsfunc(self, name, timeout=5):
        return self.records.get(name.decode().rstrip(".")).encode()

    def seed(self, selector):
        """An ed25519 key as dkimpy wants it."""
        der = run("openssl", "pkey", "-in", self.pem[selector], "-outform", "DER")
        return base64.b64encode(der[-32:])


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return Keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def odkim(keys):
    library = opendkim.OpenDkim(keys.path)
    yield library
    library.close()


def algorithm_of(selector):
    return "ed25519-sha256" if "ed25519" in selector else "rsa-sha256"


def verified_here(keys, message, domain=DOMAIN, now=None):
    return run(TOOL, "verify", domain, now or int(time.time()), keys.path, data=message).decode().strip()


def verified_by_dkimpy(keys, message, index=0):
    return dkim.DKIM(message).verify(index, dnsfunc=keys.dnsfunc)


def written(folder, messages):
    """Their files."""
    for number, message in enumerate(messages):
        (folder / f"{number}.eml").write_bytes(message)
    return [folder / f"{number}.eml" for number in range(len(messages))]


def all_verified_here(keys, folder, messages):
    """As verified_here(), of many by one process."""
    paths = written(folder, messages)
    return run(TOOL, "verify", DOMAIN, int(time.time()), keys.path, *paths).decode().splitlines()


def verified_by_mail_dkim(keys, folder, messages):
    return run(*PERL, "verify", keys.path, *written(folder, messages)).decode().splitlines()


def sign_here(keys, selector, canon, message, more=""):
    tags = f"v=1; a={algorithm_of(selector)}; c={canon}; d={DOMAIN}; s={selector}; {more}"
    tags += "\r\n\th=From : to:subject:Date:\r\n message-id:references:from:to:x-none:autocrypt"
    return run(TOOL, "sign", tags, keys.pem[selector], data=message)


@pytest.mark.parametrize("selector", ["rsa1024", "rsa2048", "rsa3072", "rsa4096", "own-rsa", "own-ed25519"])
def test_they_verify_ours(keys, odkim, tmp_path, selector):
    bodies = BODIES if selector in ("own-rsa", "own-ed25519") else {"plain": BODIES["plain"]}
    cases = [(name, canon, HEADER + b"\r\n" + body) for name, body in bodies.items() for canon in CANONS]
    signed = [sign_here(keys, selector, canon, message) for _, canon, message in cases]
    ours = all_verified_here(keys, tmp_path, signed)
    for (name, canon, _), message, verdict in zip(cases, signed, ours, strict=True):
        assert verdict == "pass", (name, canon)
        assert verified_by_dkimpy(keys, message), (name, canon)
        assert odkim.verify(message) == "ok", (name, canon)
    if "ed25519" not in selector:  # Debian's Mail::DKIM knows RSA alone
        for (name, canon, _), result in zip(cases, verified_by_mail_dkim(keys, tmp_path, signed)):
            assert result == "pass" or name == UNENDED, (name, canon)


@pytest.mark.parametrize("selector", ["own-rsa", "own-ed25519"])
def test_we_verify_theirs(keys, odkim, tmp_path, selector):
    algorithm = algorithm_of(selector)
    pem = keys.pem[selector].read_bytes()
    private = keys.seed(selector) if "ed25519" in selector else pem
    theirs = {}
    for (name, body), canon in itertools.product(BODIES.items(), CANONS):
        message = HEADER + b"\r\n" + body
        fields = {
            "dkimpy": dkim.sign(
                message,
                selector.encode(),
                DOMAIN.encode(),
                private,
                canonicalize=tuple(canon.encode().split(b"/")),
                signature_algorithm=algorithm.encode(),
                linesep=b"\r\n",
            ),
            "dkimpy, l=": dkim.sign(
                message,
                selector.encode(),
                DOMAIN.encode(),
                private,
                canonicalize=tuple(canon.encode().split(b"/")),
                signature_algorithm=algorithm.encode(),
                linesep=b"\r\n",
                length=True,
            ),
        }
        # With a simple header OpenDKIM does not verify its own ed25519 signatures either.
        if algorithm == "rsa-sha256" or canon.startswith("relaxed"):
            fields["OpenDKIM"] = odkim.sign(message, pem, DOMAIN, selector, canon, algorithm)
            assert odkim.verify(fields["OpenDKIM"] + message) == "ok"
        theirs.update({(who, name, canon): field + message for who, field in fields.items()})
    for case, verdict in zip(theirs, all_verified_here(keys, tmp_path, theirs.values()), strict=True):
        assert verdict == "pass", case


def test_we_verify_mail_dkim(keys, tmp_path):
    signed = {}
    for (name, body), canon in itertools.product(BODIES.items(), CANONS):
        if name == UNENDED:
            continue
        message = HEADER + b"\r\n" + body
        path = tmp_path / "m.eml"
        path.write_bytes(message)
        field = run(*PERL, "sign", keys.pem["own-rsa"], DOMAIN, "own-rsa", canon, path)
        signed[name, canon] = field + message
    forged = [message.replace(b"<alice", b"<mallory") for message in signed.values()]
    for case, verdict in zip(signed, all_verified_here(keys, tmp_path, signed.values()), strict=True):
        assert verdict == "pass", case
    assert all(verdict.startswith("fail") for verdict in all_verified_here(keys, tmp_path, forged))


# ---- the relay's own signatures ----


def sign_as_relay(keys, message, *selectors):
    pairs = [word for selector in selectors for word in (selector, keys.pem[selector])]
    return run(TOOL, "relay", DOMAIN, int(time.time()), *pairs, data=message)


def test_relay_signatures(keys, odkim, tmp_path):
    for name, body in BODIES.items():
        message = HEADER + b"\r\n" + body
        signed = sign_as_relay(keys, message, "own-rsa", "own-ed25519")
        assert signed.endswith(message)
        prefix = signed[: -len(message)]
        assert all(len(line) <= 78 for line in prefix.split(b"\r\n"))
        assert verified_here(keys, signed) == "pass", name
        assert verified_by_dkimpy(keys, signed, 0) and verified_by_dkimpy(keys, signed, 1), name
        assert odkim.verify(signed) == "ok", name
        fields = re.split(rb"\r\n(?! )", prefix)[:-1]
        assert len(fields) == 2
        for field in fields:
            assert odkim.verify(field + b"\r\n" + message) == "ok", name
            assert verified_here(keys, field + b"\r\n" + message) == "pass", name
        alone = sign_as_relay(keys, message, "own-rsa")
        assert verified_by_mail_dkim(keys, tmp_path, [alone]) == ["pass"] or name == UNENDED, name


@pytest.mark.parametrize("name", ["From", "Subject", "To", "Cc", "Reply-To", "Autocrypt", "List-Id", "Resent-From"])
def test_nothing_can_be_added(keys, odkim, name):
    signed = sign_as_relay(keys, HEADER + b"\r\n" + BODIES["plain"], "own-rsa", "own-ed25519")
    forged = b"%s: mallory@a.example\r\n" % name.encode() + signed
    assert verified_here(keys, forged).startswith("fail")
    assert odkim.verify(forged) != "ok"
    assert verified_here(keys, b"X-Spam: no\r\n" + signed) == "pass"


# ---- l=, x=, oversigning as the others write them ----


@pytest.mark.parametrize("canon", CANONS)
def test_lengths(keys, odkim, tmp_path, canon):
    message = HEADER + b"\r\n" + BODIES["two paragraphs"]
    pem = keys.pem["own-rsa"].read_bytes()
    for length in (0, 5, 7):
        field = odkim.sign(message, pem, DOMAIN, "own-rsa", canon, length=length)
        assert f"l={length};".encode() in field
        assert verified_here(keys, field + message) == "pass partial"
        assert verified_here(keys, field + message + b"appended\r\n") == "pass partial"
        ours = sign_here(keys, "own-rsa", canon, message, f"l={length};")
        assert odkim.verify(ours + b"appended\r\n") == "ok"
        assert verified_by_dkimpy(keys, ours + b"appended\r\n")
        if length > 0:  # Mail::DKIM takes l=0 for none
            assert verified_by_mail_dkim(keys, tmp_path, [ours + b"appended\r\n"]) == ["pass"]
    beyond = sign_here(keys, "own-rsa", canon, message, "l=1000;")
    assert verified_here(keys, beyond) == "fail body hash differs"


def test_times(keys, odkim):
    message = HEADER + b"\r\n" + BODIES["plain"]
    now = int(time.time())
    for tags, want in (
        (f"t={now}; x={now + 3600};", True),
        (f"t={now - 7200}; x={now - 3600};", False),
        (f"t={now + 7200};", False),
        (f"t={now}; x={now - 3600};", False),
    ):
        signed = sign_here(keys, "own-rsa", "relaxed/relaxed", message, tags)
        assert verified_here(keys, signed).startswith("pass" if want else "fail"), tags
        assert (odkim.verify(signed) == "ok") == want, tags


def test_oversigned_by_opendkim(keys, odkim):
    message = HEADER + b"\r\n" + BODIES["plain"]
    odkim.sign_only(["from+", "to+", "subject+", "cc+", "reply-to+", "date"])
    field = odkim.sign(message, keys.pem["own-rsa"].read_bytes(), DOMAIN, "own-rsa", "relaxed/simple")
    assert verified_here(keys, field + message) == "pass"
    for added in (b"Cc: x@y\r\n", b"From: mallory@a.example\r\n", b"Subject: no\r\n"):
        assert verified_here(keys, field + added + message).startswith("fail")


@pytest.mark.parametrize(
    "text, want",
    [
        ("{}", "pass"),
        ('"{}"', "pass"),
        ("", "fail no key record"),
        ("!", "temperror"),
        ("v=DKIM1;k=rsa;p=", "fail key revoked"),
        ("v=spf1 -all", "fail not a DKIM1 record"),
        ("{};p=AAAA", "fail bad key record"),
    ],
)
def test_records(keys, tmp_path, text, want):
    name = f"own-rsa._domainkey.{DOMAIN}"
    record = keys.records[name]
    if '"' in text:  # what a zone file may have left in it
        record = re.sub("(.{40})", r'\1" \t"', record)
    path = tmp_path / "records"
    path.write_text(f"{name} {text.format(record)}\n" if text else "")
    message = sign_here(keys, "own-rsa", "relaxed/simple", HEADER + b"\r\n" + BODIES["plain"])
    got = run(TOOL, "verify", DOMAIN, int(time.time()), path, data=message).decode()
    assert got.startswith(want)
    assert verified_here(keys, message, "other.example").startswith("fail")
