# SPDX-License-Identifier: MIT
"""Genuine clients come by the web: a domain, a link, an invitation; and through port 443 when nothing else is open."""
import json
import os
import pathlib
import subprocess
import sys

import pytest
from relay import binary_path

HERE = pathlib.Path(__file__).resolve().parent
TARGET_MS = 150
SLOW_BUILD_MS = 1500  # sanitizers, and a machine that does other things, too


def has_sanitizers():
    return b"__asan_init" in binary_path().read_bytes()


def run_in_namespace(version, scenario):
    unshare = ["unshare", "-nm"] if os.geteuid() == 0 else ["unshare", "--map-current-user", "--keep-caps", "-nm"]
    done = subprocess.run(
        [*unshare, sys.executable, HERE / "web_ports.py", version, scenario],
        capture_output=True,
        text=True,
        timeout=110,
        env=os.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    print(version, scenario, figures)
    return figures


@pytest.mark.limit(120)
def test_domain_and_link(version):
    """dcaccount:DOMAIN and dcaccount:https://DOMAIN/new, from the tap to a configured profile."""
    figures = run_in_namespace(version, "links")
    for kind in ("domain", "url"):
        assert figures[kind]["median"] < (SLOW_BUILD_MS if has_sanitizers() else TARGET_MS), figures


@pytest.mark.limit(120)
def test_through_port_443_alone(version):
    """The autoconfig file names 443, and a login link may: receiving and sending go through it."""
    run_in_namespace(version, "only_443")


@pytest.mark.limit(120)
def test_by_invitation(version):
    """Without an invitation no account, with it one, and then the client tells why there is none."""
    said = run_in_namespace(version, "invited")
    assert "by invitation only" in said["without"]
    assert "This invitation is not valid" in said["again"]
    assert "by domain" in said
