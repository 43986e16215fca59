# SPDX-License-Identifier: MIT
"""Certificates of the operator's own files, and self-signed ones: what is refused, what is warned of, what is taken while
connections are open."""
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
import wire
from relay import DOMAIN, NO_RATE, Relay, Service, free_offset, public_binary, run_martlet, wait_until
from timelimit import PATIENCE

NAME = "chat.test"
QUICK = 60  # seconds, only against hanging: files are seen to change at once, and would be looked at once a minute


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def make_pair(folder, names=(NAME, f"www.{NAME}", f"mta-sts.{NAME}"), days=(-1, 90)):
    """A pair that an own CA has issued, valid from and to these days."""
    folder.mkdir(exist_ok=True)
    cert, key, ca = folder / "cert.pem", folder / "key.pem", folder / "ca.pem"
    when = [(datetime.datetime.utcnow() + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in days]
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "ca.key")
    openssl("req", "-x509", "-new", "-key", folder / "ca.key", "-subj", "/CN=Own CA", "-days", 999, "-out", ca)
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", folder / "new.key")
    openssl("req", "-new", "-key", folder / "new.key", "-subj", "/CN=leaf", "-out", folder / "csr")
    (folder / "conf").write_text(
        f"[ca]\ndefault_ca=c\n[c]\ndatabase={folder}/index\nserial={folder}/serial\nnew_certs_dir={folder}\n"
        "default_md=sha256\npolicy=p\nx509_extensions=x\nunique_subject=no\n[p]\ncommonName=supplied\n"
        "[x]\nsubjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\n"
    )
    (folder / "index").write_text("")
    (folder / "serial").write_text("01\n")
    openssl("ca", "-batch", "-notext", "-config", folder / "conf", "-cert", ca, "-keyfile", folder / "ca.key", "-startdate",
            when[0], "-enddate", when[1], "-in", folder / "csr", "-out", folder / "new.pem")
    shutil.move(folder / "new.key", key)
    shutil.move(folder / "new.pem", cert)
    return cert, key


def service(cert, key):
    return Service(settings={**NO_RATE, "mail_domain": NAME, "tls_external_cert_and_key": f"{cert} {key}"})


def presented(relay):
    with wire.Connection(relay.port(993)) as c:
        return c.certificate()


def told(relay):
    done = run_martlet("certificate", "--config", relay.config_path, "--json")
    return done.returncode, json.loads(done.stdout)


def refused(tmp_path, cert, key):
    config = tmp_path / "martlet.ini"
    user = "user = root\n" if os.geteuid() == 0 else ""
    config.write_text(f"[params]\nmail_domain = {NAME}\nstate_dir = {tmp_path}/state\n{user}"
                      f"tls_external_cert_and_key = {cert} {key}\n")
    done = run_martlet("serve", "--config", config, "--port-offset", free_offset())
    assert done.returncode == 1
    return done.stderr


def test_good_pair(tmp_path):
    with service(*make_pair(tmp_path)) as relay:
        # That this machine allows few descriptors, or is an emulator that confines nobody, is another matter.
        warnings = [x for x in relay.log().splitlines() if x.startswith("warning")]
        assert not [x for x in warnings if not re.search(r"few_descriptors|relay\.sandbox", x)]
        status, facts = told(relay)
        assert status == 0 and facts["source"] == "files" and facts["issuer"] == "Own CA" and facts["public"], facts
        assert re.search("days_left=(89|90)", relay.log())  # by when within the second it was made


def test_refused_with_what_to_do(tmp_path):
    cert, key = make_pair(tmp_path / "a")
    other = make_pair(tmp_path / "b")[1]
    assert "does not match" in refused(tmp_path, cert, other)
    secret = tmp_path / "secret.pem"
    openssl("pkey", "-in", key, "-aes128", "-passout", "pass:x", "-out", secret)
    assert "passphrase" in refused(tmp_path, cert, secret)
    assert "gone" in refused(tmp_path, cert, tmp_path / "gone")
    weak = tmp_path / "weak.key"
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x", "-keyout", weak, "-out", tmp_path / "weak.pem")
    assert "too weak" in refused(tmp_path, tmp_path / "weak.pem", weak)


