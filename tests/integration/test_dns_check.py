# SPDX-License-Identifier: MIT
"""`martlet dns --check` against genuine name servers in a network namespace: what `martlet dns` prints is pasted into their
zones, and altered."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest
from dns_world import DAY, LEVELS, Network, World, Zone, is_possible, stop
from relay import binary_path, public_binary, run_martlet
from timelimit import PATIENCE

ROOT, TLD, ZONES = LEVELS
HERE = "10.53.0.3"
NOWHERE = "10.53.0.99"
MUTE = "10.53.0.98"
# Answers for its zone, and to nothing that a relay wants to know, as one that limits rates does.
MUTE_SERVER = f"""
import socket
ns, zone = b"\\2ns\\4mute\\4test\\0", b"\\4mute\\4test\\0"
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("{MUTE}", 53))
print("up", flush=True)
while True:
    packet, peer = here.recvfrom(4096)
    end = packet.index(b"\\0", 12) + 5
    name, kind, question = packet[12:end - 4].lower(), packet[end - 3], packet[12:end]
    answer = {{(ns, 1): socket.inet_aton("{MUTE}"), (zone, 2): ns, (zone, 6): ns + ns + bytes(20)}}.get((name, kind))
    if answer is None and kind != 2 and name not in (ns, zone):
        continue
    head = packet[:2] + b"\\x84\\0\\0\\1" + bytes([0, answer is not None]) + bytes(4)
    row = b"\\xc0\\x0c" + question[-4:] + bytes(4) + len(answer).to_bytes(2, "big") + answer if answer else b""
    here.sendto(head + question + row, peer)
