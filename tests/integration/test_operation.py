# SPDX-License-Identifier: MIT
"""What an operator does to a relay: reload, stop, upgrade, misconfigure; and what fate does: kill, fill the disk."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import mail
import pytest
import wire
from relay import DOMAIN, NO_RATE, STANDARD_PORTS, Relay, Service, free_offset, is_running, run_martlet, wait_until

HERE = pathlib.Path(__file__).resolve().parent


def send_one(relay, sender, receiver, message=None):
    with relay.smtp(sender) as smtp:
        return smtp.send_message(sender.address, [receiver.address], message or mail.encrypted(sender.address))


def count(relay, account):
    with relay.imap(account) as imap:
        return int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))


# ---- stopping ----


def test_sigterm_finishes_what_is_under_way():
    """A transfer that has begun ends with its 250; idle clients get a farewell; then the program ends with 0."""
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        idle = relay.imap(receiver)
        idle.ok("SELECT INBOX")
        idle.idle()
        smtp = relay.smtp(sender)
        message = wire.stuff(mail.encrypted(sender.address, size=200_000)) + b".\r\n"
        assert smtp.envelope(sender.address, [receiver.address])[-1][0] == 354
        smtp.send(message[:100_000])
        time.sleep(0.1)
        relay.signal(signal.SIGTERM)
        assert b"BYE" in idle.read_to_end()
        time.sleep(0.3)
        smtp.send(message[100_000:])
        assert smtp.reply()[0] == 250
        relay.stop()
        relay.start()
        assert count(relay, receiver) == 1


def test_sigterm_does_not_wait_for_ever():
    """A sender that has stalled within DATA does not keep the relay."""
    with Relay(settings=NO_RATE) as relay:
        sender = relay.new_account()
        smtp = relay.smtp(sender)
        assert smtp.envelope(sender.address, [sender.address])[-1][0] == 354
        smtp.send(b"From: ")
        began = time.monotonic()
        relay.stop(timeout=40)
        print(f"stopped {time.monotonic() - began:.1f} s after SIGTERM")
        relay.start()
        assert count(relay, sender) == 0


def test_sigterm_ends_soon_when_nothing_is_under_way():
    """Clients that hear BYE and do not close are not waited for."""
    with Relay(settings=NO_RATE) as relay:
        account = relay.new_account()
        idle = [relay.imap(account) for _ in range(5)]
        for imap in idle:
            imap.ok("SELECT INBOX")
            imap.idle()
        half = socket.create_connection(("127.0.0.1", relay.port(993)))  # never begins its handshake
        relay.imap(account).close()
        began = time.monotonic()
        relay.stop()
        print(f"ended {(time.monotonic() - began) * 1000:.0f} ms after SIGTERM")
        assert "relay.connections_cut" not in relay.log(), "it waited for them, as long as it waits for anybody"
        half.close()


# ---- dying ----


def restarts(relay):
    """Milliseconds from the death of a relay to the start of the next."""
    return [int(ms) for ms in re.findall(r"parent.relay_died signal=9 ready=1 restart_ms=(\d+)", relay.log())]


def test_who_can_crash_the_relay_buys_no_long_outage():
    """The first restart comes at once, and the delay grows to a second only while relays become ready."""
    with Relay(settings=NO_RATE) as relay:
        account = relay.new_account()
        for n in range(8):
            relay.kill_child()
            relay.imap(account).close()
            wait_until(lambda n=n: relay.log().count("parent.ready") == n + 2, 10, "the next relay")
        assert restarts(relay) == [0, 100, 200, 400, 800, 1000, 1000, 1000]


def test_root_of_a_user_namespace():
    """As in a container that a user makes for himself: root there may not change groups, and need not."""
    unshare = ["unshare", "--user", "--map-root-user"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("no user namespaces here")
    with Relay(wrapper=unshare) as relay:
        relay.new_account()


def test_relay_inherits_nothing_but_its_own():
    """A descriptor that whoever started the parent left open does not reach the process that faces the network."""
    with Relay(wrapper=["sh", "-c", 'exec 7</dev/zero; exec "$@"', "sh"]) as relay:
        held = []
        for fd in pathlib.Path(f"/proc/{relay.wait_for_child()}/fd").iterdir():
            with contextlib.suppress(OSError):
                held.append(os.readlink(fd))
        assert any(name.startswith("socket:") for name in held) and "/dev/zero" not in held


def test_killed_relay_process_is_replaced_on_the_same_sockets():
    """SIGKILL to the relay: connections made meanwhile wait in the backlog and are served, none is refused."""
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        assert send_one(relay, sender, receiver)[0] == 250
        times = []
        for n in range(3):
            old = relay.kill_child()
            began = time.monotonic()
            with relay.imap(receiver) as imap:  # refused connections would raise
                imap.ok("SELECT INBOX")
            times.append(time.monotonic() - began)
            assert relay.wait_for_child() != old
            wait_until(lambda n=n: relay.log().count("parent.ready") == n + 2, 60, "its word that it is ready")
        print("served again after", ", ".join(f"{t * 1000:.0f} ms" for t in times))
        assert restarts(relay) == [0, 100, 200]
        assert send_one(relay, sender, receiver)[0] == 250
        assert count(relay, receiver) == 2


def test_relay_ends_with_its_parent():
    """When the parent is killed, no orphan keeps the store open and the ports busy."""
    with Relay(settings=NO_RATE) as relay:
        account = relay.new_account()
        child = relay.child_pid()
        relay.process.kill()
        relay.process.wait()
        wait_until(lambda: not is_running(child), 60, "the end of the relay process")
        relay.process = None
        relay.start()
        relay.imap(account).close()


def test_second_relay_on_one_store_is_refused():
    with Relay() as relay:
        done = run_martlet(
            "dev", "--dir", relay.state, "--port-offset", free_offset(), "--domain", DOMAIN
        )
        assert done.returncode != 0
        relay.new_account()


# ---- reloading ----


def test_sighup_takes_new_limits_and_keeps_connections():
    with Service() as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        imap, smtp = relay.imap(receiver), relay.smtp(sender)
        imap.ok("SELECT INBOX")
        tag = imap.idle()
        child = relay.child_pid()
        relay.reload(max_message_size=200000)
        wait_until(lambda: "SIZE 200000" in fresh_extensions(relay, sender), 10, "the new limit")
        assert relay.child_pid() == child
        assert smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))[0] == 250
        assert imap.wait_exists() == 1
        imap.done(tag)
        code, _ = smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address, size=250_000))
        assert code == 552
        # A configuration that is wrong is named and not taken.
        relay.reload(max_message_size="plenty")
        line = relay.config_path.read_text().splitlines().index("max_message_size = plenty") + 1
        wait_until(
            lambda: f"martlet.ini:{line}: max_message_size" in relay.log(), 10, "a complaint with file, line and key"
        )
        assert "SIZE 200000" in fresh_extensions(relay, sender)
        # The relay that follows a dead one has the last good configuration.
        relay.kill_child()
        assert "SIZE 200000" in fresh_extensions(relay, sender)


def fresh_extensions(relay, account):
    with relay.smtp(account) as smtp:
        return smtp.extensions


def certificate(folder, name=DOMAIN, alternative=True):
    """Of a certificate without the alternative name, the name stands only where clients no longer look (RFC 9525)."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            f"/CN={name}",
            *(["-addext", f"subjectAltName=DNS:{name}"] if alternative else []),
            "-keyout",
            key,
            "-out",
            cert,
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


