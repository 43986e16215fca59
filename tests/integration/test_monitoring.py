# SPDX-License-Identifier: MIT
"""Metrics by HTTP, beside their documentation; and what is made of them: alerts, a dashboard, a real Prometheus."""
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile

import mail
import pytest
from prometheus import OPENMETRICS, PLAIN, Prometheus, family_of, get, names_in, promtool
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_plain
from relay import METRICS_PORT, DOMAIN, NO_RATE, TOP, Account, Relay, Service, binary_path, free_offset, run_martlet, wait_until
from timelimit import GUARD

PACKAGING = TOP / "packaging"
RULES = PACKAGING / "prometheus" / "martlet.rules.yml"


@pytest.fixture(scope="module")
def watched():
    with Relay(settings={**NO_RATE, "metrics_address": "127.0.0.1"}) as relay:
        yield relay


def families(relay):
    return {family.name: family for family in parse_openmetrics(get(relay, Accept=OPENMETRICS)[2])}


def samples(relay):
    return {(s.name, next(iter(s.labels.values()), None)): s.value for f in families(relay).values() for s in f.samples}


# ---- the listener ----


@pytest.mark.parametrize(
    "accept, want",
    [
        ("application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
         "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", OPENMETRICS),
        ("application/openmetrics-text", OPENMETRICS),
        ("application/openmetrics-text;version=2.0.0,text/plain;version=0.0.4;q=0.5", PLAIN),
        ("application/openmetrics-text;q=0.1,text/plain", PLAIN),
        ("application/openmetrics-text;q=0", PLAIN),
        ("*/*", PLAIN),
        ("", PLAIN),
    ],
)  # fmt: skip
def test_formats(watched, accept, want):
    for coding in ("gzip", "identity"):
        status, fields, text = get(watched, Accept=accept, Accept_Encoding=coding)
        assert status == 200 and fields["Content-Type"] == want
        assert fields["Content-Encoding"] == ("gzip" if coding == "gzip" else None)
        assert (text.count("# EOF\n") == 1 and text.endswith("# EOF\n")) == (want == OPENMETRICS)
        found = {f.name for f in (parse_openmetrics if want == OPENMETRICS else parse_plain)(text)}
        assert {"martlet_accounts", "martlet_deliveries", "process_resident_memory_bytes"} <= found


def test_nothing_else(watched):
    assert get(watched, "/")[0] == get(watched, "/new")[0] == get(watched, "/metrics/x")[0] == 404
    status, fields, _ = get(watched, method="POST")
    assert status == 405 and fields["Allow"] == "GET, HEAD"
    status, fields, text = get(watched, method="HEAD")
    assert status == 200 and int(fields["Content-Length"]) > 10000 and text == ""


def test_one_connection_many_readings(watched):
    client = http.client.HTTPConnection("127.0.0.1", METRICS_PORT + watched.offset, timeout=GUARD)
    spent = []
    for _ in range(20):
        client.request("GET", "/metrics?x=1")
        text = client.getresponse().read().decode()
        assert "martlet_accounts" in text
        spent.append(float(re.search(r"^martlet_scrape_seconds_sum (\S+)$", text, re.MULTILINE)[1]))
    client.close()
    # Of a loop, sanitizers included; the shortest, which nothing else on the machine has interrupted. Some milliseconds.
    assert 0 < min(after - before for before, after in itertools.pairwise(spent)) < 0.03


def test_readers_that_do_not_read(watched):
    address = ("127.0.0.1", METRICS_PORT + watched.offset)
    slow = []
    for _ in range(30):
        s = socket.create_connection(address, timeout=GUARD)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        with contextlib.suppress(OSError):  # it may be one too many
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        slow.append(s)
    account = watched.new_account()
    with watched.imap(account):  # users have places of their own
        pass
    assert watched.request("/")[0] == 200
    for s in slow:
        s.close()

    def is_served():
        with contextlib.suppress(OSError, http.client.HTTPException):
            return get(watched)[0] == 200
        return False

    wait_until(is_served, GUARD, "a place for a reader")
    assert samples(watched)[("martlet_connections_over_limit_total", "far-over")] >= 1


def test_default_is_closed():
    with Relay() as relay:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", METRICS_PORT + relay.offset), timeout=GUARD)


def test_older_key():
    with Service(settings={"mtail_address": "127.0.0.1"}) as relay:
        assert get(relay)[0] == 200


@pytest.mark.parametrize(
    "value, why",
    [
        ("0.0.0.0", "must be a loopback or private address"),
        ("192.0.2.7:3903", "must be a loopback or private address"),
        ("[2001:db8::1]:3903", "must be a loopback or private address"),
        ("localhost:3903", "must be a loopback or private IP address, with a port if not 3903"),
        ("127.0.0.1:99999", "must be a loopback or private IP address, with a port if not 3903"),
        ("10.255.255.254", "this machine has no address 10.255.255.254"),
        ("127.0.0.1:993", "is that of imaps; name another, as in 127.0.0.1:3903"),
        ("[::1]:80", "is that of http; name another, as in [::1]:3903"),
    ],
)
def test_mistakes(tmp_path, value, why):
    offset = free_offset()
    done = run_martlet("dev", "--dir", tmp_path / "state", "--port-offset", offset, "--set", f"metrics_address={value}")
    assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1, done.stderr
    assert "metrics_address" in done.stderr and why in done.stderr