"""

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs nsd, ldnsutils and namespaces")


class Relay:
    """A state directory and a configuration; nothing runs."""

    def __init__(self, folder, domain, keys_of=None):
        self.folder, self.domain = folder, domain
        if keys_of is not None:  # RSA keys take their time
            folder.mkdir()
            shutil.copytree(keys_of.folder / "dkim", folder / "dkim")
        done = run_martlet("init", domain, "--dir", folder, *(["--user", "root"] if os.geteuid() == 0 else []))
        assert done.returncode == 0, done.stderr

    def zone(self, *args):
        done = run_martlet("dns", "--dir", self.folder, "--address", HERE, *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def records(self):
        """The records that are wanted: {(name, type): zone line}."""
        lines = [line for line in self.zone().splitlines() if not line.startswith(";")]
        return {(line.split()[0].rstrip("."), line.split()[3]): line for line in lines}


def strings(line):
    """The text of a TXT line, joined."""
    return "".join(re.findall(r'"((?:\\.|[^"\\])*)"', line))


def split(text, n):
    return " ".join(f'"{text[i:i + n]}"' for i in range(0, len(text), n))


@pytest.fixture(scope="module")
def relays(tmp_path_factory):
    folder = tmp_path_factory.mktemp("relays")
    first = Relay(folder / "right", "chat.right.test")
    names = ["form", "missing", "wrong", "quoted", "lame", "dead", "expired", "hidden", "alias", "two", "deleg", "mute", "above", "behind"]
    made = {name: Relay(folder / name, f"chat.{name}.test", first) for name in names}
    made["right"] = first
    made["self"] = Relay(folder / "self", "_chat.self.test", first)
    made["mid"] = Relay(folder / "mid", "chat.mid.above.test", first)
    made["apex"] = Relay(folder / "apex", "apex.test", first)
    made["none"] = Relay(folder / "none", "chat.none.example", first)
    made["unregistered"] = Relay(folder / "unregistered", "chat.unregistered.test", first)
    return made


def in_other_words(relay):
    """The same, written as another operator or panel would."""
    d, r = relay.domain, relay.records()
    rsa = strings(r[(f"opendkim._domainkey.{d}", "TXT")])
    key = re.search(r"p=([^;]*)", rsa)[1]
    r[(f"opendkim._domainkey.{d}", "TXT")] = (
        f"OPENDKIM._DomainKey.{d.upper()}. 60 IN TXT {split(f'v=DKIM1; t=s; n=our key; s=email; p={key}; k=rsa;', 40)}")
    r[(d, "MX")] = f"{d}. 60 IN MX 5 {d.upper()}."
    r[(f"_mta-sts.{d}", "TXT")] = f'_mta-sts.{d}. IN TXT "v=STSv1; id=20200101T000000;"'
    r[(f"mta-sts.{d}", "CNAME")] = f"mta-sts.{d}. IN A {HERE}"
    r[(f"www.{d}", "CNAME")] = f"www.{d}. IN CNAME pages.{d}.\npages.{d}. IN CNAME {d.upper()}."
    r[(d, "TXT")] = f'{d}. IN TXT "V=SPF1 mx " "ip4:192.0.2.99 -ALL"\n{d}. IN TXT "site-verification=abc"'
    r[(f"_dmarc.{d}", "TXT")] = f'_dmarc.{d}. IN TXT "v=DMARC1; aspf=S; adkim=s; " "p=REJECT; rua=mailto:me@{d}"'
    r[(d, "CAA")] = f'{d}. IN CAA 128 issue "letsencrypt.org; accounturi=https://ca.test/1"\n{d}. IN CAA 0 iodef "mailto:a@b"'
    r[(f"_imaps._tcp.{d}", "SRV")] = f"_imaps._tcp.{d}. IN SRV 10 5 993 {d.upper()}."
    return r


def wrong_ones(relay):
    d, r = relay.domain, relay.records()
    other = strings(r[(f"opendkim-ed25519._domainkey.{d}", "TXT")])
    r[(f"opendkim._domainkey.{d}", "TXT")] = f'opendkim._domainkey.{d}. IN TXT "{other}"'
    r[(d, "A")] = f"{d}. IN A 192.0.2.66"
    r[(d, "MX")] = f"{d}. IN MX 10 {d}.\n{d}. IN MX 20 backup.test."
    r[(f"_mta-sts.{d}", "TXT")] = f'_mta-sts.{d}. IN TXT "v=STSv1; id=m0000000000000000"'
    r[(f"mta-sts.{d}", "CNAME")] = f"mta-sts.{d}. IN CNAME www.right.test."
    r[(f"www.{d}", "CNAME")] = f"www.{d}. IN A 192.0.2.67"
    r[(d, "TXT")] = f'{d}. IN TXT "v=spf1 include:elsewhere.test -all"'
    r[(f"_dmarc.{d}", "TXT")] = f'_dmarc.{d}. IN TXT "v=DMARC1; p=none"'
    r[(d, "CAA")] = f'{d}. IN CAA 0 issue "other.test"'
    r[(f"_adsp._domainkey.{d}", "TXT")] = f'_adsp._domainkey.{d}. IN TXT "dkim=all"'
    r[(f"_imaps._tcp.{d}", "SRV")] = f"_imaps._tcp.{d}. IN SRV 0 1 993 elsewhere.test."
    return r


def quoted_by_a_panel(relay):
    """The quotes of the zone file have become part of the text."""
    r = relay.records()
    for key, line in r.items():
        if key[1] == "TXT":
            r[key] = line.split('"')[0] + split(f'"{strings(line)}"', 250).replace('""', '"\\"', 1)[:-2] + '\\""'
    return r


def aliased_key(relay):
    """Keys that another zone holds."""
    d, r = relay.domain, relay.records()
    text = r[(f"opendkim._domainkey.{d}", "TXT")].split(" TXT ")[1]
    r[(f"opendkim._domainkey.{d}", "TXT")] = f"opendkim._domainkey.{d}. IN CNAME key.right.test."
    return r, f"key.right.test. IN TXT {text}\n"


def behind_silence(relay):
    """Names that lead into a zone whose servers do not answer; those that lead to the domain itself are right all the same."""
    d, r = relay.domain, relay.records()
    r[(f"opendkim._domainkey.{d}", "TXT")] = f"opendkim._domainkey.{d}. IN CNAME key.dead.test."
    r[(f"_dmarc.{d}", "TXT")] = f"_dmarc.{d}. IN CNAME dmarc.dead.test."
    r[(f"www.{d}", "CNAME")] = f"www.{d}. IN CNAME pages.dead.test."
    return r


def text(records):
    return "".join(line + "\n" for line in records.values())


@pytest.fixture(scope="module")
def world(relays):
    aliased, key = aliased_key(relays["alias"])
    apart = relays["deleg"].records()
    keys = {k: apart.pop(k) for k in list(apart) if k[0].endswith("._domainkey.chat.deleg.test")}
    above = relays["above"].records()
    del above[("chat.above.test", "CAA")]
    mid = relays["mid"].records()
    del mid[("chat.mid.above.test", "CAA")]
    missing = {k: v for k, v in relays["missing"].records().items() if k[1] == "A"}
    lame = text(relays["lame"].records()) + f"lame.test. IN NS {TLD}\n"
    lame += "lame.test. IN NS silent.test.\n"
    zones = [
        Zone(".", ROOT),
        Zone("test.", TLD, f"dead.test. 3600 IN NS ns.dead.test.\nns.dead.test. 3600 IN A {NOWHERE}\n"
             f"mute.test. 3600 IN NS ns.mute.test.\nns.mute.test. 3600 IN A {MUTE}\nsilent.test. 3600 IN A {NOWHERE}\n"),
        Zone("right.test.", ZONES, relays["right"].zone() + key),
        Zone("self.test.", ZONES, relays["self"].zone()),
        Zone("apex.test.", ZONES, relays["apex"].zone(), signed=False),
        Zone("form.test.", ZONES, text(in_other_words(relays["form"])), signed=False),
        Zone("missing.test.", ZONES, text(missing), signed=False),
        Zone("wrong.test.", ZONES, text(wrong_ones(relays["wrong"])), signed=False),
        Zone("quoted.test.", ZONES, text(quoted_by_a_panel(relays["quoted"])), signed=False),
        Zone("lame.test.", ZONES, lame, signed=False),
        Zone("expired.test.", ZONES, relays["expired"].zone(), signed=(-10 * DAY, -5 * DAY)),
        Zone("hidden.test.", ZONES, relays["hidden"].zone(), signed=False),
        Zone("alias.test.", ZONES, text(aliased), signed=False),
        Zone("deleg.test.", ZONES, text(apart), signed=False),
        Zone("_domainkey.chat.deleg.test.", TLD, text(keys), signed=False),
        Zone("above.test.", ZONES, text(above) + 'above.test. IN CAA 0 issue "other.test"\n'
             "mid.above.test. IN CNAME authority.dead.test.\n", signed=False),
        Zone("chat.mid.above.test.", ZONES, text(mid), signed=False),
        Zone("behind.test.", ZONES, text(behind_silence(relays["behind"])), signed=False),
        Zone("two.test.", ZONES, relays["two"].zone() + f"two.test. IN NS {TLD}\n", signed=False),
    ]
    world = World(zones)
    hidden = world.folder / "zone.hidden.test"
    hidden.write_text(hidden.read_text().replace(f"SOA {ZONES}", "SOA primary.nowhere.test."))
    yield world
    world.close()


@pytest.fixture(scope="module")
def network(world, relays):
    network = Network()
    world.serve_all(network)
    yield network
    network.close()


@pytest.fixture
def check(network, world, relays):
    def run(name, *args, status, ip=("--address", HERE)):
        command = [binary_path(), "dns", "--check", "--dir", relays[name].folder, *ip,
                   "--set", f"dns_root_hints={world.hints}", "--set", f"dns_trust_anchor={world.anchor}", *args]
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:exitcode=99"}
        process = network.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        out, err = process.communicate(timeout=240 * PATIENCE)
        assert process.returncode == status, (process.returncode, out, err)
        process.stdout, process.stderr = out, err
        return process

    return run


def rows(done):
    return {(row["name"], row["type"]): row for row in map(json.loads, done.stdout.splitlines())}


def verdicts(done):
    return {key: row["verdict"] for key, row in rows(done).items()}


def test_what_is_printed_is_right(check, relays):
    done = check("right", status=0)
    assert "Great! All your DNS entries are verified and correct." in done.stdout
    assert "missing" not in done.stdout and "wrong" not in done.stdout and done.stderr == ""
    assert set(verdicts(check("right", "--json", status=0)).values()) == {"right"}
    assert "zone     right.test\n" in done.stdout and "asked    ns.zones.test\n" in done.stdout


def test_a_domain_that_is_its_own_zone(check):
    assert "zone     apex.test\n" in check("apex", status=0).stdout


def test_self_signed(check):
    """TLSA is there from the beginning, MTA-STS is not wanted."""
    found = verdicts(check("self", "--json", status=0))
    assert found[("_25._tcp._chat.self.test", "TLSA")] == "right" and set(found.values()) == {"right"}
    assert ("_mta-sts._chat.self.test", "TXT") not in found


def test_the_same_in_other_words(check):
    """Split TXT, order and case of tags, priorities, aliases, an existing MTA-STS id."""
    assert set(verdicts(check("form", "--json", status=0)).values()) == {"right"}


def test_missing(check, relays):
    found = verdicts(check("missing", "--json", status=1))
    assert found.pop(("chat.missing.test", "A")) == "right" and set(found.values()) == {"missing"}
    out = check("missing", status=1).stdout
    assert re.search(r"(?m)^missing  chat\.missing\.test MX\n +expected  10 chat\.missing\.test\.$", out)
    assert re.search(r"(?m)^missing  _dmarc\.chat\.missing\.test TXT \(recommended\)$", out)
    # What has to be pasted, and the key in one piece.
    wanted = relays["missing"].records()
    assert wanted[("opendkim._domainkey.chat.missing.test", "TXT")] + "\n" in out
    assert strings(wanted[("opendkim._domainkey.chat.missing.test", "TXT")]) + "\n" in out
    assert wanted[("_dmarc.chat.missing.test", "TXT")] not in out


def test_wrong(check):
    found = rows(check("wrong", "--json", status=1))
    d = "chat.wrong.test"
    wrong = {key: row["found"] for key, row in found.items() if row["verdict"] == "wrong"}
    assert set(found) - set(wrong) == {(f"opendkim-ed25519._domainkey.{d}", "TXT"), (f"autoconfig.{d}", "CNAME"),
                                      (f"_submission._tcp.{d}", "SRV"), (f"_submissions._tcp.{d}", "SRV"),
                                      (f"_imap._tcp.{d}", "SRV")}
    assert wrong[(d, "A")] == "192.0.2.66"
    assert sorted(wrong[(d, "MX")].split(", ")) == [f"10 {d}.", "20 backup.test."]
    assert wrong[(f"www.{d}", "CNAME")] == "192.0.2.67"
    assert wrong[(f"mta-sts.{d}", "CNAME")].startswith("CNAME ")
    assert wrong[(f"_dmarc.{d}", "TXT")] == '"v=DMARC1; p=none"'
    assert wrong[(d, "CAA")] == '0 issue "other.test"'
    assert wrong[(f"_imaps._tcp.{d}", "SRV")] == "0 1 993 elsewhere.test."
    out = check("wrong", status=1).stdout
    assert re.search(rf"(?m)^wrong    {re.escape(d)} A\n +found     192\.0\.2\.66\n +expected  {re.escape(HERE)}$", out)


def test_quotes_that_became_text(check):
    """Keys are read all the same, as the relay itself does; the others are named with the reason."""
    found = rows(check("quoted", "--json", status=1))
    d = "chat.quoted.test"
    assert found[(f"opendkim._domainkey.{d}", "TXT")]["verdict"] == "right"
    for name in (f"_mta-sts.{d}", f"_dmarc.{d}", d, f"_adsp._domainkey.{d}"):
        row = found[(name, "TXT")]
        assert row["verdict"] == "wrong" and "quotes" in row["reason"] and row["found"].startswith('"\\"'), row


def test_servers_that_do_not_serve(check):
    """One that does not know the zone, one that is not there: said; the others are asked."""
    out = check("lame", status=0).stdout
    assert "warning  ns.tld.test: it does not serve the zone\n" in out
    assert "warning  silent.test: it does not answer\n" in out
    assert "asked    ns.zones.test\n" in out and "Great!" in out


def test_servers_that_are_not_there(check):
    done = check("dead", status=2)
    assert done.stdout == "" and done.stderr.count("\n") == 1
    assert "no name server of chat.dead.test answers" in done.stderr


def test_authority_that_is_refused_above(check):
    """RFC 8659 3: where the domain has no CAA record, those of the domains above it are in force."""
    row = rows(check("above", "--json", status=1))[("chat.above.test", "CAA")]
    assert (row["verdict"], row["found"]) == ("wrong", '0 issue "other.test"') and "above" in row["reason"]


def test_authority_above_that_is_not_known(check):
    """What stands above a name that gives no answer says nothing."""
    found = verdicts(check("mid", "--json", status=0))
    assert found.pop(("chat.mid.above.test", "CAA")) == "unknown" and set(found.values()) == {"right"}


def test_names_that_lead_into_silence(check):
    """That is not the same as a record that is not there, which would have to be made."""
    found = verdicts(check("behind", "--json", status=2))
    unknown = {key[0] for key, verdict in found.items() if verdict == "unknown"}
    assert unknown == {f"{name}.chat.behind.test" for name in ("opendkim._domainkey", "_dmarc", "www")}
    assert {verdict for key, verdict in found.items() if key[0] not in unknown} == {"right"}


def test_server_that_stops_answering(check, network):
    """Not every one of its records is waited for."""
    network.run("ip", "addr", "add", f"{MUTE}/24", "dev", "lo")
    server = network.popen("/usr/bin/python3", "-c", MUTE_SERVER, stdout=subprocess.PIPE)
    try:
        assert server.stdout.readline() == b"up\n"
        begin = time.monotonic()
        done = check("mute", status=2)
        assert time.monotonic() - begin < 30
    finally:
        stop(server)
        server.stdout.close()
        network.run("ip", "addr", "del", f"{MUTE}/24", "dev", "lo")
    assert "warning  ns.mute.test: it does not answer any more\n" in done.stdout
    assert "unknown  chat.mute.test MX\n" in done.stdout and "try again later" in done.stdout


def test_no_way_to_the_dns(relays, tmp_path):
    """No network at all."""
    network = Network()
    hints = tmp_path / "hints"
    hints.write_text(f". 3600 IN NS ns.nowhere.\nns.nowhere. 3600 IN A {NOWHERE}\n")
    command = [binary_path(), "dns", "--check", "--dir", relays["right"].folder, "--set", f"dns_root_hints={hints}"]
    try:
        process = network.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={**os.environ, "TMPDIR": str(tmp_path)})
        out, err = process.communicate(timeout=240 * PATIENCE)
    finally:
        network.close()
    assert (process.returncode, out) == (2, "") and "this machine does not reach them" in err
    assert [p.name for p in tmp_path.iterdir()] == ["hints"]  # nothing is left behind


def test_broken_signatures(check):
    done = check("expired", status=2)
    assert "does not prove itself (DNSSEC)" in done.stderr and done.stdout == ""


def test_hidden_primary(check):
    """The name in the SOA is not asked for."""
    assert "Great!" in check("hidden", status=0).stdout


def test_key_behind_an_alias(check):
    assert set(verdicts(check("alias", "--json", status=0)).values()) == {"right"}


def test_keys_in_a_zone_of_their_own(check):
    """Delegated to servers that are not the domain's."""
    assert set(verdicts(check("deleg", "--json", status=0)).values()) == {"right"}


