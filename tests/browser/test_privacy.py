# SPDX-License-Identifier: MIT
"""The privacy page, docs/privacy.md and the tables of the store say the same."""
import re

import browser
import relay
from browser import DESKTOP
from test_pages import LANGUAGES, SHOWN, TEXTS

DOC = (relay.TOP / "docs" / "privacy.md").read_text()
PAGE = (relay.TOP / "www" / "privacy.html").read_text()
SCHEMA = (relay.TOP / "src" / "store" / "sqlite" / "schema.c").read_text()
SETTINGS = {"account": "delete_inactive_users_after", "messages": "delete_mails_after"}


def kept():
    """The rows of the first table: (row of the page, where, how long)."""
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|[^|]*\| ([^|]*) \|$", DOC, re.MULTILINE)
    assert len(rows) >= 9
    return rows


def test_every_table_of_the_store_is_accounted_for():
    tables = set(re.findall(r"CREATE TABLE (\w+)", SCHEMA))
    assert tables
    assert [table for table in sorted(tables) if f"`{table}`" not in DOC] == []


def test_what_is_kept_stands_on_the_page():
    on_page = re.findall(r"@privacy\.(?!column)(\w+)\.what}}", PAGE)
    assert set(on_page) == {row for row, _, _ in kept()}
    for row in on_page:
        for column in ("name", "what", "why", "long"):
            assert f"{{{{@privacy.{row}.{column}}}}}" in PAGE


def test_page_shows_the_days_that_the_document_names():
    for row, setting in SETTINGS.items():
        assert any(row == r and setting in how_long for r, _, how_long in kept()), row
        for language in LANGUAGES:
            assert setting in TEXTS[language][f"privacy.{row}.long"], language
    for unit in ("days after the day it was last set", "hours when nobody tries"):
        (number,) = set(re.findall(rf"(\d+) {unit}", DOC))
        assert all(number in TEXTS[lang]["privacy.push.long"] for lang in LANGUAGES if lang != "fa"), unit


def test_page_names_who_is_responsible(driver, preview):
    browser.set_screen(driver, DESKTOP, dark=False)
    for language in LANGUAGES:
        driver.get(f"{preview.url}/{language}/privacy")
        text = driver.find_element("id", "controller").text
        for wanted in (
            "Martina Beispiel",
            "Schwalbenweg 1",
            "privacy@example.org",
            "Robin Muster",
            "supervisor.example.org",
        ):
            assert wanted in text, f"{language}: {wanted}"
        assert SHOWN[language]["privacy.controller.none"] not in text
        rows = driver.find_elements("css selector", "table.data tbody tr")
        assert len(rows) == len({row for row, _, _ in kept()})


def test_pages_set_no_cookie(driver, preview):
    for path in ("/", "/info", "/privacy", "/no-such-page"):
        assert preview.fetch(path).headers.get("Set-Cookie") is None
        driver.get(preview.url + path)
        assert driver.get_cookies() == []