def presented(relay):
    with wire.Connection(relay.port(993)) as c:
        return c.certificate()


def test_sighup_takes_a_new_certificate(tmp_path):
    cert, key = certificate(tmp_path)
    os.chmod(tmp_path, 0o755)
    for path in (cert, key):
        os.chmod(path, 0o644)
    with Service(settings={**NO_RATE, "tls_external_cert_and_key": f"{cert} {key}"}) as relay:
        account = relay.new_account()
        imap = relay.imap(account)
        before = presented(relay)
        (tmp_path / "new").mkdir()
        for new, old in zip(certificate(tmp_path / "new"), (cert, key)):
            os.chmod(new, 0o644)
            shutil.move(new, old)
        relay.signal(signal.SIGHUP)
        wait_until(lambda: presented(relay) != before, 10, "the new certificate")
        imap.ok("SELECT INBOX")
        # A broken file is not taken.
        current = presented(relay)
        cert.write_text("this is no certificate")
        relay.signal(signal.SIGHUP)
        time.sleep(0.5)
        assert presented(relay) == current
        imap.ok("NOOP")


def test_bad_certificate_while_no_relay_runs(tmp_path):
    """What is read between two relays and cannot be used is named, and the next relay has what was good."""
    cert, key = certificate(tmp_path)
    os.chmod(tmp_path, 0o755)
    good = cert.read_text()
    with Service(settings={**NO_RATE, "tls_external_cert_and_key": f"{cert} {key}"}) as relay:
        before = presented(relay)
        for n in range(5):  # until there is a pause before the next start
            relay.kill_child()
            wait_until(lambda n=n: relay.log().count("parent.ready") == n + 2, 10, "the next relay")
        cert.write_text(good.replace("-----BEGIN", "-----DAMAGED", 1))
        relay.kill_child()
        wait_until(lambda: relay.log().count("parent.relay_died") == 6, 10, "its end")
        relay.signal(signal.SIGHUP)
        wait_until(lambda: "no readable PEM certificate" in relay.log(), 10, "a refusal")
        assert presented(relay) == before
        # And one that is good is taken while the relay is away.
        certificate(tmp_path)
        for path in (cert, key):
            os.chmod(path, 0o644)
        died = relay.log().count("parent.relay_died")
        relay.kill_child()
        wait_until(lambda: relay.log().count("parent.relay_died") == died + 1, 10, "its end")
        relay.signal(signal.SIGHUP)
        assert wait_until(lambda: presented(relay) != before, 10, "the new certificate")