def test_addresses(check):
    """Without --address any will do, of either family."""
    assert "right    chat.right.test A or AAAA\n" in check("right", status=0, ip=()).stdout
    out = check("right", status=1, ip=("--address", "192.0.2.1")).stdout
    assert f"found     {HERE}\n         expected  192.0.2.1\n         it leads to another machine\n" in out
    out = check("right", status=1, ip=("--address", HERE, "--address", "2001:db8::1")).stdout
    assert "missing  chat.right.test AAAA\n         expected  2001:db8::1\n" in out
    assert "\nchat.right.test. 3600 IN AAAA 2001:db8::1\n" in out


def test_not_registered(check):
    assert "is the domain registered?" in check("none", status=2).stderr
    assert "the zone is a top-level domain" in check("unregistered", status=1).stdout


def test_servers_that_differ(check, world, network):
    """A secondary that has not fetched the zone yet."""
    (world.folder / "zone.stale").write_text(
        f"two.test. 60 IN SOA {ZONES} hostmaster.test. 1 60 60 60 60\ntwo.test. 60 IN NS {ZONES}\ntwo.test. 60 IN NS {TLD}\n")
    stop(next(s for s in world.servers if world.folder / "ns.tld.test.conf" in map(pathlib.Path, map(str, s.args))))
    config = world.folder / "ns.tld.test.conf"
    before = config.read_text()
    config.write_text(before + 'zone:\n  name: "two.test."\n  zonefile: "zone.stale"\n')
    server = network.popen(shutil.which("nsd", path="/usr/sbin:/usr/bin"), "-d", "-c", config)
    world.servers.append(server)
    while not world.is_up(network, LEVELS[TLD][0], 53):
        assert server.poll() is None
    try:
        found = rows(check("two", "--json", status=1))
        assert found[("chat.two.test", "MX")]["verdict"] == "missing"
        assert found[("chat.two.test", "MX")]["server"] == "ns.tld.test"
        assert "another name server has it otherwise" in check("two", status=1).stdout
    finally:
        stop(server)
        config.write_text(before)
        world.serve(network, TLD)


