# SPDX-License-Identifier: MIT
"""The relay looks at its own DNS: what the helper finds, what it keeps and logs, and what `martlet status` shows of it."""
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
from dns_world import LEVELS, Network, World, Zone, is_possible, stop
from relay import ROOMY, binary_path, log_complaints, run_martlet, wait_until
from timelimit import PATIENCE

ROOT, TLD, ZONES = LEVELS
HERE = LEVELS[ZONES][0]
DOMAIN = "_chat.self.test"
USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
SETTINGS = {**ROOMY, "turn": "no", "iroh_relay": ""}

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs nsd, ldnsutils and namespaces")


# A resolver by the name of one, at another port than that of name servers.
FORWARDER_PORT = 5300
FORWARDER = f"""
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("127.0.0.1", {FORWARDER_PORT}))
print("up", flush=True)
while True:
    packet, peer = here.recvfrom(4096)
    server = "{LEVELS[TLD][0]}" if b"\\5zones\\4test\\0" in packet.lower() else "{LEVELS[ZONES][0]}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.sendto(packet, (server, 53))
        answer = there.recv(65535)
    here.sendto(answer[:3] + bytes([answer[3] | 0x80]) + answer[4:], peer)  # RA
"""


class Watched:
    """A relay that `martlet init` has made, in a small Internet with nothing but name servers."""

    def __init__(self, folder):
        self.folder, self.state, self.config = folder, folder / "state", folder / "martlet.ini"
        args = ["--config", self.config, "--dir", self.state, "--user", USER]
        done = run_martlet("init", DOMAIN, *args)
        assert done.returncode == 0, done.stderr
        self.zone = run_martlet("dns", "--config", self.config, "--address", HERE).stdout
        self.world = World([Zone(".", ROOT), Zone("test.", TLD), Zone("self.test.", ZONES, self.zone, signed=False)])
        self.network = Network()
        self.servers = self.world.serve_all(self.network)
        settings = {**SETTINGS, "dns_root_hints": self.world.hints, "dns_trust_anchor": self.world.anchor}
        for path in (self.world.folder, self.world.hints, self.world.anchor):
            path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else 0o644)
        self.sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]

    def begin_look(self, **settings):
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:exitcode=99"}
        args = ["--config", self.config, *self.sets, *(f"--set={key}={value}" for key, value in settings.items())]
        return self.network.popen(binary_path(), "dns-run", *args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)

    def look(self, status, helper=None):
        """The log of one look."""
        helper = helper or self.begin_look()
        out, err = helper.communicate(timeout=240 * PATIENCE)
        assert (helper.returncode, out, log_complaints(err)) == (status, "", []), (helper.returncode, out, err)
        return err

    def verdict(self):
        return json.loads((self.state / "dns" / "verdict").read_text())

    def serve_zone(self, edit=lambda zone: zone):
        """The domain's name server, with another zone."""
        stop(self.servers[ZONES])
        path = self.world.folder / "zone.self.test"
        head = [line for line in path.read_text().splitlines() if line not in self.zone.splitlines() and DOMAIN not in line]
        path.write_text("\n".join(head) + "\n" + edit(self.zone))
        self.servers[ZONES] = self.world.serve(self.network, ZONES)

    def close(self):
        self.network.close()
        self.world.close()


