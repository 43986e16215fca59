# SPDX-License-Identifier: MIT
"""Certificates of a CA (RFC 8555): issued, renewed, refused, against Debian's pebble."""
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest
import wire
from acme_ca import Authority, FakeClient, is_possible
from relay import Service, free_offset, public_binary, run_martlet, wait_until
from test_certificates import make_pair

pytestmark = [pytest.mark.skipif(not is_possible(), reason="needs root, pebble, uacme"), pytest.mark.limit(900)]

ISSUED_S = 240  # a guard: each name is a dialogue with the CA
NAME = "chat.test"
HOSTS = f"127.0.0.1 {NAME} www.{NAME} mta-sts.{NAME}\n127.0.0.9 autoconfig.{NAME}\n"


@contextlib.contextmanager
def service(hosts=HOSTS, validity_s=90 * 86400, env=None, http_port=None, before=None, client=None, **settings):
    """A relay and its CA; or, with `client`, a fake uacme and no CA."""
    offset = free_offset()
    with client or Authority(http_port or 80 + offset, validity_s, env) as ca:
        wanted = {"mail_domain": NAME, "certificate": "acme", "acme_directory": ca.url, **settings}
        relay = Service(wanted, offset=offset, wrapper=ca.wrapper(hosts))
        try:
            if before:
                before(relay, ca)
            relay.start()
            yield relay, ca
            relay.stop()
        finally:
            print(relay.all_output())
            if not client:
                print(ca.story())
            relay.kill()
            relay.remove()


def issued(relay, times=1):
    try:
        wait_until(lambda: relay.log().count("acme.issued") >= times, ISSUED_S, "a certificate")
    except TimeoutError as error:
        raise TimeoutError(f"{error}\n{relay.log()[-4000:]}") from None
    wait_until(lambda: "source=acme names=" in relay.log(), 10, "its use")


def failed(relay, times=1):
    wait_until(lambda: relay.log().count("acme.failed") >= times, ISSUED_S, "a failure")
    return [line for line in relay.log().splitlines() if "acme.failed" in line][-1]


def handshake(relay, ca, name=NAME):
    """A client that verifies; TLS 1.3. Returns the certificate."""
    trust = ssl.create_default_context(cadata=ca.root())
    trust.minimum_version = ssl.TLSVersion.TLSv1_3
    with socket.create_connection(("127.0.0.1", relay.port(993)), 10) as s:
        with trust.wrap_socket(s, server_hostname=name) as tls:
            return tls.getpeercert()


def verified(relay, ca, name=NAME):
    with contextlib.suppress(ssl.SSLError, OSError):
        return handshake(relay, ca, name)
    return None


def presented(relay):
    with wire.Connection(relay.port(993)) as c:
        return c.certificate()


def presented_key(relay):
    with wire.Connection(relay.port(993)) as c:
        return c.public_key()


def told(relay):
    done = run_martlet("certificate", "--config", relay.config_path, "--json", binary=relay.binary)
    return done.returncode, json.loads(done.stdout)


def acme(relay, *parts):
    return relay.state.joinpath("acme", *parts)


def test_first_certificate():
    """With no connection lost, for the names that lead here, and its files for root alone."""
    with service() as (relay, ca):
        issued(relay)
        got = wait_until(lambda: verified(relay, ca), 10, "the chain")
        assert {n for _, n in got["subjectAltName"]} == {NAME, f"www.{NAME}", f"mta-sts.{NAME}"}
        assert acme(relay, "private", NAME, "key.pem").stat().st_mode & 0o077 == 0
        assert acme(relay, "private").stat().st_mode & 0o077 == 0
        status, facts = told(relay)
        assert status == 0 and facts["source"] == "acme" and facts["attempt"]["ok"], facts
        assert 88 <= facts["days_left"] <= 90 and NAME in facts["names"]
        # What others may read in a CAA record, and the key in a TLSA record.
        assert re.match(r"https://\S+$", json.loads(acme(relay, "status").read_text())["account"])
        zone = run_martlet("dns", "--config", relay.config_path, binary=relay.binary).stdout
        key = base64.b64decode(b"".join(presented_key(relay).splitlines()[1:-1]))
        digest = hashlib.sha256(key).hexdigest()
        assert f"_25._tcp.{NAME}. 3600 IN TLSA 3 1 1 {digest}\n" in zone and f"_mta-sts.{NAME}. 3600 IN TXT" in zone


