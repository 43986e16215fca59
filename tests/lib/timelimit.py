# SPDX-License-Identifier: MIT
"""How long tests wait. None of it is a promise of the relay's: it only ends what hangs, and is so long that a slow and
busy machine never gets there. A machine that is slower still has TEST_PATIENCE in its environment, a factor.

As a pytest plugin: each phase of each test has a time limit, DEFAULT or the more that @pytest.mark.limit(seconds) says.
"""
import faulthandler
import os
import signal
import sys

import pytest

DEFAULT = 300  # seconds of a phase of a test
GUARD = 60  # of one wait within it
PATIENCE = int(os.environ.get("TEST_PATIENCE", "1"))


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long a test, or one of its fixtures, may take")


def limited(item):
    mark = item.get_closest_marker("limit")
    seconds = max(mark.args[0] if mark else 0, DEFAULT) * PATIENCE

    def on_alarm(number, frame):
        faulthandler.dump_traceback(file=sys.__stderr__)
        pytest.fail(f"longer than {seconds} s", pytrace=True)

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_setup(item):
    yield from limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    yield from limited(item)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_teardown(item):
    yield from limited(item)