@pytest.fixture(scope="module")
def made():
    with tempfile.TemporaryDirectory(prefix="martlet-watch-", dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        watched = Watched(folder)
        yield watched
        watched.close()


@pytest.fixture
def watched(made):
    """Never looked at yet, and all is right."""
    shutil.rmtree(made.state / "dns", ignore_errors=True)
    made.serve_zone()
    return made


def copy(source, target):
    """With the owners of all of it."""
    subprocess.run(["cp", "-a", source, target], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes user")
def test_what_is_the_relays_is_read_with_its_rights(watched):
    """Root takes no part in what the relay's user could have put there."""
    stray = watched.state / "dkim" / "stray.pem"
    stray.touch(mode=0o600)
    try:
        assert "stray.pem: Permission denied" in watched.look(2)
    finally:
        stray.unlink()


def without_mx(zone):
    return "".join(line + "\n" for line in zone.splitlines() if " IN MX " not in line)


def without_dmarc(zone):
    return "".join(line + "\n" for line in zone.splitlines() if "v=DMARC1" not in line)


def elsewhere(zone):
    return zone.replace(f" IN MX 10 {DOMAIN}.", " IN MX 10 elsewhere.test.")


def test_what_is_kept(watched):
    began = int(time.time())
    log = watched.look(0)
    n = len([line for line in watched.zone.splitlines() if " IN " in line and not line.startswith(";")])
    assert log == f"info dns.records right={n}\n"
    verdict = watched.verdict()
    assert began <= verdict["looked_at"] == verdict["tried_at"] <= time.time()
    del verdict["looked_at"], verdict["tried_at"]
    assert verdict == {"right": n, "missing": 0, "wrong": 0, "unknown": 0, "records": []}
    folder = watched.state / "dns"
    assert [path.name for path in folder.iterdir()] == ["verdict"]
    for path, mode in ((folder, 0o40700), (folder / "verdict", 0o100600)):
        assert (path.stat().st_mode, pwd.getpwuid(path.stat().st_uid).pw_name) == (mode, USER)
    # No relay runs; it is shown all the same.
    done = run_martlet("status", "--config", watched.config)
    assert done.returncode == 3 and re.search(rf"(?m)^DNS +all {n} records right, looked at \d+ s ago$", done.stdout), done.stdout


def test_changes_are_logged_once(watched):
    assert "info dns.records right=" in watched.look(0)
    assert watched.look(0) == ""
    watched.serve_zone(without_mx)
    assert re.fullmatch(r'warning dns\.records wrong="" missing="MX" unknown="" right=\d+\n', watched.look(1))
    assert watched.look(1) == ""
    assert watched.verdict()["records"] == [{"record": "MX", "name": DOMAIN, "verdict": "missing", "trouble": True}]
    watched.serve_zone(elsewhere)
    assert re.fullmatch(r'warning dns\.records wrong="MX" missing="" unknown="" right=\d+\n', watched.look(1))
    # What is recommended alone is no trouble.
    watched.serve_zone(without_dmarc)
    assert re.fullmatch(r'info dns\.records wrong="" missing="DMARC" unknown="" right=\d+\n', watched.look(0))
    watched.serve_zone()
    assert re.fullmatch(r"info dns\.records right=\d+\n", watched.look(0))


def with_much_text(zone):
    """More than a datagram takes."""
    return zone + "".join(f'{DOMAIN}. 3600 IN TXT "{n}{"x" * 250}"\n' for n in range(6))


@pytest.mark.parametrize("forwarder", [False, True])
def test_an_answer_too_long_for_a_datagram(watched, forwarder):
    """The helper's sandbox lets it reach name servers by TCP, wherever the relay's resolver is."""
    anchor = watched.folder / "unrelated"
    anchor.write_text(f"unrelated.test. 3600 IN DS 1 13 2 {'00' * 32}\n")
    anchor.chmod(0o644)
    settings = {"dns_forward": f"127.0.0.1@{FORWARDER_PORT}", "dns_trust_anchor": anchor} if forwarder else {}
    server = watched.network.popen("/usr/bin/python3", "-c", FORWARDER, stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"up\n"
        watched.serve_zone(with_much_text)
        assert re.fullmatch(r"info dns\.records right=\d+\n", watched.look(0, watched.begin_look(**settings)))
    finally:
        stop(server)
        server.stdout.close()


def test_nobody_to_ask(watched):
    """What was known stays known; that nobody could be asked is said once."""
    watched.look(0)
    before = watched.verdict()
    told = watched.folder / "told"
    copy(watched.state, told)
    (told / "dns" / "verdict").write_text(json.dumps({**before, "tried_at": before["tried_at"] + 1}))
    stop(watched.servers[ZONES])
    again = watched.begin_look(state_dir=told)  # at the same time: each waits for a while
    assert re.fullmatch(r'warning dns\.unreachable reason="no name server of .* answers: [^"]*"\n', watched.look(2))
    assert watched.look(2, again) == ""
    after = watched.verdict()
    assert after.pop("tried_at") > before.pop("tried_at") and after == before
    watched.serve_zone()
    assert "info dns.records right=" in watched.look(0)


def test_nothing_else_is_left(watched):
    """The resolver's own keys, of the root that this Internet does not have, go with the look."""
    helper = watched.begin_look(dns_trust_anchor="")
    assert re.fullmatch(r'warning dns\.unreachable reason="[^"]*DNSSEC[^"]*"\n', watched.look(2, helper))
    assert [path.name for path in (watched.state / "dns").iterdir()] == ["verdict"]
    assert watched.verdict()["looked_at"] == 0


def test_a_damaged_file(watched):
    watched.look(0)
    (watched.state / "dns" / "verdict").write_text('{"looked_at": ')
    assert "info dns.records right=" in watched.look(0)
    assert watched.verdict()["missing"] == 0


def test_no_way_to_write(watched):
    """A file where the directory should be."""
    (watched.state / "dns").write_text("")
    try:
        assert re.fullmatch(r'warning dns\.look reason=".*dns: Not a directory"\n', watched.look(2))
    finally:
        (watched.state / "dns").unlink()


class Running:
    def __init__(self, watched, config=None):
        self.watched, self.config, self.log_path = watched, config or watched.config, watched.folder / "log"

    def __enter__(self):
        command = [binary_path(), "serve", "--config", self.config, *self.watched.sets]
        with open(self.log_path, "w") as log:
            self.process = self.watched.network.popen(*command, stdout=log, stderr=log)
        wait_until(lambda: "parent.ready" in self.log() or self.process.poll() is not None, 30, "the relay")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(60 * PATIENCE) == 0 and not log_complaints(self.log()), self.log()

    def log(self):
        return self.log_path.read_text()

    def change(self, edit):
        """The zone changes and a reload looks anew; the relay's own look may come first."""
        n = self.log().count(" dns.")
        self.watched.serve_zone(edit)
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log().count(" dns.") > n, 30, "a look at the DNS")
        return [line for line in self.log().splitlines() if " dns." in line][-1]  # reloading itself may end later

    def status(self, ok):
        args = ["--config", self.config]
        done, shown = run_martlet("status", "--json", *args), run_martlet("status", *args).stdout
        answer = json.loads(done.stdout)
        # On an old kernel, and under an emulator.
        trouble = [s for s in answer["attention"] if not s.startswith("the protection is reduced")]
        assert done.returncode in (0, 1) and (trouble == []) == ok, (done.stdout, done.stderr)
        if "dns" not in answer:
            return None, trouble, "DNS" in shown
        line = " ".join(re.search(r"(?m)^DNS +(.*(?:\n +.*)*)$", shown)[1].split())
        return answer["dns"], [s for s in trouble if "DNS" in s], line


def test_status(watched):
    with Running(watched) as relay:
        dns, attention, line = relay.status(ok=True)
        assert (dns["tried_at"], attention, line) == (0, [], "not looked at yet")
        watched.look(0)
        dns, attention, line = relay.status(ok=True)
        n = dns["right"]
        assert n > 10 and dns["age_s"] < 60 and dns["records"] == [] and attention == []
        assert re.fullmatch(rf"all {n} records right, looked at \d+ s ago", line)
        # A reload looks anew, and the helper is not root's.
        assert "warning dns.records" in relay.change(without_mx)
        dns, attention, line = relay.status(ok=False)
        assert (dns["right"], dns["missing"], dns["records"][0]["record"]) == (n - 1, 1, "MX")
        assert attention == ["1 record in the DNS is not right; see `martlet dns --check`"]
        assert re.fullmatch(r"MX missing, see martlet dns --check, looked at \d+ s ago", line)
        assert "info dns.records" in relay.change(without_dmarc)
        dns, attention, line = relay.status(ok=True)
        assert line.startswith("DMARC missing (recommended), see martlet dns --check, looked at ") and attention == []
        verdict = watched.verdict()
        (watched.state / "dns" / "verdict").write_text(json.dumps({**verdict, "tried_at": verdict["tried_at"] + 1}))
        line = relay.status(ok=True)[2]
        assert re.search(r"looked at \d+ s ago, no name server could be asked \d+ s ago$", line)


def test_without_a_domain(watched):
    """Nothing is looked at, and nothing is said of it."""
    folder = watched.folder / "address"
    done = run_martlet("init", "192.0.2.1", "--config", watched.folder / "address.ini", "--dir", folder, "--user", USER)
    assert done.returncode == 0, done.stderr
    assert watched.look(0, watched.begin_look(mail_domain="192.0.2.1", state_dir=folder)) == ""
    assert not (folder / "dns").exists()
    with Running(watched, watched.folder / "address.ini") as relay:
        assert relay.status(ok=True) == (None, [], False)