def test_addresses_of_the_machine(relays):
    """Those that the Internet could reach, and that last."""
    network = Network()
    try:
        network.run("ip", "link", "add", "out", "type", "veth")
        network.run("ip", "link", "set", "out", "up")
        for address in ("9.9.9.9/24", "10.1.2.3/24", "192.0.2.7/24"):
            network.run("ip", "addr", "add", address, "dev", "out")
        network.run("ip", "addr", "add", "2a00::1/64", "dev", "out", "nodad")
        network.run("ip", "addr", "add", "2a00::2/64", "dev", "out", "nodad", "preferred_lft", "0")
        network.run("ip", "addr", "add", "fd00::3/64", "dev", "out", "nodad")
        process = network.popen(binary_path(), "dns", "--dir", relays["right"].folder, stdout=subprocess.PIPE, text=True)
        out = process.communicate(timeout=240 * PATIENCE)[0]
    finally:
        network.close()
    assert re.findall(r" IN (?:A|AAAA) (\S+)", out) == ["9.9.9.9", "2a00::1"]


def test_forms(relays):
    lines = relays["right"].zone("--format", "lines")
    for line in lines.splitlines():
        assert line.startswith("#") or len(line.split("\t")) == 3
    assert "\topendkim" not in lines and re.search(r"(?m)^opendkim\._domainkey\.chat\.right\.test\tTXT\tv=DKIM1;[^\"]*$", lines)


