# SPDX-License-Identifier: MIT
"""`martlet status` and `martlet metrics`, beside what really happened."""
import contextlib
import ctypes
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import mail
import pytest
from admin import run
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from push_gateway import PushGateway
from relay import DOMAIN, NO_RATE, TOP, TURN_PORT, Relay, Service, binary_path, release_binary_path, run_martlet, wait_until

SERVICES = {"imap", "smtps", "submission", "smtp-443", "smtp", "mxdeliv", "handshakes-443", "https", "http", "metrics", "control"}
# What stands for itself in a label: words of ours, sizes, our version, and the bounds of histograms.
WORD = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*|\d+[KM]|\d+\.\d+(\.\d+)?|\+Inf")


@pytest.fixture(scope="module")
def watched():
    with Relay(settings=NO_RATE) as relay:
        yield relay


def families(relay):
    text = run(relay, "metrics").stdout
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1
    return {family.name: family for family in text_string_to_metric_families(text)}


def values(relay):
    """{(sample's name, value of its label or None): number}"""
    samples = (sample for family in families(relay).values() for sample in family.samples)
    return {(sample.name, next(iter(sample.labels.values()), None)): sample.value for sample in samples}


REDUCED = "the protection is reduced"  # what a kernel without Landlock is told of: it is none of the tests' business here


def status(relay, ok=True):
    done = run_martlet("status", "--json", "--dir", relay.state)
    found = json.loads(done.stdout)
    assert done.returncode == (1 if found["attention"] else 0) and done.stderr == "", done
    found["attention"] = [sentence for sentence in found["attention"] if not sentence.startswith(REDUCED)]
    assert (found["attention"] == []) == ok, found["attention"]
    return found


def screen(relay, ok=True):
    done = run_martlet("status", "--dir", relay.state)
    text = re.sub(rf"(?m)^attention: {REDUCED}.*\n(  .*\n)*", "", done.stdout)
    text += "nothing needs attention\n" if text.endswith("\n\n") else ""
    assert done.stderr == "" and done.returncode == (0 if done.stdout.endswith("\nnothing needs attention\n") else 1), done
    assert text.endswith("\nnothing needs attention\n") == ok, text
    return text


def grown(before, after):
    """What has changed, but for times and sizes."""
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}


def test_metrics_are_openmetrics(watched):
    found = families(watched)
    for name, family in found.items():
        assert family.documentation.endswith("."), name
        for sample in family.samples:
            assert len(sample.labels) <= 1 and all(WORD.fullmatch(value) for value in sample.labels.values()), sample
    assert {name for name, family in found.items() if family.type == "unknown"} >= {"delivered_mail", "created_accounts"}
    assert found["martlet_store_commit_seconds"].type == "histogram" and found["martlet_store_commit_seconds"].unit == "seconds"
    assert found["martlet_connections"].type == "gauge" and found["martlet_inbound_messages"].type == "counter"
    assert {"martlet_http_answers", "martlet_connections_ended", "martlet_connections_over_limit"} <= set(found)
    assert {sample.labels["service"] for sample in found["martlet_connections"].samples} == SERVICES
    assert values(watched)[("process_resident_memory_bytes", None)] > 1e6


