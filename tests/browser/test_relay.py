# SPDX-License-Identifier: MIT
"""The pages as the relay itself serves them on port 443, with its own headers and a certificate of its own."""
import urllib.parse

import browser
import pytest
import relay as relays
from browser import DESKTOP, PHONE
from test_invitations import links_of, scan
from test_pages import LANGUAGES, check_measurements


@pytest.fixture
def home(relay):
    return f"https://127.0.0.1:{relay.port(443)}"


def account_in(link):
    """The account that a dclogin link holds."""
    address, _, query = link.removeprefix("dclogin:").partition("?")
    return relays.Account(address, urllib.parse.parse_qs(query, strict_parsing=True)["p"][0])


def test_pages_come_whole_and_without_complaint(driver, home):
    browser.console(driver)
    browser.set_screen(driver, DESKTOP, dark=False)
    for path in ("/", "/fa/", *(f"/{language}/info" for language in LANGUAGES), "/privacy"):
        driver.get(home + path)
        margin = driver.execute_script("return getComputedStyle(document.body).margin")
        assert margin == "0px", f"{path} came without its style"
        check_measurements(browser.measure(driver), path)
    assert browser.console(driver) == []


def test_each_visitor_gets_an_account_that_works(driver, relay, home, tmp_path):
    browser.set_screen(driver, PHONE, dark=True)
    seen = set()
    for _ in range(2):
        driver.get(home + "/")
        button, code = links_of(driver)
        assert button == code == scan(driver, tmp_path)
        assert driver.find_element("id", "dclogin-link").get_dom_attribute("href") == button
        account = account_in(button)
        with relay.imap(account) as imap:
            imap.ok("SELECT INBOX")
        seen.add(account.address)
    assert len(seen) == 2


def test_looking_often_costs_nothing(driver, relay, home):
    """Asking for accounts is limited; looking at the page is not, and each look shows a login of its own."""
    connection = relay.http()
    seen = set()
    for _ in range(20):
        connection.request("GET", "/fr/")
        answer = connection.getresponse()
        text = answer.read().decode("utf-8")
        assert answer.status == 200 and "qr-link" in text
        seen.add(text)
    connection.close()
    assert len(seen) == 20


def test_page_that_is_not_there(driver, home):
    for path, language in (("/nothing-here", "en"), ("/fa/nothing/here", "fa")):
        driver.get(home + path)
        assert driver.find_element("css selector", "html").get_dom_attribute("lang") == language
        driver.find_element("css selector", "main a.button").click()
        browser.wait_url(driver, f"{home}/{language}/")
    browser.console(driver)


def test_preview_sends_what_the_relay_sends(preview, relay):
    """What a browser would refuse from the relay it refuses in the preview, too."""
    wanted = (
        "Content-Type",
        "Content-Security-Policy",
        "Referrer-Policy",
        "X-Content-Type-Options",
        "Cross-Origin-Opener-Policy",
        "Permissions-Policy",
    )
    connection = relay.http()
    for path in ("/", "/fa/info", "/style.css", "/favicon.svg", "/no-such-page"):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        got = preview.fetch(path).headers
        assert {name: got.get(name) for name in wanted} == {name: answer.headers.get(name) for name in wanted}, path
        assert all(answer.headers.get(name) for name in wanted), path
    connection.close()