def test_mistakes(relays, tmp_path):
    folder = relays["right"].folder
    cases = [
        (["--format", "bind"], 2, "--format is zone or lines"),
        (["--format", "line"], 2, "did you mean lines"),
        (["--address", "chat.right.test"], 2, "--address wants an address"),
        (["--check", "--format", "zone"], 2, "--format is of the zone"),
        (["--json"], 2, "--json goes with --check"),
        (["--chek"], 2, "did you mean --check"),
        (["more"], 2, 'what is "more"?'),
    ]
    for args, status, sentence in cases:
        done = run_martlet("dns", "--dir", folder, *args)
        assert done.returncode == status and sentence in done.stderr, (args, done.stderr)
        assert done.stderr.count("\n") == 1 and done.stdout == ""
    done = run_martlet("dns", "--config", tmp_path / "none.ini")
    assert done.returncode == 1 and "`martlet init DOMAIN` makes one" in done.stderr
    bare = tmp_path / "bare.ini"
    bare.write_text(f"[params]\nmail_domain = chat.example.org\nstate_dir = {tmp_path}/state\n")
    done = run_martlet("dns", "--config", bare)
    assert done.returncode == 1 and "there are no keys in" in done.stderr and not (tmp_path / "state").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_no_right_to_read_the_keys(relays):
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        (folder / "martlet.ini").write_text(f"[params]\nmail_domain = chat.right.test\nstate_dir = {folder}/state\n")
        shutil.copytree(relays["right"].folder, folder / "state")
        (folder / "state").chmod(0o700)
        for args, status in (([], 1), (["--check"], 2)):
            done = subprocess.run([public_binary(), "dns", "--config", folder / "martlet.ini", *args], capture_output=True, text=True,
                                  user="nobody", group="nogroup", extra_groups=[])
            assert (done.returncode, done.stdout) == (status, "")
            assert done.stderr == f"martlet: {folder}/state/dkim: Permission denied; try sudo\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="changes owner")
