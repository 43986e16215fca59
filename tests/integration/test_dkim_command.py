# SPDX-License-Identifier: MIT
"""`martlet dkim`: which keys sign, new ones beside them, old ones away; a running relay and its files agree."""
import json
import os
import re
import stat
import time

import pytest
from admin import refused, run
from relay import DOMAIN, NO_RATE, Relay, Service, run_martlet, wait_until


def keys(relay):
    return {r["selector"]: r for r in (json.loads(x) for x in run(relay, "dkim", "--json").stdout.splitlines())}


def files(relay):
    return sorted(p.name for p in (relay.state / "dkim").iterdir() if p.name.endswith(".pem"))


def stay_within_a_day():
    """Selectors are named after the day in UTC; shortly before its end the next one is waited for."""
    left = 86400 - time.time() % 86400
    if left < 120:
        time.sleep(left + 1)


def test_list():
    with Relay(settings=NO_RATE) as relay:
        found = keys(relay)
        assert sorted(found) == ["opendkim", "opendkim-ed25519"]
        assert found["opendkim"]["signs"] and not found["opendkim-ed25519"]["signs"]
        assert found["opendkim"]["name"] == f"opendkim._domainkey.{DOMAIN}"
        text = run(relay, "dkim", "list").stdout
        assert text.startswith("opendkim") and "opendkim (rsa): signs; the DNS was not asked yet\n" in text
        assert "opendkim-ed25519 (ed25519): waits; the DNS was not asked yet\n" in text
        # As a zone file wants it: strings of at most 255 octets that make the record together.
        lines = [line for line in text.splitlines() if " IN TXT " in line]
        assert len(lines) == 2
        for line in lines:
            row = found[line.partition(".")[0]]
            assert line.startswith(f"{row['name']}. 3600 IN TXT ")
            strings = re.findall(r'"([^"]*)"', line)
            assert "".join(strings) == row["record"] and max(map(len, strings)) <= 255
        for name in files(relay):
            info = (relay.state / "dkim" / name).stat()
            assert stat.S_IMODE(info.st_mode) == 0o600 and info.st_uid == relay.state.stat().st_uid


def test_rotate_and_remove():
    stay_within_a_day()
    with Relay(settings=NO_RATE) as relay:
        text = run(relay, "dkim", "rotate").stdout
        rsa, second = re.findall(r"(?m)^(m\d{8}(?:-ed25519)?)\._domainkey", text)
        assert second == f"{rsa}-ed25519" and text.count(" IN TXT ") == 2
        found = keys(relay)
        assert len(found) == 4 and [s for s in found if found[s]["signs"]] == ["opendkim"]
        again = run(relay, "dkim", "rotate").stdout  # the same day
        assert f"{rsa}b._domainkey" in again and f"{rsa}._domainkey" not in again

        assert refused(relay, "dkim", "remove", "opendkim").startswith('the key "opendkim" signs now')
        for none in "nothing", "../opendkim", "", "OPENDKIM":
            assert refused(relay, "dkim", "remove", none).startswith(f'there is no key "{none}"')
        assert "removed" in run(relay, "dkim", "remove", rsa).stdout
        wait_until(lambda: rsa not in keys(relay), 10, "the end of the key")
        once_more = run(relay, "dkim", "rotate").stdout  # half a pair keeps its name
        assert f"{rsa}c._domainkey" in once_more and once_more.count(" IN TXT ") == 2
        # What is made anew under an old name is shown, and not the others whose names only begin so.
        run(relay, "dkim", "remove", second)
        wait_until(lambda: second not in keys(relay), 10, "the end of the second key")
        again = run(relay, "dkim", "rotate").stdout
        assert re.findall(r"(?m)^(m[^.]*)\._domainkey", again) == sorted([rsa, second])
        relay.stop()
        relay.start()
        assert [s for s, row in keys(relay).items() if row["signs"]] == ["opendkim"]


def test_rotate_without_end():
    """More keys than the relay would read are never made: it must start again."""
    with Relay(settings=NO_RATE) as relay:
        for _ in range(20):
            done = run_martlet("dkim", "rotate", "--dir", relay.state)
            if done.returncode != 0:
                break
        assert done.returncode == 1 and "16 keys already; remove old ones" in done.stderr, done
        assert len(files(relay)) == 16
        relay.stop()
        relay.start()
        assert len(keys(relay)) == 16


def test_another_file_of_the_same_name():
    """Reloaded, the relay shows and uses what is in the file now."""
    with Service(settings={**NO_RATE, "dns_forward": "127.0.0.1@9"}) as relay:
        run(relay, "dkim", "rotate")
        before = keys(relay)
        (new,) = (s for s, row in before.items() if s.startswith("m") and row["algorithm"] == "rsa")
        os.replace(relay.state / "dkim" / f"{new}.pem", relay.state / "dkim" / "opendkim.pem")
        relay.reload()
        wait_until(lambda: new not in keys(relay), 10, "the reload")
        assert keys(relay)["opendkim"]["record"] == before[new]["record"]


def test_no_signature_for_an_address(tmp_path):
    with Service(settings={**NO_RATE, "mail_domain": "127.0.0.1"}) as relay:
        assert run(relay, "dkim").stdout == "this relay does not sign: its domain is an IP address\n"
        assert refused(relay, "dkim", "rotate") == "this relay does not sign: its domain is an IP address"
        assert not (relay.state / "dkim").exists() or files(relay) == []
        assert refused(relay, "dkim", "remove", "x").startswith('there is no key "x"')


@pytest.mark.parametrize(
    "args, says",
    [
        (["rotat"], 'no "rotat" here, did you mean "rotate"'),
        (["frobnicate"], 'what is "frobnicate"?'),
        (["remove"], "remove wants a selector"),
        (["remove", "a", "b"], 'what is "b"?'),
        (["rotate", "x"], 'what is "x"?'),
        (["list", "x"], 'what is "x"?'),
        (["--yes"], "--yes"),
    ],
)
def test_misuse(args, says):
    done = run_martlet("dkim", *args, "--dir", "/nonexistent")
    assert done.returncode == 2 and done.stdout == "" and says in done.stderr, (done.returncode, done.stderr)


def test_without_a_relay(tmp_path):
    done = run_martlet("dkim", "rotate", "--dir", tmp_path)
    assert done.returncode == 1 and done.stderr.startswith("martlet: ") and list(tmp_path.iterdir()) == []
