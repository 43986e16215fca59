# SPDX-License-Identifier: MIT
"""Genuine clients come by the web: a domain, a link, an invitation; and through port 443 when nothing else is open."""
import json
import os
import pathlib
import subprocess
import sys

from relay import binary_path
from timelimit import GUARD, PATIENCE

HERE = pathlib.Path(__file__).resolve().parent
TARGET_MS = 150  # of a release build
# Beside the set-up by a link that names all, which on the same machine takes this: a lookup that waits for somebody who
# does not answer, or a retry, takes seconds.
FACTOR, MORE_MS = 4, 500


def has_sanitizers():
    return b"__asan_init" in binary_path().read_bytes()


def run_in_namespace(version, scenario):
    unshare = ["unshare", "-nm"] if os.geteuid() == 0 else ["unshare", "--map-current-user", "--keep-caps", "-nm"]
    done = subprocess.run(
        [*unshare, sys.executable, HERE / "web_ports.py", version, scenario],
        capture_output=True,
        text=True,
        timeout=4 * GUARD * PATIENCE,
        env=os.environ,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    print(version, scenario, figures)
    return figures


def test_domain_and_link(version):
    """dcaccount:DOMAIN and dcaccount:https://DOMAIN/new, from the tap to a configured profile."""
    figures = run_in_namespace(version, "links")
    for kind in ("domain", "url"):
        assert figures[kind]["min"] < FACTOR * figures["told"]["min"] + MORE_MS, figures
        assert has_sanitizers() or figures[kind]["median"] < TARGET_MS, figures


def test_through_port_443_alone(version):
    """The autoconfig file names 443, and a login link may: receiving and sending go through it."""
    run_in_namespace(version, "only_443")


def test_by_invitation(version):
    """Without an invitation no account, with it one, and then the client tells why there is none."""
    said = run_in_namespace(version, "invited")
    assert "by invitation only" in said["without"]
    assert "This invitation is not valid" in said["again"]
    assert "by domain" in said