def test_certificate_in_a_folder_of_somebody_else(relays):
    """As the relay itself: root reads no certificate that the relay's user could have put there."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        state = pathlib.Path(name) / "state"
        shutil.copytree(relays["right"].folder, state)
        (state / "acme" / "chat.right.test").mkdir(parents=True)
        shutil.copy(relays["self"].folder / "tls" / "cert.pem", state / "acme" / "chat.right.test")
        for user, has_record in (("root", True), ("nobody", False)):
            shutil.chown(state / "acme", user)
            out = run_martlet("dns", "--dir", state).stdout
            assert (" IN TLSA 3 1 1 " in out, "the TLSA record comes with the certificate" in out) == (has_record, not has_record)
        shutil.chown(state / "acme", "root")
        (state / "acme" / "chat.right.test" / "cert.pem").rename(state / "cert.pem")
        (state / "acme" / "chat.right.test" / "cert.pem").symlink_to(state / "cert.pem")
        assert " IN TLSA " not in run_martlet("dns", "--dir", state).stdout


def test_no_domain(tmp_path):
    user = ["--user", "root"] if os.geteuid() == 0 else []
    assert run_martlet("init", "192.0.2.1", "--dir", tmp_path / "ip", *user).returncode == 0
    for args in ([], ["--check"]):
        done = run_martlet("dns", "--dir", tmp_path / "ip", *args)
        assert (done.returncode, done.stdout) == (0, "the domain of this relay is an IP address: it needs nothing in the DNS\n")