@pytest.mark.parametrize(
    "names, days, words",
    [
        (("other.test",), (-1, 90), f"not for {NAME}"),
        ((NAME, f"*.{NAME}"), (-90, -1), "has expired"),
        ((NAME, f"*.{NAME}"), (1, 90), "not valid before"),
        ((NAME, f"*.{NAME}"), (-80, 10), "expires on"),
    ],
)
def test_warned_of_and_served(tmp_path, names, days, words):
    with service(*make_pair(tmp_path, names, days)) as relay:
        assert words in relay.log()
        presented(relay)
        status, facts = told(relay)
        assert status == 1 and any(words in text for text in facts["findings"]), facts


def test_missing_names_are_a_note(tmp_path):
    with service(*make_pair(tmp_path, (NAME, f"www.{NAME}"))) as relay:
        assert f"mta-sts.{NAME}" in relay.log()
        assert told(relay)[0] == 0


def test_replaced_files_are_taken_soon_without_losing_a_connection(tmp_path):
    cert, key = make_pair(tmp_path)
    with service(cert, key) as relay:
        before = presented(relay)
        with wire.Imap(relay.port(993)) as imap:
            new = make_pair(tmp_path / "new")
            shutil.move(new[0], cert)
            wait_until(lambda: "does not match" in relay.log(), QUICK, "a look at half of the pair")
            time.sleep(1)  # logged once, the old one stays
            assert presented(relay) == before
            assert relay.log().count("does not match") == 1
            shutil.move(new[1], key)
            wait_until(lambda: presented(relay) != before, QUICK, "the new pair")
            imap.ok("NOOP")


def test_files_behind_links(tmp_path):
    """As certbot keeps them: live/ has links into archive/."""
    make_pair(tmp_path / "1")
    make_pair(tmp_path / "2")
    live = tmp_path / "live"
    live.mkdir()
    for name in ("cert.pem", "key.pem"):
        (live / name).symlink_to(tmp_path / "1" / name)
    with service(live / "cert.pem", live / "key.pem") as relay:
        before = presented(relay)
        for name in ("cert.pem", "key.pem"):
            (live / "fresh").symlink_to(tmp_path / "2" / name)
            (live / "fresh").rename(live / name)
        wait_until(lambda: presented(relay) != before, QUICK, "the new pair")


def damage(how, tmp_path, cert, key):
    other = make_pair(tmp_path / "other")
    if how == "other key":
        shutil.copyfile(other[1], key)
    elif how == "no certificate":
        cert.write_text("nothing")
    elif how == "gone":
        key.unlink()
    else:
        weak = tmp_path / "weak.pem"
        openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x", "-keyout", tmp_path / "k", "-out", weak)
        shutil.copyfile(other[1], key)
        cert.write_text(other[0].read_text() + weak.read_text())


@pytest.mark.parametrize(
    "how, event, words",
    [
        ("other key", "parent.config", "does not match"),
        ("no certificate", "parent.config", "no readable PEM certificate"),
        ("gone", "parent.config", "No such file"),
        ("weak chain", "parent.relay_refused", "a certificate of the chain is not acceptable"),  # the relay's own refusal
    ],
)
def test_bad_pair_at_reload_leaves_the_old_one(tmp_path, how, event, words):
    cert, key = make_pair(tmp_path)
    with service(cert, key) as relay, wire.Imap(relay.port(993)) as imap:
        before, child = presented(relay), relay.child_pid()
        damage(how, tmp_path, cert, key)
        relay.signal(signal.SIGHUP)
        line = wait_until(lambda: next((t for t in relay.log().splitlines() if event in t and words in t), None), 10, "a refusal")
        assert "in use stay" in line
        assert presented(relay) == before and relay.child_pid() == child
        imap.ok("NOOP")
        # The relay that follows a dead one has it too.
        relay.kill_child()
        assert presented(relay) == before
        new = make_pair(tmp_path / "new")
        shutil.move(new[0], cert)
        shutil.move(new[1], key)
        wait_until(lambda: presented(relay) != before, QUICK, "the mended pair")