def test_counts_what_happens(watched):
    before = values(watched)
    alice, bob = watched.new_account(), watched.new_account()
    with watched.imap(alice), watched.smtp(alice) as smtp:
        assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250
        assert smtp.send_message(alice.address, [bob.address], mail.plain(alice.address))[0] == 523
        # Those of before are gone as soon as their loop has noticed.
        wait_until(lambda: values(watched)[("martlet_connections", "imap")] == 1, 60, "the count of what is open")
    with watched.imap(bob) as imap:
        imap.ok("SELECT INBOX")
        tag = imap.begin("IDLE")
        assert imap.read_line().startswith(b"+")
        assert values(watched)[("martlet_imap_idle", None)] == 1
        imap.send(b"DONE\r\n")
        assert imap.finish(tag).status == b"OK"
        assert values(watched)[("martlet_imap_idle", None)] == 0
    with watched.imap() as imap:
        assert imap.command(f'LOGIN {alice.address} "a wrong password"').status == b"NO"
    now = grown(before, values(watched))
    assert now[("martlet_submitted_messages_total", "accepted")] == now[("outgoing_encrypted_mail_count", None)] == 1
    assert now[("martlet_submitted_messages_total", "unencrypted")] == now[("rejected_unencrypted_mail_count", None)] == 1
    assert now[("filtered_outgoing_mail_count", None)] == 2
    assert now[("martlet_deliveries_total", "delivered")] == now[("delivered_mail", None)] == 1
    assert now[("martlet_created_accounts_total", "user")] == now[("created_accounts", None)] == 2
    assert now[("martlet_imap_logins_total", "denied")] == 1
    assert now[("martlet_store_commit_seconds_count", None)] >= 1
    wait_until(lambda: values(watched)[("martlet_connections", "imap")] == 0, 60, "the end of all connections")
    messages = status(watched)["messages"]
    assert messages["minute"]["submitted"] >= 1 and messages["day"]["delivered"] >= 1 and messages["hour"]["refused"] >= 1


def test_old_names_agree(watched):
    now = values(watched)
    assert now[("filtered_incoming_mail_count", None)] == sum(
        value for (name, _), value in now.items() if name == "martlet_inbound_messages_total")


def test_status_screen(watched):
    text = screen(watched)
    assert text.isascii() and "\x1b" not in text and all(len(line) <= 80 for line in text.splitlines())
    assert text.startswith("martlet ") and f" for {DOMAIN}, up for " in text.splitlines()[0]
    for title in ("ports", "certificate", "connections", "messages", "queue", "notifications", "TURN", "iroh", "store", "memory",
                  "limits", "protection"):
        assert re.search(rf"(?m)^{title} +\S", text), title
    assert text.endswith("\nnothing needs attention\n")


def test_status_json(watched):
    found = status(watched)
    assert found["domain"] == DOMAIN and found["attention"] == [] and "ok" not in found
    ports = {(port["service"], port["port"]) for port in found["ports"]}
    assert ("imaps", watched.port("imaps")) in ports and ("https", watched.port("https")) in ports
    assert {row["service"] for row in found["connections"]} == SERVICES
    assert found["store"]["accounts"] == values(watched)[("accounts", None)] and found["store"]["database_octets"] > 4096
    assert found["memory"]["resident_octets"] > 1e6
    assert found["certificate"]["days_left"] > 365 and found["certificate"]["public"] is False
    assert "no_new_privs=on" in found["sandbox"]["report"]
    assert found["running"] is True and found["certificate"]["self_signed"] is True
    assert found["settings"]["registration"] == "open" and found["settings"]["max_mailbox_octets"] > 1e6
    limits = {row["name"]: row for row in found["limits"]}
    assert {f"connections of {service}" for service in SERVICES} <= set(limits)
    assert limits["connections of imap"]["limit"] == 10000 and limits["places in the queue"]["used"] == 0
    disk = shutil.disk_usage(watched.state)
    assert abs(limits["the disk"]["limit"] - disk.total) < disk.total / 100 and limits["the disk"]["octets"] is True


def test_manual_names_each_key(watched):
    """What the answer holds stands in the manual, and what the manual names in the answer."""
    text = (TOP / "docs" / "man" / "martlet-status.1").read_text()
    named = set(re.findall(r"^\.It Va (\w+)", text, re.MULTILINE))
    optional = {"dns", "state_dir"}  # of a public domain, of a relay that rests
    found = status(watched)
    assert set(found) - optional == named - optional
    # So do the members of each, with those of one that is not here.
    found["dns"] = dict.fromkeys(["looked_at", "tried_at", "age_s", "tried_age_s", "right", "missing", "wrong", "unknown", "records"])
    entries = {key: entry for key, entry in re.findall(r"^\.It Va (\w+)\n(.*?)(?=^\.It |^\.El)", text, re.MULTILINE | re.DOTALL)}
    for key, value in found.items():
        rows = value if isinstance(value, list) else [value]
        for member in {name for row in rows if isinstance(row, dict) for name in row}:
            assert re.search(rf"\b{member}\b", entries[key]), (key, member)


