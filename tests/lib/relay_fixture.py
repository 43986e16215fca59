# SPDX-License-Identifier: MIT
"""A pytest plugin: one relay for all tests that leave it whole, and after each of them a look at its log."""
import pytest
from relay import NO_RATE, Relay


@pytest.fixture(scope="session")
def relay():
    with Relay(settings=NO_RATE) as r:
        yield r


@pytest.fixture(autouse=True)
def relay_log_is_clean(request):
    yield
    if "relay" in request.fixturenames:
        request.getfixturevalue("relay").check_log()