def test_an_open_connection_outlives_the_change():
    with service() as (relay, ca):
        with wire.Imap(relay.port(993)) as imap:  # perhaps on the stand-in
            issued(relay)
            wait_until(lambda: verified(relay, ca), 10, "the chain")
            imap.ok("NOOP")
            before = presented(relay)
            key, child = presented_key(relay), relay.child_pid()
            (acme(relay, NAME, "cert.pem")).unlink()  # so that another one is due
            relay.signal(signal.SIGHUP)
            issued(relay, 2)
            wait_until(lambda: verified(relay, ca) and presented(relay) != before, 20, "the next one")
            imap.ok("NOOP")
            assert presented_key(relay) == key
            assert relay.child_pid() == child


def test_renewal_at_two_thirds_keeps_the_key():
    """As clients see it: another certificate, the same public key, and a connection that lives through it."""
    with service(validity_s=45) as (relay, ca):
        issued(relay)
        wait_until(lambda: verified(relay, ca), 10, "the chain")
        first, key, facts = presented(relay), presented_key(relay), told(relay)[1]
        assert facts["renew_from"] - facts["not_before"] == (facts["not_after"] - facts["not_before"]) // 3 * 2
        with wire.Imap(relay.port(993)) as imap:
            issued(relay, 2)
            renewed = json.loads(acme(relay, "status").read_text())["last_attempt"]
            assert facts["renew_from"] <= renewed < facts["not_after"]
            wait_until(lambda: presented(relay) != first, 10, "the next one")
            assert presented_key(relay) == key
            assert told(relay)[1]["key_sha256"] == facts["key_sha256"]
            imap.ok("NOOP")


def test_no_second_attempt_at_a_restart():
    with service() as (relay, ca):
        issued(relay)
        relay.stop(check=False)
        relay.start()
        wait_until(lambda: verified(relay, ca), 10, "the chain")
        relay.signal(signal.SIGHUP)
        wait_until(lambda: told(relay)[1]["attempt"]["outcome"].startswith("the certificate in force"), 20, "a look")
        assert relay.log().count("acme.issued") == 1


def test_challenge_that_does_not_arrive():
    with service(http_port=9) as (relay, ca):
        assert "port 80" in failed(relay)
        wait_until(lambda: told(relay)[1]["attempt"]["detail"], 10, "the status")
        status, facts = told(relay)
        assert status == 1 and not facts["attempt"]["ok"]
        assert 500 < facts["attempt"]["next"] - facts["attempt"]["at"] < 900


def test_domain_that_does_not_resolve():
    with service(hosts="") as (relay, ca):
        assert "does not resolve" in failed(relay)


def test_ca_that_is_down_and_comes_back():
    with service(before=lambda relay, ca: ca.stop()) as (relay, ca):
        assert "cannot be used" in failed(relay)
        relay.imap().close()
        ca.start()
        relay.signal(signal.SIGHUP)
        issued(relay)


def test_ca_that_rejects_nonces():
    with service(env={"PEBBLE_WFE_NONCEREJECT": "60"}) as (relay, ca):
        wait_until(lambda: "acme.issued" in relay.log() or "acme.failed" in relay.log(), ISSUED_S, "an outcome")
        if "acme.failed" in relay.log():
            assert "nonce" in failed(relay)


