# SPDX-License-Identifier: MIT
"""`martlet status` and `martlet metrics`, beside what really happened."""
import contextlib
import json
import re
import signal
import socket

import mail
import pytest
from admin import run
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from push_gateway import PushGateway
from relay import DOMAIN, NO_RATE, TOP, TURN_PORT, Relay, run_martlet, wait_until

SERVICES = {"imap", "smtps", "submission", "smtp-443", "smtp", "mxdeliv", "handshakes-443", "https", "http", "control"}
# What stands for itself in a label: words of ours, and the bounds of histograms.
WORD = re.compile(r"[a-z0-9]+([_-][a-z0-9]+)*|\d+\.\d+|\+Inf")


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


def status(relay, ok=True):
    return json.loads(run(relay, "status", "--json", ok=ok).stdout)


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
        now = grown(before, values(watched))
        assert now[("martlet_connections", "imap")] == 1
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
    assert now[("martlet_created_accounts_total", None)] == now[("created_accounts", None)] == 2
    assert now[("martlet_imap_logins_total", "denied")] == 1
    assert now[("martlet_store_commit_seconds_count", None)] >= 1
    assert ("martlet_connections", "imap") not in now
    messages = status(watched)["messages"]
    assert messages["minute"]["submitted"] >= 1 and messages["day"]["delivered"] >= 1 and messages["hour"]["refused"] >= 1


def test_old_names_agree(watched):
    now = values(watched)
    assert now[("filtered_incoming_mail_count", None)] == sum(
        value for (name, _), value in now.items() if name == "martlet_inbound_messages_total")


def test_status_screen(watched):
    done = run(watched, "status")
    text = done.stdout
    assert done.stderr == "" and text.isascii() and "\x1b" not in text and all(len(line) <= 120 for line in text.splitlines())
    assert text.startswith("martlet ") and f" for {DOMAIN}, up for " in text.splitlines()[0]
    for title in ("ports", "certificate", "connections", "messages", "queue", "notifications", "TURN", "iroh", "store", "memory",
                  "sandbox"):
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
    assert {"push", "turn", "iroh"} <= set(found)


def test_real_time(watched):
    found = status(watched)
    assert found["push"]["on"] is False  # the domain has no place in the DNS
    assert found["turn"]["on"] and found["turn"]["counts"]["allocations"] == 0
    assert found["iroh"]["on"] and found["iroh"]["served"] and found["iroh"]["url"].startswith("http://127.0.0.1:")
    before = values(watched)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stun:
        stun.settimeout(10)
        stun.sendto(bytes.fromhex("000100002112a442") + bytes(12), ("127.0.0.1", watched.port(TURN_PORT)))
        assert stun.recv(2000)[:2] == b"\x01\x01"
    assert grown(before, values(watched))[("martlet_turn_successes_total", "binding")] == 1
    assert re.search(r"(?m)^TURN +on, relayed ports 49152-65535\n +successes binding 1", run(watched, "status").stdout)


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
        text = run(relay, "status").stdout
        for title in ("notifications", "TURN", "iroh"):
            assert re.search(rf"(?m)^{title} +off$", text), title
    with Relay(settings={"iroh_relay": "https://relay.example"}) as relay:
        assert re.search(r"(?m)^iroh +served elsewhere, https://relay.example$", run(relay, "status").stdout)


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
            shown = run(relay, "status", ok=False).stdout
            assert re.search(r"(?m)^notifications +on, gateway 127.0.0.1, 1 pending", shown)
            assert "secret-token" not in shown + json.dumps(found) + run(relay, "metrics").stdout
            gateway.open()
            gateway.wait(1, timeout=20)
            wait_until(lambda: run_martlet("status", "--dir", relay.state).returncode == 0, 10, "nothing to look after")


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
        assert "4 messages for 2 destinations" in run(relay, "status").stdout
        assert values(relay)[("martlet_queue_waiting", "messages")] == 4
        assert "example" not in run(relay, "metrics").stdout


def test_a_limit_comes_near():
    with Relay(settings={**NO_RATE, "max_imap_connections": 5}) as relay, contextlib.ExitStack() as stack:
        alice = relay.new_account()
        for _ in range(3):
            stack.enter_context(relay.imap(alice))
        assert run(relay, "status").stdout.endswith("\nnothing needs attention\n")
        stack.enter_context(relay.imap(alice))
        done = run(relay, "status", ok=False)
        assert done.returncode == 1 and done.stderr == ""
        assert done.stdout.endswith("\nattention: connections of imap: 4 of 5 are in use\n")
        assert status(relay, ok=False)["attention"] == ["connections of imap: 4 of 5 are in use"]


def test_little_disk():
    with Relay(settings={**NO_RATE, "min_free_disk_space": "900000G"}) as relay:
        attention = status(relay, ok=False)["attention"]
        assert len(attention) == 1 and attention[0].endswith("(min_free_disk_space)")


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
        assert done.returncode == 1 and done.stdout == "" and "no relay runs with the state directory" in done.stderr
        assert run_martlet("help", command).stdout.startswith(f"usage: martlet {command}")