def test_self_signed_certificate_is_kept():
    """Clients remember the key."""
    with Relay() as relay:
        before = presented(relay)
        relay.stop()
        relay.start()
        assert presented(relay) == before


# ---- starting ----


def start_and_fail(*args):
    """A start that must end by itself, quickly, with a sentence."""
    done = run_martlet(*args)
    assert done.returncode not in (0, -6, -11, 99), (done.returncode, done.stderr)
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "key,value",
    [
        ("max_message_size", "plenty"),
        ("max_mailbox_size", "5x"),
        ("username_min_length", "-1"),
        ("disable_ipv6", "perhaps"),
        ("max_imap_connections", "99999999999999999999"),
    ],
)
def test_wrong_setting_is_named(tmp_path, key, value):
    text = start_and_fail(
        "dev", "--dir", tmp_path, "--port-offset", free_offset(), "--domain", DOMAIN, "--set", f"{key}={value}"
    )
    assert key in text


def test_unknown_setting_is_a_warning():
    with Relay(settings={"no_such_key": "1"}) as relay:
        assert "no_such_key" in relay.all_output()
        relay.new_account()


def test_wrong_configuration_file_is_named_with_its_line(tmp_path):
    """File, line, key and reason, as the operator needs them."""
    path = tmp_path / "chatmail.ini"
    path.write_text(f"# a comment\n[params]\nmail_domain = {DOMAIN}\nmax_mailbox_size = 5x\n")
    text = start_and_fail("serve", "--config", path, "--port-offset", free_offset())
    assert f"{path.name}:4" in text and "max_mailbox_size" in text, text
    path.write_text("[params]\nmax_mailbox_size = 5M\n")
    text = start_and_fail("serve", "--config", path, "--port-offset", free_offset())
    assert "mail_domain" in text


def test_taken_port_is_named(tmp_path):
    with Relay() as relay:
        text = start_and_fail("dev", "--dir", tmp_path, "--port-offset", relay.offset, "--domain", DOMAIN)
        assert any(str(relay.port(p)) in text for p in STANDARD_PORTS), text
        relay.new_account()


def test_certificate_that_does_not_match_is_named(tmp_path):
    """The key of another certificate, a certificate that is none, a file that is not there: a sentence, and no start."""
    cert, key = certificate(tmp_path)
    (tmp_path / "other").mkdir()
    other_key = certificate(tmp_path / "other")[1]
    none = tmp_path / "none.pem"
    none.write_text("this is no certificate")
    user = "user = root\n" if os.geteuid() == 0 else ""
    for pair, words in (((cert, other_key), "does not match"), ((none, key), "certificate"), ((cert, tmp_path / "gone"), "gone")):
        path = tmp_path / "chatmail.ini"
        path.write_text(f"[params]\nmail_domain = {DOMAIN}\nstate_dir = {tmp_path}/state\n"
                        f"{user}tls_external_cert_and_key = {pair[0]} {pair[1]}\n")
        text = start_and_fail("serve", "--config", path, "--port-offset", free_offset())
        assert words in text, text


def test_unusable_state_directory_is_named(tmp_path):
    path = tmp_path / "file"
    path.write_text("in the way")
    text = start_and_fail("dev", "--dir", path, "--port-offset", free_offset(), "--domain", DOMAIN)
    assert str(path) in text


def test_unknown_command_and_help():
    done = run_martlet("no-such-command")
    assert done.returncode != 0 and "no-such-command" in done.stderr
    done = run_martlet("--help")
    assert done.returncode == 0 and "verify" in done.stdout
    done = run_martlet("--version")
    assert done.returncode == 0 and "martlet" in done.stdout


# ---- verify ----