def test_lost_authorities_do_not_hold_up_a_new_certificate(tmp_path):
    """The file of authorities is for others' certificates: without it those in use stay, and ours is replaced."""
    cert, key = make_pair(tmp_path)
    roots = tmp_path / "roots.pem"
    shutil.copyfile(tmp_path / "ca.pem", roots)
    settings = {**NO_RATE, "mail_domain": NAME, "tls_external_cert_and_key": f"{cert} {key}", "ca_file": str(roots)}
    with Service(settings=settings) as relay:
        before = presented(relay)
        roots.unlink()
        new = make_pair(tmp_path / "new")
        shutil.move(new[0], cert)
        shutil.move(new[1], key)
        relay.signal(signal.SIGHUP)
        wait_until(lambda: presented(relay) != before, QUICK, "the new pair")
        wait_until(lambda: "tls.roots_stay" in relay.log(), QUICK, "a warning")


def test_chain_that_openssl_refuses_is_named_at_the_start(tmp_path):
    cert, key = make_pair(tmp_path)
    damage("weak chain", tmp_path, cert, key)
    assert "a certificate of the chain is not acceptable" in refused(tmp_path, cert, key)


@pytest.fixture
def open_folder():
    """That other users can look into. Those of pytest are not, and each of its runs shuts them again for all."""
    with tempfile.TemporaryDirectory(prefix="martlet-open-") as name:
        pathlib.Path(name).chmod(0o755)
        yield pathlib.Path(name)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes user")
def test_port_without_the_right_to_bind_it(open_folder):
    tmp_path = open_folder
    state = tmp_path / "state"
    config = tmp_path / "martlet.ini"
    config.write_text(f"[params]\nmail_domain = {NAME}\nstate_dir = {state}\n")
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", public_binary(), "serve", "--config", config],
                          capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
    assert done.returncode == 1
    assert "port 25 (smtp) may be bound by root only; start as root" in done.stderr and not state.exists(), done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="changes user")
def test_unreadable_key_is_named(open_folder):
    tmp_path = open_folder
    cert, key = make_pair(tmp_path)
    key.chmod(0o600)
    state = tmp_path / "state"
    state.mkdir()
    os.chown(state, 65534, 65534)
    config = tmp_path / "martlet.ini"
    config.write_text(f"[params]\nmail_domain = {NAME}\nstate_dir = {state}\ntls_external_cert_and_key = {cert} {key}\n")
    done = subprocess.run(
        ["setpriv", "--reuid=65534", "--clear-groups", public_binary(), "serve", "--config", config, "--port-offset", str(free_offset())],
        capture_output=True, text=True, timeout=60 * PATIENCE, check=False,
    )
    assert done.returncode == 1 and "Permission denied" in done.stderr and "start as root" in done.stderr, done.stderr


def test_self_signed_for_an_underscore_domain():
    with Relay() as relay:
        done = run_martlet("certificate", "--dir", relay.state, "--set", f"mail_domain={DOMAIN}", "--json")
        facts = json.loads(done.stdout)
        assert done.returncode == 0 and facts["source"] == "self-signed" and not facts["public"], facts
        assert {DOMAIN, f"www.{DOMAIN}", f"mta-sts.{DOMAIN}"} <= set(facts["names"])


def test_self_signed_for_an_address():
    with Service(settings={"mail_domain": "192.0.2.1"}) as relay:
        status, facts = told(relay)
        assert status == 0 and facts["source"] == "self-signed" and facts["names"] == ["192.0.2.1"], facts


def test_command_before_the_first_start(tmp_path):
    config = tmp_path / "martlet.ini"
    config.write_text(f"[params]\nmail_domain = {NAME}\nstate_dir = {tmp_path}/state\n")
    done = run_martlet("certificate", "--config", config)
    assert done.returncode == 1 and "is the relay running?" in done.stdout