def test_taken_port(tmp_path):
    offset = free_offset()
    with socket.create_server(("127.0.0.1", METRICS_PORT + offset)):
        done = run_martlet("dev", "--dir", tmp_path / "state", "--port-offset", offset, "--set", "metrics_address=127.0.0.1")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert f"port {METRICS_PORT + offset} (metrics) is taken by " in done.stderr


# ---- the figures ----


def test_valid_for_promtool(watched):
    text = get(watched, Accept="text/plain")[2]
    assert promtool("check", "metrics", text=text) == ""
    with pytest.raises(AssertionError):  # it would tell
        promtool("check", "metrics", text=text.replace("martlet_accounts 0", "martlet_accounts x", 1) + "martlet_bad\n")


def test_counts_what_happens(watched):
    before = samples(watched)
    alice, bob = watched.new_account(), watched.new_account()
    ci = Account.invent()
    ci.address = "ci-" + ci.address[3:]
    with watched.imap(ci):
        pass
    with watched.imap(bob) as imap, watched.smtp(alice) as smtp:
        imap.ok("SELECT INBOX")
        tag = imap.begin("IDLE")
        assert imap.read_line().startswith(b"+")
        assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250
        assert smtp.send_message(alice.address, [bob.address], mail.plain(alice.address))[0] == 523
        assert b"EXISTS" in imap.read_line()
        imap.send(b"DONE\r\n")
        imap.finish(tag)
    wanted = {
        ("martlet_submission_refusals_total", "unencrypted"): 1,
        ("martlet_submission_commit_seconds_count", None): 1,
        ("martlet_delivery_notice_seconds_count", None): 1,
        ("martlet_imap_commands_total", "idle"): 1,
        ("martlet_imap_commands_total", "select"): 1,
        ("martlet_created_accounts_total", "ci"): 1,
        ("created_ci_accounts", None): 1,
        ("created_nonci_accounts", None): 2,
        ("dovecot_imap_idle_total", None): 1,
    }

    def changed():
        return {key: value - before.get(key, 0) for key, value in samples(watched).items() if value != before.get(key, 0)}

    # What is done is counted, by the loop that did it, but not before it is seen.
    wait_until(lambda: (now := changed()) and all(now.get(key, 0) >= value for key, value in wanted.items()), GUARD, "counts")
    now = changed()
    for key, value in wanted.items():
        assert now.get(key) == value, key
    assert now[("martlet_tls_server_handshakes_total", "tls13")] >= 3
    assert now[("martlet_accepted_connections_total", "imap")] == now[("dovecot_client_connected_total", None)] >= 2
    found = samples(watched)
    assert found[("process_open_fds", None)] > 20 and found[("process_max_fds", None)] > 1000
    assert found[("process_cpu_seconds_total", None)] > 0 and found[("martlet_parent_resident_memory_bytes", None)] > 1e6
    assert found[("martlet_store_database_bytes", None)] > 4096 and found[("martlet_disk_free_bytes", None)] > 1e6


HIDDEN = """
mount -o remount,hidepid=invisible /proc || exit 9
"$0" serve --config "$1" --port-offset "$2" &
until "$0" metrics --config "$1" 2>/dev/null; do kill -0 $! || exit 8; sleep 0.1; done
kill $! && wait $!
"""
NOBODY = 65534


@pytest.fixture
def open_folder():
    """Which all users can enter, as they cannot pytest's own."""
    with tempfile.TemporaryDirectory(prefix="martlet-") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        yield folder


def test_parent_of_another_user(open_folder):
    """The package's unit hides the processes of other users (ProtectProc=invisible), and the parent is root's."""
    state = open_folder / "state"
    state.mkdir()
    os.chown(state, NOBODY, NOBODY)
    config = open_folder / "martlet.ini"
    config.write_text(f"[params]\nmail_domain = {DOMAIN}\nstate_dir = {state}\nuser = nobody\n")
    done = subprocess.run(
        ["unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc", "sh", "-c", HIDDEN,
         binary_path(), config, str(free_offset())],
        capture_output=True, text=True, timeout=4 * GUARD, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"^martlet_parent_resident_memory_bytes (\d+)$", done.stdout, re.MULTILINE)[1]) > 1e6


def documented(heading):
    """Rows of the tables below a heading, as lists of cells."""
    text = (TOP / "docs" / "metrics.md").read_text()
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip(" |") for cell in row] for row in rows]