@pytest.mark.parametrize("what", ["lost", "unknown"])
def test_account_key(what):
    with service() as (relay, ca):
        issued(relay)
        key = acme(relay, "private", "key.pem")
        if what == "lost":
            key.unlink()
        else:
            key.write_bytes(acme(relay, "private", NAME, "key.pem").read_bytes())
            other = subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
                                   capture_output=True, check=True)
            key.write_bytes(other.stdout)
        acme(relay, NAME, "cert.pem").unlink()
        relay.signal(signal.SIGHUP)
        issued(relay, 2)


def test_address_as_identifier():
    with service(mail_domain="127.0.0.1") as (relay, ca):
        issued(relay)
        got = wait_until(lambda: verified(relay, ca, "127.0.0.1"), 10, "the chain")
        assert got["subjectAltName"] == (("IP Address", "127.0.0.1"),)


def write_dns_hook(relay, ca):
    hook = relay.log_dir / "hook"
    hook.write_text(
        "#!/bin/sh\n"
        f'echo "$1 $2 $3" >> {relay.log_dir}/hook.log\n'
        'path=set-txt; [ "$1" = begin ] || path=clear-txt\n'
        'body="{\\"host\\":\\"_acme-challenge.$3.\\",\\"value\\":\\"$5\\"}"\n'
        f'exec curl -sf -d "$body" http://127.0.0.1:{ca.dns_management}/$path\n'
    )
    hook.chmod(0o755)
    relay.settings["acme_dns_hook"] = hook
    relay.write_config()


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_dns_01_by_a_hook():
    with service(http_port=9, before=write_dns_hook) as (relay, ca):
        issued(relay)
        lines = (relay.log_dir / "hook.log").read_text().splitlines()
        assert f"begin dns-01 {NAME}" in lines and f"done dns-01 {NAME}" in lines
        assert all(" dns-01 " in line for line in lines)


def test_dns_hook_that_is_missing():
    with service(acme_dns_hook="/nonexistent/hook") as (relay, ca):
        assert "/nonexistent/hook cannot be run" in failed(relay)


def test_uacme_is_missing():
    with service(before=lambda relay, ca: relay.wrapper.extend(("env", "PATH=/nonexistent"))) as (relay, ca):
        assert "apt-get install uacme" in failed(relay)


def test_relay_killed_meanwhile():
    with service(env={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "3"}) as (relay, ca):
        wait_until(lambda: acme(relay, "private", "key.pem").exists(), 20, "the helper")
        relay.kill_child()
        wait_until(lambda: "acme.issued" in relay.log() or "acme.failed" in relay.log(), ISSUED_S, "an outcome")
        relay.signal(signal.SIGHUP)
        issued(relay)


def running_with(words):
    """Processes with this in their command line."""
    found = subprocess.run(["pgrep", "-f", words], capture_output=True, text=True, check=False).stdout
    return [p for p in found.split() if int(p) != os.getpid()]


def test_helper_ends_with_the_parent():
    with service(env={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "15"}) as (relay, ca):
        wait_until(lambda: acme(relay, "private", "key.pem").exists(), 20, "the helper")
        relay.stop(check=False)
        wait_until(lambda: not running_with(str(relay.state)), 60, "the end of the helper and of its client")


@pytest.mark.parametrize("owner, mode", [(0, 0o777), (1, 0o755)])
def test_folder_of_somebody_else_is_not_trusted(owner, mode):
    def before(relay, ca):
        acme(relay).mkdir()
        os.chmod(acme(relay), mode)
        os.chown(acme(relay), owner, owner)

    with service(before=before) as (relay, ca):
        line = failed(relay)
        assert "belongs to another user" in line
        # Who does as it says gets a certificate.
        assert f"chown -R 0 {acme(relay)} and chmod go-w it;" in line
        os.chown(acme(relay), 0, 0)
        os.chmod(acme(relay), 0o755)
        relay.signal(signal.SIGHUP)
        issued(relay)


# ---- what no test CA does ----


