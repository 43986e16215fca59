# SPDX-License-Identifier: MIT
"""The home page for each kind of registration: its button, its code, and what it says instead."""
import browser
import pytest
from browser import DESKTOP, PHONE, SMALL_PHONE
from preview import Preview
from test_pages import LANGUAGES, SHOWN, check_measurements

TOKEN = "Zm9vYmFyYmF6cXV4MTIzNA"
LONG = "schwalbennestgemeinschaft.nachbarschaftshilfe-oberammergau.example.org"
NO_CONTACT = {key: "" for key in ("privacy_postal", "privacy_mail", "privacy_pdo", "privacy_supervisor")}


def links_of(driver):
    """(link of the button, link of the code), None for what is not there."""
    found = []
    for selector in (".hero a.button", "a#qr-link"):
        elements = driver.find_elements("css selector", selector)
        found.append(elements[0].get_dom_attribute("href") if elements else None)
    return tuple(found)


def scan(driver, tmp_path):
    return browser.decode_qr(browser.picture_of(driver, driver.find_element("id", "qr-code")), tmp_path)


def visit(driver, preview, path, sizes=(PHONE, SMALL_PHONE, DESKTOP)):
    """Opens a home page and holds it to what all pages are held to."""
    browser.console(driver)
    browser.set_screen(driver, sizes[0], dark=False)
    driver.get(preview.url + path)
    for size in sizes:
        for dark in (False, True):
            browser.set_screen(driver, size, dark)
            check_measurements(browser.measure(driver), f"{path} {size} dark={dark}")
    assert browser.console(driver) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_open(driver, preview, tmp_path, language):
    wanted = "DCACCOUNT:https://chat.example.org/new"
    for size in (PHONE, DESKTOP):
        for dark in (False, True):
            browser.set_screen(driver, size, dark)
            driver.get(f"{preview.url}/{language}/")
            assert links_of(driver) == (wanted, wanted)
            assert scan(driver, tmp_path) == wanted
    assert driver.find_element("css selector", ".hero a.button").text == SHOWN[language]["home.button"]
    assert not driver.find_elements("id", "dclogin-link"), "the link is everybody's"
    assert driver.find_elements("css selector", ".steps li")


def test_picture_for_posters(preview, tmp_path):
    answer = preview.fetch("/qr-chatmail-invite-chat.example.org.png")
    assert answer.status == 200 and answer.headers["Content-Type"] == "image/png"
    assert browser.decode_qr(answer.body, tmp_path) == "DCACCOUNT:https://chat.example.org/new"


def test_printed_home_page_is_a_poster(driver, preview, tmp_path):
    """The code, the name and where to find the app; nothing to tap."""
    browser.set_screen(driver, (794, 1123), dark=True)
    driver.get(preview.url + "/fa/")
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert scan(driver, tmp_path) == "DCACCOUNT:https://chat.example.org/new"
        assert driver.find_element("css selector", "h1").is_displayed()
        for hidden in (".top", ".foot", ".hero .button", ".promises"):
            assert not driver.find_element("css selector", hidden).is_displayed(), hidden
        assert browser.measure(driver)["dim"] == []
        assert driver.execute_script("return document.documentElement.scrollHeight") <= 1123, "more than a page"
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_by_invitation(driver, tmp_path):
    with Preview(registration="invite") as p:
        for language in ("en", "fa", "de"):
            visit(driver, p, f"/{language}/")
            assert links_of(driver) == (None, None)
            text = driver.find_element("css selector", ".hero").text
            assert SHOWN[language]["home.by_invitation.title"] in text
            assert not driver.find_elements("css selector", ".steps"), "no steps without a link"
        visit(driver, p, f"/?t={TOKEN}")
        wanted = f"DCACCOUNT:https://chat.example.org/new?t={TOKEN}"
        assert links_of(driver) == (wanted, wanted)
        assert scan(driver, tmp_path) == wanted
        assert driver.find_element("id", "dclogin-link").get_dom_attribute("href") == wanted
        assert SHOWN["en"]["home.invited.title"] in driver.find_element("css selector", ".hero").text


def test_closed(driver):
    with Preview(registration="closed") as p:
        for language in ("en", "fa", "ru"):
            visit(driver, p, f"/{language}/")
            assert links_of(driver) == (None, None)
            assert SHOWN[language]["home.closed.title"] in driver.find_element("css selector", ".hero").text


def test_certificate_that_cannot_be_verified(driver, tmp_path):
    """The visitor gets a login of its own, which is not to be passed on."""
    with Preview(mail_domain="relay.example.org", certificate="self-signed") as p:
        for language in ("en", "fa"):
            visit(driver, p, f"/{language}/")
            button, code = links_of(driver)
            assert button.startswith("dclogin:") and "@relay.example.org?" in button and button == code
            assert scan(driver, tmp_path) == button
            assert driver.find_element("id", "dclogin-link").get_dom_attribute("href") == button
            assert SHOWN[language]["home.own_note"] in driver.find_element("css selector", ".hero").text


def test_long_domain_and_nobody_named(driver):
    """A name of seventy characters fits a small phone; who is not named is not invented."""
    with Preview(mail_domain=LONG, donate_url="", **NO_CONTACT) as p:
        for language in ("en", "fa", "ru"):
            for page in ("", "info", "privacy"):
                visit(driver, p, f"/{language}/{page}", sizes=(SMALL_PHONE, DESKTOP))
                assert not driver.find_elements("css selector", "a[href^='mailto:'], a.quiet")
            assert SHOWN[language]["privacy.controller.none"] in driver.find_element("id", "controller").text
