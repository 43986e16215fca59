# SPDX-License-Identifier: MIT
"""A pytest plugin: each phase of each test has a time limit, 60 s or what @pytest.mark.limit(seconds) says, on a slow machine
(TEST_PATIENCE in the environment) a multiple of that."""
import faulthandler
import os
import signal
import sys

import pytest

DEFAULT = 60
PATIENCE = int(os.environ.get("TEST_PATIENCE", "1"))


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long a test, or one of its fixtures, may take")


def limited(item):
    mark = item.get_closest_marker("limit")
    seconds = (mark.args[0] if mark else DEFAULT) * PATIENCE

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
