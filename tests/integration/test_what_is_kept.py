# SPDX-License-Identifier: MIT
"""docs/privacy.md lists every column of the store and every file of the state directory, and nothing else."""
import re
import signal
import sqlite3

import mail
import pytest
import test_acme
from acme_ca import is_possible
from admin import run
from relay import TOP, Relay, wait_until

DOC = (TOP / "docs" / "privacy.md").read_text()
# Needs a day, or a DNS of its own: test_dns_watch.py has it.
MADE_ELSEWHERE = {"dns/verdict"}
PLACEHOLDERS = {"HEX": "[0-9a-f]+", "NAME": r"[\w.-]+", "SELECTOR": r"[\w.-]+", "TIME": r"\d+"}


def table_of(title):
    """The rows of the table in a section, each a list of its cells."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## )", DOC, re.MULTILINE | re.DOTALL).group(1)
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in section.splitlines() if line[:2] == "| "]
    assert len({len(row) for row in rows}) == 1 and len(rows) > 10, [row for row in rows if len(row) != len(rows[0])]
    assert all(all(row) for row in rows), "what, why or how long is not said"
    return rows[1:]


def listed_columns():
    listed = [f"{row[0]}.{name}".replace("`", "") for row in table_of("Every table and column") for name in row[1].split(", ")]
    assert len(listed) == len(set(listed)), "a column is listed twice"
    return set(listed)


def listed_files():
    listed = [name.strip("`") for row in table_of("Every file") for name in row[0].split(", ")]
    assert len(listed) == len(set(listed))
    return {name: re.sub("|".join(PLACEHOLDERS), lambda m: PLACEHOLDERS[m[0]], re.escape(name)) for name in listed}


def files_of(relay):
    """But one that is about to replace another."""
    names = (str(p.relative_to(relay.state)) for p in relay.state.rglob("*") if not p.is_dir())
    return sorted(name for name in names if not name.endswith(".new"))


def assert_listed(files):
    """Each has its line, and just one. Returns the lines that were met."""
    met = {f: [name for name, pattern in listed_files().items() if re.fullmatch(pattern, f)] for f in files}
    assert [f for f, names in met.items() if len(names) != 1] == [], "not in docs/privacy.md"
    return {names[0] for names in met.values()}


@pytest.fixture(scope="module")
def kept():
    """A relay in development with all that it can have; what stood in its directory, and its columns."""
    with Relay() as relay:
        account = relay.new_account()
        with relay.smtp(account) as smtp:
            large = mail.encrypted(account.address, size=100_000)
            assert smtp.send_message(account.address, [account.address], large)[0] == 250
        # Another key than the one that has signed so far.
        run(relay, "dkim", "rotate")
        (relay.state / "dkim" / "opendkim.pem").unlink()
        relay.signal(signal.SIGHUP)
        wait_until((relay.state / "dkim" / "active").exists, 10, "the choice of another key")
        db = sqlite3.connect(relay.state / "martlet.db")
        # table_xinfo has generated and hidden columns, too.
        columns = {
            f"{table}.{column}"
            for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            for (column,) in db.execute("SELECT name FROM pragma_table_xinfo(?)", (table,))
        }
        virtual = db.execute("SELECT count(*) FROM sqlite_schema WHERE type = 'view' OR sql LIKE '%VIRTUAL%'").fetchone()
        db.close()
        assert virtual == (0,)
        yield files_of(relay), columns


def test_every_column_is_listed(kept):
    assert sorted(kept[1] - listed_columns()) == [], "not in docs/privacy.md"


def test_every_line_has_its_column(kept):
    assert sorted(listed_columns() - kept[1]) == [], "docs/privacy.md lists what is not there"


def test_every_file_is_listed(kept):
    assert assert_listed(kept[0]) >= {"bodies/HEX/HEX", "dkim/SELECTOR.pem"}


@pytest.mark.skipif(not is_possible(), reason="needs root, pebble, uacme")
@pytest.mark.limit(90)
def test_every_line_has_its_file(kept):
    """With those of a relay whose certificates come from an authority, and have been renewed once."""
    with test_acme.service(validity_s=6) as (relay, _):
        test_acme.issued(relay, 2)
        wait_until(lambda: assert_listed(files_of(relay)) >= {"acme/NAME/cert.pem"}, 10, "a certificate")
        met = assert_listed(files_of(relay)) | assert_listed(kept[0])
    assert sorted(set(listed_files()) - met - MADE_ELSEWHERE) == [], "docs/privacy.md lists what is not there"
