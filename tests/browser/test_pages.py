# SPDX-License-Identifier: MIT
"""Each page in each language, light and dark, on phone and desktop, as a browser without scripts shows it."""
import html.parser
import json
import os
import re
import urllib.parse

import browser
import pytest
import relay
from browser import DESKTOP, PHONE, SMALL_PHONE

TEXTS = {path.stem: json.loads(path.read_text()) for path in sorted((relay.TOP / "www" / "strings").glob("*.json"))}
# As WebDriver tells what is shown: it makes plain blanks of those that do not break.
SHOWN = {language: {key: t.replace("\u00a0", " ") for key, t in texts.items()} for language, texts in TEXTS.items()}
LANGUAGES = ["en", "de", "ru", "fa", "es", "fr", "pl"]
RIGHT_TO_LEFT = {"fa"}
PAGES = {"index": "", "info": "info", "privacy": "privacy", "404": "no-such-page"}
DOMAIN = "chat.example.org"
PLURALS = {"en": 2, "de": 2, "es": 2, "fr": 2, "fa": 2, "ru": 4, "pl": 4}
SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder for pictures of every page, to be looked at
MAX_WEIGHT = 60_000  # octets of a page with all it needs, before compression


class Markup(html.parser.HTMLParser):
    """The elements of a page, in order: (tag, attributes)."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def attributes(self, name):
        return [attrs[name] for _, attrs in self.elements if name in attrs]


def path_of(page, language):
    return f"/{language}/{PAGES[page]}"


@pytest.fixture(scope="module")
def markup(preview):
    """Every page as it comes over the wire: {(page, language): Markup}."""
    return {
        (page, language): Markup(preview.fetch(path_of(page, language)).text())
        for page in PAGES
        for language in LANGUAGES
    }


def check_measurements(found, where):
    assert found["dim"] == [], f"{where}: contrast below WCAG AA"
    assert not found["scrolls"] and found["stray"] == [], f"{where}: wider than the screen: {found['stray']}"
    assert found["broken"] == [], f"{where}: broken words"
    assert found["small"] == [], f"{where}: too small"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("page", PAGES)
def test_page_as_it_is_shown(driver, preview, page, language):
    browser.console(driver)
    browser.set_screen(driver, PHONE, dark=False)
    driver.get(preview.url + path_of(page, language))
    for size in (PHONE, SMALL_PHONE, DESKTOP):
        for dark in (False, True):
            browser.set_screen(driver, size, dark)
            found = browser.measure(driver, DOMAIN)
            shown = f"{page} {language} {size[0]} {'dark' if dark else 'light'}"
            check_measurements(found, shown)
            if SCREENSHOTS and size != SMALL_PHONE:
                browser.screenshot(driver, f"{SCREENSHOTS}/{shown.replace(' ', '-')}.png")
    assert found["lang"] == language
    assert found["dir"] == ("rtl" if language in RIGHT_TO_LEFT else "ltr")
    assert found["unisolated"] == [], "a domain outside <bdi>"
    complaints = [c for c in browser.console(driver) if page != "404" or "no-such-page" not in c]
    assert complaints == []
    if language != "en":
        english = {text for text in TEXTS["en"].values() if len(text) > 12}
        assert [text for text in found["texts"] if text in english] == []


def test_texts_are_complete():
    """No language lacks a text, has one too many, or leaves out the values that the English one shows."""
    assert sorted(TEXTS) == sorted(LANGUAGES)
    plural = re.compile(r"\.(one|few|many|other)$")
    wanted = {plural.sub("", key) for key in TEXTS["en"]}
    units = {plural.sub("", key) for key in TEXTS["en"] if plural.search(key)}
    for language, texts in TEXTS.items():
        assert {plural.sub("", key) for key in texts} == wanted, language
        assert all(text.strip() for text in texts.values()), language
        for unit in units:
            forms = [texts[key] for key in texts if plural.sub("", key) == unit]
            assert len(forms) == PLURALS[language], f"{language} {unit}"
            assert all("{{n}}" in form for form in forms), f"{language} {unit}"
        for key in wanted & set(texts):
            tags = [sorted(re.findall(r"\{\{[^}]*\}\}|href=\"[^\"]*\"", t)) for t in (texts[key], TEXTS["en"][key])]
            assert tags[0] == tags[1], f"{language} {key}"


def test_no_page_needs_scripts_or_foreign_things(markup):
    for where, page in markup.items():
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"script", "style", "iframe", "object", "embed", "form", "base"}, where
        for tag, attrs in page.elements:
            assert not [name for name in attrs if name == "style" or name.startswith("on")], where
            loads = attrs.get("src") or (attrs.get("href") if tag == "link" else None)
            assert loads is None or loads.startswith("/"), f"{where}: {loads}"


def test_every_link_leads_somewhere(preview, markup):
    answers = {}
    for where, page in markup.items():
        ids = set(page.attributes("id"))
        for link in page.attributes("href") + page.attributes("src"):
            scheme = urllib.parse.urlsplit(link).scheme
            if link.startswith("#"):
                assert link[1:] in ids, f"{where}: {link}"
            elif scheme == "":
                if link not in answers:
                    answers[link] = preview.fetch(link).status
                assert answers[link] == 200, f"{where}: {link}"
            else:
                assert scheme in ("https", "mailto", "dcaccount", "dclogin"), f"{where}: {link}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_page_is_light(preview, markup, language):
    for page in PAGES:
        parts = [path_of(page, language)] + [
            attrs.get("src") or attrs["href"]
            for tag, attrs in markup[page, language].elements
            if tag == "img" or (tag == "link" and attrs.get("rel") in ("icon", "stylesheet"))
        ]
        weight = sum(len(preview.fetch(part).body) for part in parts)
        assert weight < MAX_WEIGHT, f"{page} {language}: {weight} octets"


def test_language_switch(driver, preview):
    """By hand: it is in sight, each language names itself, and it keeps the page."""
    browser.set_screen(driver, PHONE, dark=False)
    for page in ("index", "info", "privacy"):
        driver.get(preview.url + path_of(page, "en"))
        driver.find_element("css selector", ".top-languages").click()
        browser.wait_url(driver, preview.url + path_of(page, "en") + "#languages")
        links = driver.find_elements("css selector", "#languages a")
        assert [link.get_attribute("hreflang") for link in links] == [link.get_attribute("lang") for link in links]
        assert {link.get_attribute("lang"): link.text for link in links} == {
            language: TEXTS[language]["nav.language"] for language in LANGUAGES
        }
        assert all(link.is_displayed() for link in links)
        for language in ("fa", "ru", "en"):
            driver.find_element("css selector", f"#languages a[lang={language}]").click()
            browser.wait_url(driver, preview.url + path_of(page, language))
            current = driver.find_elements("css selector", "#languages a[aria-current]")
            assert [link.get_attribute("lang") for link in current] == [language]


def test_keyboard_reaches_the_content_first(driver, preview):
    browser.set_screen(driver, DESKTOP, dark=False)
    driver.get(preview.url + "/fa/info")
    driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Tab", "windowsVirtualKeyCode": 9})
    skip = driver.switch_to.active_element
    assert skip.get_attribute("href").endswith("#main")
    box = skip.rect
    assert box["x"] >= 0 and box["x"] + box["width"] <= DESKTOP[0] and box["y"] >= 0
    outline = driver.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_right_to_left_is_mirrored(driver, preview):
    """The brand stands at the start, the code at the end, and arrow and bird fly the other way."""
    browser.set_screen(driver, DESKTOP, dark=False)
    places = {}
    for language in ("en", "fa"):
        driver.get(f"{preview.url}/{language}/")
        x = {s: driver.find_element("css selector", s).rect["x"] for s in (".brand", "#qr-link", ".button")}
        flips = driver.execute_script(
            "return ['.button .arrow', '.brand .bird', '.flight'].map("
            "s => new DOMMatrix(getComputedStyle(document.querySelector(s)).transform).a)"
        )
        places[language] = (x[".brand"] < DESKTOP[0] / 2, x["#qr-link"] > x[".button"], flips)
    assert places["en"] == (True, True, [1, 1, 1])
    assert places["fa"] == (False, False, [-1, -1, -1])


def test_numbers_of_the_configuration_are_shown(preview):
    text = preview.fetch("/fa/info").text()
    for number in ("۳۰", "۵۰۰", "۶۰", "۱۰"):
        assert re.search(rf"(?<![۰-۹]){number}(?![۰-۹])", text), number
    text = preview.fetch("/ru/info").text()
    for phrase in ("30\u00a0МБ", "60\u00a0сообщений"):
        assert phrase in text, phrase