def test_documentation_is_complete(watched):
    found = {name: family for name, family in families(watched).items() if family.type != "unknown"}
    told = {}
    for line in (TOP / "docs" / "metrics.md").read_text().split("\n## Families\n")[1].split("\n## ")[0].splitlines():
        if line.startswith("| `"):
            name, kind, labels, meaning = (cell.strip() for cell in line.strip("|").split("|", 3))
            assert name not in told and meaning
            told[name.strip("`")] = (kind, {label.strip(" `") for label in labels.split(",")} - {""})
    assert set(found) - set(told) == set(), "not in docs/metrics.md"
    assert {name for name in set(told) - set(found) if "where known" not in told[name][0]} == set(), "not exported"
    for name, family in found.items():
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert told[name] == (told[name][0], labels) and told[name][0].split(",")[0] == family.type, name


def test_older_names_are_documented(watched):
    old = {name for name, family in families(watched).items() if family.type == "unknown"}
    told = set(itertools.chain.from_iterable(re.findall(r"`(\w+)`", row[0]) for row in documented("Older names")))
    expiry = {"quota_expire_runs", "quota_expire_removed_files"}
    assert old - told == set() and told - old - expiry == set()


# ---- what is made of them ----


def known(relay):
    told = {row[0].strip("`") for row in documented("Families")}
    return set(families(relay)) | told


def test_alert_rules(watched):
    assert "SUCCESS" in promtool("check", "rules", RULES)
    assert "SUCCESS" in promtool("test", "rules", "martlet.rules.test.yml", cwd=RULES.parent)
    text = RULES.read_text()
    alerts = re.findall(r"- alert: (\w+)\n(.*?)(?=\n      (?:- alert|# ----)|\Z)", text, re.DOTALL)
    assert len(alerts) >= 15
    tests = (RULES.parent / "martlet.rules.test.yml").read_text()
    for name, body in alerts:
        assert all(word in body for word in ("severity: ", "summary: ", "description: ")), name
        assert name in tests, name
        names = names_in(body.split("labels:")[0])
        assert name == "MartletDown" or names
        assert {family_of(n) for n in names} <= known(watched), name


def expressions(dashboard):
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel, target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation, annotation["expr"]


def test_dashboard(watched, tmp_path):
    dashboard = json.loads((PACKAGING / "grafana" / "martlet.json").read_text())
    assert dashboard["schemaVersion"] >= 36 and dashboard["id"] is None and dashboard["uid"] and dashboard["title"]
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    assert set(variables) == {"datasource", "job", "instance"} and variables["datasource"]["type"] == "datasource"
    rows, taken, ids = [], set(), [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] == "row":
            rows.append(panel["title"])
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"} and panel["targets"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)) and panel["type"] in ("stat", "timeseries", "heatmap")
    assert rows == ["Overview", "Accounts and sessions", "Delivery", "Federation", "Real time", "Store", "Machine"]
    rules = {"groups": [{"name": "dashboard", "rules": []}]}
    for panel, expression in expressions(dashboard):
        assert 'job="$job"' in expression and 'instance=~"$instance"' in expression
        assert {family_of(n) for n in names_in(expression)} <= known(watched), (panel.get("title"), expression)
        plain = re.sub(r"\$__(rate_)?interval", "5m", expression).replace("$job", "martlet").replace("$instance", ".+")
        rules["groups"][0]["rules"].append({"record": f"panel:{len(rules['groups'][0]['rules'])}", "expr": plain})
    (tmp_path / "dashboard.yml").write_text(json.dumps(rules))
    assert f"{len(rules['groups'][0]['rules'])} rules found" in promtool("check", "rules", tmp_path / "dashboard.yml")


def test_a_real_prometheus(watched, tmp_path):
    """Under a little load; the rules are evaluated, and a relay that is well has no alert."""
    with Prometheus(tmp_path, watched, RULES) as prometheus:
        def ask(expression):
            """Once there is an answer: on a busy machine it may just have looked in vain."""
            return wait_until(lambda: prometheus.ask(expression), GUARD, expression)[()]

        delivered = 'sum(martlet_deliveries_total{outcome="delivered"})'
        wait_until(lambda: prometheus.ask('up{job="martlet"}') == {(): 1.0}, GUARD, "the first look")
        before = ask(delivered)
        alice, bob = watched.new_account(), watched.new_account()
        with watched.smtp(alice) as smtp, watched.imap(bob):
            for _ in range(20):
                assert smtp.send_message(alice.address, [bob.address], mail.encrypted(alice.address))[0] == 250
        wait_until(lambda: ask(delivered) >= before + 20, GUARD, "its next look")
        assert 0 < ask("histogram_quantile(0.5, martlet_submission_commit_seconds_bucket)") < 30
        assert abs(ask("martlet_clock_seconds - timestamp(martlet_clock_seconds)")) < 30
        groups = prometheus.api("rules")["groups"]
        wait_until(
            lambda: all(r["health"] == "ok" for g in prometheus.api("rules")["groups"] for r in g["rules"]), 20, "all rules")
        assert len(groups[0]["rules"]) >= 15
        firing = {r["name"] for r in prometheus.api("rules")["groups"][0]["rules"] if r["state"] == "firing"}
        assert firing <= {"MartletDiskFull"}  # the disk is the test machine's