def test_real_time(watched):
    found = status(watched)
    assert found["push"]["on"] is False  # the domain has no place in the DNS
    assert found["turn"]["on"] and found["turn"]["counts"]["allocations"] == 0
    assert found["iroh"]["on"] and found["iroh"]["served"] and found["iroh"]["url"].startswith("http://127.0.0.1:")
    before = values(watched)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun:
        stun.settimeout(60)
        stun.sendto(bytes.fromhex("000100002112a442") + bytes(12), ("127.0.0.1", watched.port(TURN_PORT)))
        assert stun.recv(2000)[:2] == b"\x01\x01"
    assert grown(before, values(watched))[("martlet_turn_successes_total", "binding")] == 1
    assert re.search(r"(?m)^TURN +on, relayed ports 49152-65535\n +successes binding 1", screen(watched))


def test_manual_names_what_is_there(watched):
    """Each metric of docs/realtime.md, and each value of a label that it speaks of, is one of the relay's."""
    text = (TOP / "docs" / "realtime.md").read_text()
    found = families(watched)
    named = {name.removesuffix("_total") for name in re.findall(r"\bmartlet_(?:push|turn|iroh|udp)_[a-z_]+", text)}
    assert len(named) > 15 and named <= set(found), named - set(found)
    counted = {name for name in found if re.match(r"martlet_(push|turn|iroh|udp)_", name)}
    assert counted <= named, counted - named


def test_services_that_are_off():
    with Relay(settings={"push_gateway": "", "turn": "false", "iroh_relay": ""}) as relay:
        text = screen(relay)
        for title in ("notifications", "TURN", "iroh"):
            assert re.search(rf"(?m)^{title} +off$", text), title
    with Relay(settings={"iroh_relay": "https://relay.example"}) as relay:
        assert re.search(r"(?m)^iroh +served elsewhere, https://relay.example$", screen(relay))


def test_what_is_off():
    settings = {"push_gateway": "", "turn": "false", "iroh_relay": "", "disable_ipv6": "true", "registration": "closed"}
    with Relay(settings=settings) as relay:
        assert status(relay)["off"] == ["new accounts (registration)", "notifications (push_gateway)", "TURN (turn)",
                                        "iroh (iroh_relay)", "IPv6 (disable_ipv6)"]
        text = screen(relay)
        assert re.search(r"(?m)^switched off +new accounts \(registration\), notifications", text)
        assert re.search(r"(?m)^ports +smtp \d+, .*\n(.*\n)?.* on 127\.0\.0\.1$", text), text


def test_what_protects():
    """In words that need no manual, of the build that runs in service."""
    with Relay(binary=release_binary_path()) as relay:
        text = screen(relay)
        shown = " ".join(re.search(r"(?ms)^protection +(.*?)^\S", text + "end").group(1).split())
        report = status(relay)["sandbox"]["report"]
        for said, words in (("seccomp=on", "system calls filtered"), ("no_new_privs=on", "no new privileges"),
                            ("dumpable=off", "memory and core dumps off limits")):
            assert (said in report) == (words in shown), (report, shown)
        assert "=" not in shown