def test_verify_finds_nothing_wrong_and_then_the_damage():
    with Relay(settings=NO_RATE) as relay:
        sender, receiver = relay.new_account(), relay.new_account()
        assert send_one(relay, sender, receiver)[0] == 250
        assert send_one(relay, sender, receiver, mail.encrypted(sender.address, size=300_000))[0] == 250
        relay.stop()
        done = run_martlet("verify", relay.state)
        assert done.returncode == 0, done.stdout + done.stderr
        body = max(
            (p for p in relay.state.rglob("*") if p.is_file() and 300_000 < p.stat().st_size < 600_000),
            key=lambda p: p.stat().st_size,
        )
        octets = bytearray(body.read_bytes())
        octets[len(octets) // 2] ^= 1
        body.write_bytes(octets)
        done = run_martlet("verify", relay.state)
        assert done.returncode != 0 and done.stdout + done.stderr
        body.unlink()
        assert run_martlet("verify", relay.state).returncode != 0
        relay.start()
        with relay.imap(receiver) as imap:  # what is whole can still be read
            imap.ok("SELECT INBOX")
            assert len(imap.fetch("1")) == 1


# ---- the disk is full ----


@contextlib.contextmanager
def small_disk(settings, size):
    """A relay whose state directory is a small file system of its own, and a function that fills and frees it. `size` is
    in megabytes, or "MEGABYTES:INODES"."""
    folder = pathlib.Path("/tmp") / f"martlet-disk-{os.getpid()}-{time.monotonic_ns()}"
    state = folder / "state"
    state.mkdir(parents=True)
    os.chmod(folder, 0o755)
    control = folder / "control"
    unshare = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "--map-current-user", "--keep-caps", "-m"]
    wrapper = [*unshare, sys.executable, str(HERE / "small_disk.py"), str(state), str(size), str(control)]

    def command(word):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(control))
            s.sendall(word.encode())
            s.shutdown(socket.SHUT_WR)
            return s.recv(100).decode()

    try:
        with Relay(settings=settings, state=state, wrapper=wrapper) as relay:
            try:
                yield relay, command
            finally:
                with contextlib.suppress(OSError):
                    command("end")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_full_disk_refuses_for_a_while_and_loses_nothing():
    """452 for everyone, nothing half done; when there is room again, all goes on without a restart."""
    with small_disk({**NO_RATE, "min_free_disk_space": "0"}, 24) as (relay, command):
        sender, receiver = relay.new_account(), relay.new_account()
        taken = [mail.new_id() for _ in range(3)]
        for message_id in taken:
            assert send_one(relay, sender, receiver, mail.encrypted(sender.address, message_id))[0] == 250
        assert command("fill") == "filled"
        refused = []
        for size in [1200] * 20 + [300_000] * 3:
            message_id = mail.new_id()
            code, text = send_one(relay, sender, receiver, mail.encrypted(sender.address, message_id, size=size))
            if code == 250:  # room in what the store had already allocated
                taken.append(message_id)
            else:
                assert code == 452, (code, text)
                refused.append(message_id)
        assert len(refused) >= 3
        with relay.imap(receiver) as imap:  # reading still works
            imap.ok("SELECT INBOX")
            assert sorted(imap.message_ids().values()) == sorted(taken)
        assert command("free") == "freed"

        def send(message_id):
            return send_one(relay, sender, receiver, mail.encrypted(sender.address, message_id, size=1200))[0]

        wait_until(lambda: send(refused[0]) == 250, 5, "the relay to see the room")  # it looks five times a second
        for message_id in refused[1:]:
            assert send(message_id) == 250
        with relay.imap(receiver) as imap:
            imap.ok("SELECT INBOX")
            assert sorted(imap.message_ids().values()) == sorted(taken + refused)


def test_deleting_works_on_a_full_disk():
    """The way out of a full disk is to delete; when the store has no room for that, it says NO and lives."""
    with small_disk({**NO_RATE, "min_free_disk_space": "0"}, 24) as (relay, command):
        sender, receiver = relay.new_account(), relay.new_account()
        for _ in range(4):
            assert send_one(relay, sender, receiver, mail.encrypted(sender.address, size=2_000_000))[0] == 250
        command("fill")
        with relay.imap(receiver) as imap:
            imap.ok("SELECT INBOX")
            reply = imap.command("UID STORE 1:* +FLAGS (\\Deleted)")
            assert reply.status in (b"OK", b"NO")
        command("free")
        with relay.imap(receiver) as imap:
            imap.ok("SELECT INBOX")
            imap.ok("UID STORE 1:* +FLAGS (\\Deleted)")
            imap.ok("CLOSE")
            imap.ok("SELECT INBOX")
            assert imap.uids() == []


def test_two_loops_serve_many_at_once():
    """Not a benchmark: a hundred sessions at once, each sending and reading, end well within the time."""
    with Relay(settings=NO_RATE) as relay:
        accounts = [relay.new_account() for _ in range(10)]
        failures = []

        def work(account):
            try:
                with relay.smtp(account) as smtp, relay.imap(account) as imap:
                    for other in accounts:
                        assert (
                            smtp.send_message(account.address, [other.address], mail.encrypted(account.address))[0]
                            == 250
                        )
                    imap.wait_messages(len(accounts))
            except Exception as error:
                failures.append(repr(error))

        threads = [threading.Thread(target=work, args=(a,)) for a in accounts]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert failures == []
        assert [count(relay, a) for a in accounts] == [len(accounts)] * len(accounts)
