# SPDX-License-Identifier: MIT
"""One headless Chromium for all tests, with scripts disabled for the pages (the tests' own still run), and what is
measured in a page: contrast, overflow, direction."""
import base64
import pathlib
import subprocess

from selenium import webdriver
from ports import free_port
from relay import wait_until
from selenium.webdriver.chrome.service import Service
from timelimit import GUARD, PATIENCE

PHONE, SMALL_PHONE, DESKTOP = (390, 844), (320, 640), (1280, 900)
MEASURE = (pathlib.Path(__file__).parent / "measure.js").read_text()


def start(*more):
    options = webdriver.ChromeOptions()
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
        "--disable-component-update",
        "--hide-scrollbars",
        "--lang=en",
        *more,
    ):
        options.add_argument(argument)
    options.accept_insecure_certs = True  # a relay that tests itself signs its own certificate
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver", port=free_port()))
    driver.set_page_load_timeout(2 * GUARD * PATIENCE)
    driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    return driver


def set_screen(driver, size, dark):
    width, height = size
    driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 800},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme, still]})


def wait_url(driver, url):
    """After a click, which a busy browser may not have followed yet: until that page is there."""

    def is_there():
        return driver.current_url == url and driver.execute_script("return document.readyState") == "complete"

    wait_until(is_there, GUARD, url)


def measure(driver, domain=""):
    """What measure.js finds in the page as it is shown now."""
    return driver.execute_script(MEASURE, domain)


def console(driver):
    """What the browser complained of since the last call."""
    return [entry["message"] for entry in driver.get_log("browser")]


def screenshot(driver, path):
    """The whole page, below the screen too."""
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))


def picture_of(driver, element):
    """An element as PNG, also where the screen ends before it does."""
    clip = {**element.rect, "scale": 1}
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
    return base64.b64decode(shot["data"])


def decode_qr(picture, folder):
    """The text in the QR code of a PNG."""
    path = pathlib.Path(folder) / "qr.png"
    path.write_bytes(picture)
    done = subprocess.run(
        ["zbarimg", "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", str(path)],
        capture_output=True,
        text=True,
        timeout=GUARD * PATIENCE,
    )
    return done.stdout.strip()
