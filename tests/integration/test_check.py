# SPDX-License-Identifier: MIT
"""`martlet check`: a relay that is well, and one thing after the other that is not."""
import json
import os
import re
import signal
import subprocess

import pytest
from admin import run
from between import Between
from push_gateway import PushGateway
from relay import DOMAIN, Relay, Service, public_binary, run_martlet, wait_until
from test_operation import certificate
from timelimit import PATIENCE

PORTS = ["port-25", "port-465", "port-587", "port-143", "port-993", "port-443", "port-80", "port-3478"]
STEPS = ["relay", "configuration", *PORTS, "certificate", "clock", "account-1", "account-2", "submission-465",
         "submission-587", "encryption", "imap-143", "mail-443", "web", "new-account", "autoconfig", "metadata", "turn",
         "iroh", "push-gateway", "clean-up"]


@pytest.fixture(scope="module")
def checked():
    with Relay() as relay:
        yield relay


@pytest.fixture
def self_made(tmp_path):
    return certificate(tmp_path, "somebody.else.test")


def accounts(relay):
    return run(relay, "account", "list", "--json").stdout


def check(relay, *args, code=0, made=0):
    """{step: row}; whatever happens, as many accounts are there as before."""
    done = run_martlet("check", "--json", *args, "--dir", relay.state)
    assert done.returncode == code and done.stderr == "", (done.returncode, done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    assert answer["ok"] == (code == 0)
    assert accounts(relay).count("\n") == made
    return {row["step"]: row for row in answer["steps"]}


def having(rows, verdict):
    return {name for name, row in rows.items() if row["verdict"] == verdict}


def failed(rows, expected):
    """Exactly these have failed, each with a sentence that has this in it."""
    assert having(rows, "failed") == set(expected), rows
    for name, words in expected.items():
        assert re.search(words, rows[name]["text"]), rows[name]


# ---- what is well ----


def test_all_is_well(checked):
    rows = check(checked)
    assert list(rows) == STEPS
    assert having(rows, "failed") == set() and having(rows, "skipped") == {"configuration", "push-gateway"}, rows
    for name in ("account-1", "account-2", "submission-465", "submission-587", "mail-443"):
        assert rows[name]["ms"] > 0
    assert "EXISTS" in rows["submission-465"]["text"] and "523" in rows["encryption"]["text"]
    assert run(checked, "queue", "list", "--json").stdout == ""


def test_lines_for_people(checked):
    done = run_martlet("check", "--dir", checked.state)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and all(len(line) <= 80 for line in lines), done.stdout
    begun = [line for line in lines if re.match(r"ok|failed|skipped", line)]
    assert [line.split()[1] for line in begun] == STEPS
    assert re.fullmatch(r"\d+ ok, 0 failed, 2 skipped in \d+\.\d s", lines[-1])
    assert all(re.search(r"\d ms  ", line) for line in begun if line.startswith("ok"))


@pytest.mark.parametrize("registration", ["invite", "closed"])
def test_strangers_make_no_accounts(registration):
    with Relay(settings={"registration": registration}) as relay:
        rows = check(relay)
        assert "operator" in rows["account-1"]["text"] and registration in rows["new-account"]["text"]
        assert run(relay, "invite", "list", "--json").stdout == "" if registration == "invite" else True


def test_other_accounts_are_left_alone(checked):
    account = checked.new_account()
    check(checked, made=1)
    run(checked, "account", "delete", account.address, "--yes")


def test_the_gateway_is_reached_and_hears_nothing():
    with PushGateway() as gateway, Relay(settings={"push_gateway": gateway.url}) as relay:
        rows = check(relay)
        assert rows["push-gateway"]["verdict"] == "ok" and gateway.requests == []
        gateway.shut()
        failed(check(relay, code=1), {"push-gateway": "127.0.0.1 port .* refused; .*push_gateway"})


# ---- what is not ----


def test_ports_are_shut(checked):
    with Between(checked, without={"submission", "turn"}) as world:
        failed(check(checked, "--host", world.address, code=1), {
            "port-587": "TCP port .* over IPv4: the connection was refused; open it in the firewall",
            "submission-587": "SMTP: the connection was refused",
            "port-3478": "UDP port .*nobody listens there; open it in the firewall",
            "turn": "nothing answers on UDP; open UDP 3478"})


def test_a_port_that_says_something_else(checked):
    """Who is refused, or meets another server, is not at the right place."""
    change = {"smtp": lambda said: said.replace(b"220 ", b"421 4.3.2 "), "imap": lambda said: said.replace(b"* OK", b"* BYE")}
    with Between(checked, change=change) as world:
        failed(check(checked, "--host", world.address, code=1), {
            "port-25": 'it says "421 4.3.2 .*martlet status',
            "port-143": r'it says "\* BYE.*martlet status', "imap-143": "the greeting was"})


def test_clear_text_is_taken(checked, self_made):
    with Between(checked, self_made, change={"smtps": lambda said: said.replace(b"523 ", b"250 ")}) as world:
        failed(check(checked, "--host", world.address, code=1), {"encryption": "a message in clear text was taken"})


def test_another_message_is_delivered(checked, self_made):
    def change(said):
        return re.sub(rb"[0-9a-f]{32}", b"0" * 32, said)

    with Between(checked, self_made, change={"imaps": change}) as world:
        failed(check(checked, "--host", world.address, code=1), {
            "certificate": f"it is self-signed and not for {DOMAIN}", **{name: "it arrived and could not be fetched and deleted: what was fetched is not what was sent"
            for name in ("submission-465", "submission-587")}})


def test_the_web_answers_errors(checked, self_made):
    with Between(checked, self_made, change={"https": lambda said: said.replace(b"HTTP/1.1 200", b"HTTP/1.1 500")}) as world:
        failed(check(checked, "--host", world.address, code=1), {
            "web": "answers 500; see www_folder", "new-account": "/new answers 500", "autoconfig": "answers 500"})


def test_the_clock_is_wrong(checked, self_made):
    def change(said):
        return re.sub(rb"Date: [^\r]+", b"Date: Sat, 21 Nov 2020 22:11:29 GMT", said)

    with Between(checked, self_made, change={"https": change}) as world:
        failed(check(checked, "--host", world.address, code=1), {"clock": r"\d+ s apart; set both with NTP"})


def test_no_account_is_made():
    with Relay(settings={"min_available_memory": "900000G"}) as relay:
        rows = check(relay, code=1)
        failed(rows, {name: "the first login made no account: .*martlet status" for name in ("account-1", "account-2")}
               | {"new-account": "/new answers 503"})
        assert "two accounts" in rows["submission-465"]["text"] and rows["submission-465"]["verdict"] == "skipped"
        assert rows["clean-up"]["verdict"] == "ok"


def test_an_address_has_made_its_accounts():
    with Relay(settings={"max_new_accounts_per_hour": 1}) as relay:
        failed(check(relay, code=1), {"account-2": "max_new_accounts_per_hour"})


@pytest.mark.parametrize("name, alternative", [("somebody.else.test", True), (DOMAIN, False)], ids=["name", "place"])
def test_a_certificate_for_another_name(tmp_path, name, alternative):
    cert, key = certificate(tmp_path, name, alternative)
    with Service(settings={"tls_external_cert_and_key": f"{cert} {key}"}) as relay:
        done = run_martlet("check", "--json", "--config", relay.config_path)
        rows = {row["step"]: row for row in json.loads(done.stdout)["steps"]}
        assert done.returncode == 1 and rows["configuration"]["verdict"] == "ok"
        failed(rows, {"certificate": f"it is not for {DOMAIN}"})
        relay.settings["mail_domain"] = "_other.test"
        relay.write_config()
        done = run_martlet("check", "--config", relay.config_path)
        assert done.returncode == 1 and "restart the service" in " ".join(done.stdout.split())


def test_long_names_and_passwords():
    with Relay(settings={"username_min_length": "64", "username_max_length": "64", "password_min_length": "128"}) as relay:
        failed(check(relay), {})


def test_switched_off():
    with Relay(settings={"turn": "false", "iroh_relay": "", "disable_ipv6": "true"}) as relay:
        rows = check(relay)
        assert having(rows, "skipped") >= {"port-3478", "turn", "iroh", "push-gateway"}
        assert "switched off (turn = false)" in rows["turn"]["text"] and rows["port-25"]["text"].endswith(", IPv4")


def test_nothing_runs(tmp_path):
    done = run_martlet("check", "--dir", tmp_path)
    assert done.returncode == 1 and "failed   relay" in done.stdout and "start it first" in done.stdout
    assert "0 ok, 1 failed" in done.stdout
    done = run_martlet("check", "--config", tmp_path / "none.ini")
    assert done.returncode == 2 and done.stdout == "" and "there is no configuration at" in done.stderr
    for wrong in (["now"], ["--hots"], ["--host", "nowhere"], ["--domain", "a.test", "--dir", "x"]):
        done = run_martlet("check", *wrong, "--dir", tmp_path)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, wrong


def test_strangers_may_not(checked):
    """Neither test nor status for a user of the machine who is neither root nor the relay's."""
    if os.geteuid() != 0:
        return  # nobody else can be played
    for command, code in (("check", 2), ("status", 1)):
        done = subprocess.run([public_binary(checked.binary), command, "--dir", checked.state], user=65534, group=65534, extra_groups=[],
                              env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}, capture_output=True, text=True)
        assert done.returncode == code and done.stdout == "" and done.stderr.count("\n") == 1, done
        assert "only root and the relay's own user may speak to the relay" in done.stderr and "sudo" in done.stderr


# ---- interrupted ----


def interrupted(relay, world, until, number):
    """The output of a test that got a signal when `until` was true."""
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    process = subprocess.Popen([relay.binary, "check", "--host", world.address, "--dir", relay.state], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_until(until, 15, "the middle of the test")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60 * PATIENCE)
    assert process.returncode == 2 and "; interrupted" in output and "ok       clean-up" in output, output
    return output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_interrupted_in_the_middle(checked, self_made, number):
    with Between(checked, self_made, change={"submission": lambda said: said if said.startswith(b"220 ") else None}) as world:
        output = interrupted(checked, world, lambda: accounts(checked).count("\n") == 2, number)
        assert "port-465" in output
    assert accounts(checked) == ""


def test_interrupted_within_the_first_login(checked, self_made):
    with Between(checked, self_made, change={"imaps": lambda said: said if said.startswith(b"* OK") else None}) as world:
        interrupted(checked, world, lambda: accounts(checked) != "", signal.SIGINT)
    assert accounts(checked) == ""