def without_landlock():
    """What a kernel without it answers: ENOSYS to landlock_create_ruleset, from here on and for all children."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    create = library.seccomp_syscall_resolve_name(b"landlock_create_ruleset")
    context = ctypes.c_void_p(library.seccomp_init(0x7FFF0000))  # SCMP_ACT_ALLOW
    assert library.seccomp_rule_add(context, 0x00050000 | errno.ENOSYS, create, 0) == 0  # SCMP_ACT_ERRNO
    library.seccomp_load(context)  # qemu-user has no seccomp, and no Landlock either


def test_reduced_protection_needs_attention():
    with Relay(binary=release_binary_path(), preexec=without_landlock) as relay:
        done = run_martlet("status", "--dir", relay.state)
        assert done.returncode == 1 and "files not confined (the kernel has no Landlock)" in " ".join(done.stdout.split())
        sentence, = json.loads(run_martlet("status", "--json", "--dir", relay.state).stdout)["attention"]
        assert sentence.startswith("the protection is reduced: this kernel has no Landlock")
        assert f"attention: {sentence}" in " ".join(done.stdout.split())


def test_a_relay_that_does_not_run(tmp_path):
    with Service() as relay:
        assert json.loads(run_martlet("status", "--json", "--config", relay.config_path).stdout)["running"] is True
        relay.stop()
        done = run_martlet("status", "--config", relay.config_path)
        assert done.returncode == 3 and done.stderr == "" and all(len(line) <= 80 for line in done.stdout.splitlines())
        assert re.match(rf"martlet \S+ for {DOMAIN}, not running\n", done.stdout)
        assert re.search(r"(?m)^certificate +\d+ days left", done.stdout) and re.search(r"(?m)^store +database \d+ ", done.stdout)
        assert "no relay runs with the state directory" in " ".join(done.stdout.split())
        found = json.loads(run_martlet("status", "--json", "--config", relay.config_path).stdout)
        assert found["running"] is False and found["store"]["database_octets"] > 4096 and len(found["attention"]) == 1
        relay.start()
    done = run_martlet("status", "--config", tmp_path / "none.ini")
    assert done.returncode == 1 and done.stdout == "" and "there is no configuration at" in done.stderr


def test_notifications_that_wait():
    with PushGateway() as gateway:
        gateway.shut()  # connections are refused
        with Relay(settings={**NO_RATE, "push_gateway": gateway.url}) as relay:
            alice, bob = relay.new_account(), relay.new_account()
            with relay.imap(bob) as imap:
                imap.ok('SETMETADATA INBOX (/private/devicetoken "secret-token")')
            with relay.smtp(alice) as smtp:
                assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250
            wait_until(lambda: values(relay)[("martlet_push_answers_total", "connect")] >= 1, 20, "an attempt")
            found = status(relay, ok=False)
            assert found["attention"] == [
                "the notification gateway did not answer when it was asked last; the relay's log says why"]
            assert found["push"]["on"] and found["push"]["gateway"] == "127.0.0.1"
            assert found["push"]["pending"] == found["push"]["tokens"] == 1
            now = values(relay)
            assert now[("martlet_push_pending", "first")] + now[("martlet_push_pending", "again")] == 1
            shown = screen(relay, ok=False)
            assert re.search(r"(?m)^notifications +on, gateway 127.0.0.1, 1 pending", shown)
            assert "secret-token" not in shown + json.dumps(found) + run(relay, "metrics").stdout
            gateway.open()
            gateway.wait(1, timeout=20)
            wait_until(lambda: "notification gateway did not" not in run_martlet("status", "--dir", relay.state).stdout, 10, "nothing to look after")


def test_what_waits_is_counted():
    settings = {**NO_RATE, "outbound_smtp_port": 9, "outbound_https_port": 9, "dns_forward": "127.0.0.1@9", "queue_retry_min": 4000}
    with Relay(settings=settings) as relay:
        alice = relay.new_account()
        with relay.smtp(alice) as smtp:
            for domain, n in (("few.example", 1), ("many.example", 3)):
                for _ in range(n):
                    assert smtp.send_message(alice.address, [f"bob@{domain}"], mail.encrypted(alice.address))[0] == 250
        queue = status(relay)["queue"]
        assert (queue["destinations"], queue["messages"], queue["recipients"]) == (2, 4, 4)
        assert [(row["destination"], row["messages"]) for row in queue["largest"]] == [("many.example", 3), ("few.example", 1)]
        assert "4 messages for 2 destinations" in screen(relay)
        assert values(relay)[("martlet_queue_waiting", "messages")] == 4
        assert "example" not in run(relay, "metrics").stdout


def test_a_limit_comes_near():
    with Relay(settings={**NO_RATE, "max_imap_connections": 5}) as relay, contextlib.ExitStack() as stack:
        alice = relay.new_account()
        wait_until(lambda: values(relay)[("martlet_connections", "imap")] == 0, 60, "the end of the first connection")
        for _ in range(3):
            stack.enter_context(relay.imap(alice))
        assert screen(relay).endswith("\nnothing needs attention\n")
        stack.enter_context(relay.imap(alice))
        text = screen(relay, ok=False)
        assert re.search(r"(?m)^limits +connections of imap 4 of 5 \(80 %\)", text)
        assert text.endswith("\nattention: connections of imap: 4 of 5 are in use\n")
        assert status(relay, ok=False)["attention"] == ["connections of imap: 4 of 5 are in use"]


def test_little_disk():
    with Relay(settings={**NO_RATE, "min_free_disk_space": "900000G"}) as relay:
        attention = status(relay, ok=False)["attention"]
        assert len(attention) == 1 and attention[0].endswith("(min_free_disk_space)")


@pytest.mark.parametrize("settings, want", [
    ({"min_available_memory": "900000G"}, r"this machine has \d+ MB of memory available; no accounts are made below 921600000 MB \(min_available_memory\)"),
    ({"max_load_1m": "0"}, r"the load of this machine is \d+\.\d\d; no accounts are made above 0 \(max_load_1m\)")])
def test_little_of_the_machine(settings, want):
    """Why an account is refused that everything else allows."""
    if "max_load_1m" in settings and os.getloadavg()[0] == 0:
        return  # nothing is above 0 on a machine that is idle, or does not count
    with Relay(settings={**NO_RATE, **settings}) as relay:
        sentence, = status(relay, ok=False)["attention"]
        assert re.fullmatch(want, sentence), sentence


def test_a_certificate_that_clients_refuse():
    """The stand-in until the CA has issued one: nobody can use such a relay."""
    with Service(settings={"mail_domain": "chat.example.org", "certificate": "acme", "acme_directory": "https://127.0.0.1:9/"}) as relay:
        done = run_martlet("status", "--json", "--config", relay.config_path)
        assert "clients refuse the certificate; see `martlet certificate`" in json.loads(done.stdout)["attention"], done
        assert done.returncode == 1


def test_a_reload(watched):
    started = values(watched)[("process_start_time_seconds", None)]
    watched.signal(signal.SIGHUP)
    assert values(watched)[("process_start_time_seconds", None)] == started
    assert status(watched)["certificate"]["days_left"] > 365


def test_mistakes(watched, tmp_path):
    for command in ("status", "metrics"):
        assert run_martlet(command, "now", "--dir", watched.state).returncode == 2
        assert run_martlet(command, "--jsn", "--dir", watched.state).returncode == 2
        done = run_martlet(command, "--dir", tmp_path)
        where = done.stdout.replace("\n  ", " ") if command == "status" else done.stderr
        assert done.returncode == (3 if command == "status" else 1) and "no relay runs with the state directory" in where
        assert run_martlet("help", command).stdout.startswith(f"usage: martlet {command}")


@pytest.mark.parametrize("command", ["status", "metrics", "certificate", "account list"])
def test_output_that_cannot_be_written(watched, command):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary_path(), *command.split(), "--dir", watched.state], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "the output could not be written" in done.stderr