def test_damaged_files_leave_the_certificate_in_use():
    """Neither an ACME client that is at work on its files, nor damage, takes a good certificate out of service."""
    with service() as (relay, ca):
        issued(relay)
        wait_until(lambda: verified(relay, ca), 10, "the chain")
        ca_root = ca.root()
        ca.stop()
        cert = acme(relay, NAME, "cert.pem")
        good = cert.read_bytes()
        for damage in (lambda: cert.write_text("nothing\n"), cert.unlink):
            reloads = relay.log().count("parent.reloaded")
            damage()
            relay.signal(signal.SIGHUP)
            wait_until(lambda: relay.log().count("parent.reloaded") > reloads, 10, "the reload")
            ca.root = lambda: ca_root
            assert verified(relay, ca), "a stand-in took its place"
        assert "the certificate in use stays" in relay.log()
        cert.write_bytes(good)
        wait_until(lambda: told(relay)[1].get("names"), 10, "the files")


def test_change_from_files_to_a_ca(tmp_path):
    """The good certificate of before is used until the CA has issued one."""
    cert, key = make_pair(tmp_path)
    files = {"tls_external_cert_and_key": f"{cert} {key}"}
    with service(client=FakeClient(), **files) as (relay, client):
        before = presented(relay)
        del relay.settings["tls_external_cert_and_key"]
        relay.reload()
        failed(relay)
        assert presented(relay) == before


def note(relay, status):
    """Whole or not at all: the relay may look at any time."""
    acme(relay, "status.fresh").write_text(json.dumps(status))
    acme(relay, "status.fresh").rename(acme(relay, "status"))


def test_account_of_another_ca():
    """A CAA record with the account at another CA would keep this one from issuing."""
    first, second = "https://acme-v02.api.letsencrypt.org/directory", "https://acme.zerossl.com/v2/DV90"

    def authority(directory):
        done = run_martlet("dns", "--config", relay.config_path, "--set", f"acme_directory={directory}", binary=relay.binary)
        return re.search(r' CAA 0 issue "(.*)"', done.stdout).group(1)

    with service(client=FakeClient(), acme_directory=first) as (relay, client):
        failed(relay)
        assert authority(first) == f"letsencrypt.org;accounturi={first}/account"
        status = json.loads(acme(relay, "status").read_text())
        note(relay, status | {"directory": first})  # as if it had issued one
        client.report("accountDoesNotExist", "no such account")
        relay.reload(acme_directory=second)
        wait_until(lambda: f"{second}/account" in acme(relay, "status").read_text(), 20, "an account at the other CA")
        assert authority(first) == "letsencrypt.org"
        assert authority(second) == f"sectigo.com;accounturi={second}/account"


def limited(**more):
    client = FakeClient()
    client.report("rateLimited", "too many certificates already issued for this name")
    return service(client=client, **more)


def age(relay, seconds):
    """The last attempt was so much longer ago; the next one is where it was."""
    status = json.loads(acme(relay, "status").read_text())
    status["last_attempt"] -= seconds
    note(relay, status)


def test_rate_limit_is_respected():
    """Neither SIGHUP nor restarts ask a CA that has asked for patience; another CA is asked at once."""
    with limited() as (relay, client):
        assert "asks for patience" in failed(relay)
        assert len(client.calls("issue")) == 1
        status, facts = told(relay)
        assert status == 1 and facts["attempt"]["rate_limited"], facts
        assert 3600 <= facts["attempt"]["next"] - facts["attempt"]["at"] <= 3600 * 5 / 4 + 1
        age(relay, 1800)
        for n in range(3):
            relay.signal(signal.SIGHUP)
            wait_until(lambda n=n: relay.log().count("not asked again before") > n, 60, "a refusal")
        relay.stop(check=False)
        relay.start()
        time.sleep(1.5)
        assert len(client.calls("issue")) == 1
        relay.reload(acme_directory="https://other.test/dir")
        wait_until(lambda: len(client.calls("issue")) == 2, 20, "the other CA")
        assert "https://other.test/dir" in client.calls("issue")[1]


