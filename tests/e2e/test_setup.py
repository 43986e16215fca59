# SPDX-License-Identifier: MIT
"""How a client comes to the relay: by the link that `martlet dev` prints, and by nothing but the domain."""
import os
import pathlib
import re
import subprocess
import sys

import pytest
from relay import Account, Relay
from timelimit import GUARD, PATIENCE

HERE = pathlib.Path(__file__).resolve().parent


def test_printed_link(cores, version):
    """The dclogin: link on the terminal is all that a developer needs."""
    with Relay() as relay:
        link = re.search(r"dclogin:\S+", "\n".join(relay.output), re.IGNORECASE)
        assert link, relay.all_output()
        profile = cores(version).new_profile("Dev").login(link.group(0))
        assert profile.address.endswith("@_martlet.test")
        profile.stop_io()


def half_blocks_to_pgm(lines, scale=4):
    """The picture that a terminal shows: each character is two pixels, the upper and the lower one."""
    upper, lower = {" ": 0, "▀": 1, "▄": 0, "█": 1}, {" ": 0, "▀": 0, "▄": 1, "█": 1}
    rows = [[table[c] for c in line] for line in lines for table in (upper, lower)]
    pixels = b"".join(bytes(255 * p for p in row for _ in range(scale)) * scale for row in rows)
    return b"P5 %d %d 255\n" % (len(rows[0]) * scale, len(rows) * scale) + pixels


def test_printed_code(tmp_path):
    """The code on the terminal is the printed link, as a camera reads it."""
    with Relay() as relay:
        link = re.search(r"dclogin:\S+", "\n".join(relay.output)).group(0)
        lines = [line for line in relay.output if line.strip() and set(line) <= set(" ▀▄█")]
        picture = tmp_path / "code.pgm"
        picture.write_bytes(half_blocks_to_pgm(lines))
        done = subprocess.run(["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, timeout=GUARD * PATIENCE)
        assert done.stdout.strip() == link


def test_wrong_password(cores, relay, version):
    """An existing account does not open to another password, and the user is told."""
    account = relay.new_account()
    intruder = cores(version).new_profile("Intruder")
    with pytest.raises(Exception, match="(?i)authentication|password"):
        intruder.add_transport_from_qr(relay.dclogin(Account(account.address, "not-the-password")))


def test_domain_alone_on_standard_ports(version):
    """dcaccount:DOMAIN in a network of its own: no autoconfig, so the client finds 993 and 465 by itself."""
    unshare = ["unshare", "-nm"] if os.geteuid() == 0 else ["unshare", "--map-current-user", "--keep-caps", "-nm"]
    done = subprocess.run(
        [*unshare, sys.executable, HERE / "standard_ports.py", version],
        capture_output=True,
        text=True,
        timeout=4 * GUARD * PATIENCE,
        env=os.environ,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "texts exchanged" in done.stdout
