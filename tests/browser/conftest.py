# SPDX-License-Identifier: MIT
"""One browser, one preview and one relay for all tests."""
import browser
import pytest
from preview import Preview

pytest_plugins = ["timelimit", "relay_fixture", "turn_lab"]


@pytest.fixture(scope="session")
def driver():
    d = browser.start()
    yield d
    d.quit()


@pytest.fixture(scope="session")
def preview():
    with Preview() as p:
        yield p