def test_rate_limit_with_a_date():
    client = FakeClient()
    when = time.time() + 5 * 3600
    client.report("rateLimited", "too many new orders, retry after " + time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
                  + ": see https://ca.test/limits")
    with service(client=client) as (relay, client):
        failed(relay)
        assert when - 1 <= told(relay)[1]["attempt"]["next"] <= when + 2 * 3600


def test_pauses_grow():
    client = FakeClient()
    client.report("serverInternal", "trouble")
    with service(client=client) as (relay, client):
        pauses = []
        for n in range(1, 4):
            failed(relay, n)
            wait_until(lambda n=n: told(relay)[1]["attempt"]["failures"] == n, 10, "the status")
            attempt = told(relay)[1]["attempt"]
            pauses.append(attempt["next"] - attempt["at"])
            relay.signal(signal.SIGHUP)
        assert 600 <= pauses[0] <= 751 and 3600 <= pauses[1] <= 4501 and 3600 <= pauses[2] <= 4501, pauses
        failed(relay, 4)
        assert len(client.calls("issue")) == 4
        assert NAME in client.calls("issue")[0] and f"www.{NAME}" in client.calls("issue")[0]
        assert f"www.{NAME}" not in client.calls("issue")[3]  # the domain alone, after two failures


def test_status_that_cannot_be_written():
    """Without a note of the attempt every look would be another one: the CA is left alone."""

    def before(relay, client):
        acme(relay, "status").mkdir(parents=True)

    with service(client=FakeClient(), before=before) as (relay, client):
        assert "cannot be noted" in failed(relay)
        time.sleep(12)  # more than one look of the parent's
        assert not client.calls()
        assert relay.log().count("acme.failed") == 1


def test_client_that_hangs():
    """The relay serves meanwhile; the attempt is known to be unfinished, and nothing is left of it in the end. That it is
    ended after a quarter of an hour is martlet_acme_helper_test's."""
    client = FakeClient()
    pause = f"sleep 4321.{os.getpid()}"
    client.behave(f"exec {pause}")
    with service(client=client) as (relay, client):
        wait_until(lambda: client.calls("issue"), 20, "the client")
        relay.imap().close()
        attempt = told(relay)[1]["attempt"]
        assert not attempt["ok"] and "did not come to its end" in attempt["outcome"]
        assert 500 < attempt["next"] - attempt["at"] < 900
        relay.signal(signal.SIGHUP)
        time.sleep(1)
        assert len(client.calls("issue")) == 1  # never two at once
        relay.stop(check=False)
        wait_until(lambda: not running_with(pause), 60, "the end of the client")
        relay.start()


def test_changed_email_is_told_to_the_ca():
    with service(acme_email="first@chat.test") as (relay, ca):
        issued(relay)
        relay.reload(acme_email="second@chat.test")
        wait_until(lambda: "acme.account contact=changed" in relay.log(), 20, "the new address")
        relay.reload(acme_email="")
        wait_until(lambda: "acme.account contact=removed" in relay.log(), 20, "no address")
        assert relay.log().count("acme.issued") == 1 and "chat.test@" not in relay.log() and "second@" not in relay.log()
        relay.signal(signal.SIGHUP)
        time.sleep(2)
        assert relay.log().count("acme.account") == 2


NOBODY = 65534


def test_parent_that_is_not_root():
    """All of it works for another user, who owns the state directory and can bind the ports."""

    def before(relay, ca):
        os.chown(relay.state, NOBODY, NOBODY)
        relay.log_dir.chmod(0o755)
        ca.folder.chmod(0o755)
        relay.binary = public_binary()
        relay.wrapper += ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")

    with service(before=before) as (relay, ca):
        issued(relay)
        wait_until(lambda: verified(relay, ca), 10, "the chain")
        assert acme(relay).stat().st_uid == NOBODY
        assert acme(relay, "private").stat().st_mode & 0o077 == 0
        assert "forward port 80" in relay.log()
