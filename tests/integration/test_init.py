# SPDX-License-Identifier: MIT
"""`martlet init`: what it makes, that it changes nothing, and its mistakes; and that a relay runs from it."""
import os
import pathlib
import pwd
import re
import shutil
import stat
import subprocess
import tempfile

import pytest
from relay import binary_path, free_offset, public_binary, run_martlet, wait_until
from timelimit import PATIENCE

OURSELVES = pwd.getpwuid(os.geteuid()).pw_name
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def init(*args, user=OURSELVES, ok=True, **more):
    done = run_martlet("init", *args, *(["--user", user] if user is not None else []), **more)
    assert (done.returncode == 0) == ok, (done.returncode, done.stdout, done.stderr)
    return done


def refused(*args, status=1, **more):
    """The one sentence on standard error."""
    done = init(*args, ok=False, **more)
    assert done.returncode == status and done.stderr.count("\n") == 1, (done.returncode, done.stderr)
    return done.stderr.rstrip("\n")


def picture(folder):
    """Everything below a folder that a second run could change."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        s = path.lstat()
        content = path.read_bytes() if path.is_file() else b""
        found[path] = (s.st_mode, s.st_uid, s.st_gid, s.st_ino, s.st_mtime_ns, content)
    return found


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_made(tmp_path):
    old = os.umask(0o077)  # whatever it is
    try:
        out = init("Chat.Example.ORG.", "--config", tmp_path / "etc" / "martlet" / "martlet.ini", "--dir", tmp_path / "state").stdout
    finally:
        os.umask(old)
    config, state = tmp_path / "etc" / "martlet" / "martlet.ini", tmp_path / "state"
    assert (mode(config), mode(config.parent), mode(state), mode(state / "dkim")) == (0o644, 0o755, 0o700, 0o700)
    assert {p.name: mode(p) for p in (state / "dkim").iterdir()} == {"opendkim.pem": 0o600, "opendkim-ed25519.pem": 0o600}
    text = config.read_text()
    assert "\nmail_domain = chat.example.org\n" in text and f"\nstate_dir = {state}\n" in text
    # What it says: what was made, the records, and what comes next.
    assert f"made     configuration  {config}\n" in out and f"made     state          {state}\n" in out
    assert "chat.example.org. 3600 IN MX 10 chat.example.org.\n" in out
    assert 'opendkim._domainkey.chat.example.org. 3600 IN TXT "v=DKIM1;k=rsa;p=' in out
    assert f"martlet dns --check --config {config}" in out and f"martlet serve --config {config}" in out
    # No other file is left behind.
    assert sorted(p.name for p in config.parent.iterdir()) == ["martlet.ini"]


@pytest.mark.parametrize("word", ["chat.example.org", "xn--bcher-kva.example", "_chat.test", "192.0.2.1"])
def test_again_changes_nothing(tmp_path, word):
    init(word, "--dir", tmp_path / "all")
    config = tmp_path / "all" / "martlet.ini"
    config.write_text(config.read_text() + "\nmax_message_size = 10M\n")  # the operator's
    before = picture(tmp_path)
    out = init(word, "--dir", tmp_path / "all").stdout
    assert picture(tmp_path) == before
    assert "All of it was there already; nothing was changed.\n" in out and "made" not in out.split("This belongs")[0]


def test_what_is_missing_is_made(tmp_path):
    init("chat.example.org", "--dir", tmp_path / "all")
    config = tmp_path / "all" / "martlet.ini"
    keys = picture(tmp_path / "all" / "dkim")
    config.unlink()
    out = init("chat.example.org", "--dir", tmp_path / "all").stdout
    assert "made     configuration" in out and "is there DKIM keys" in out
    assert picture(tmp_path / "all" / "dkim") == keys
    shutil.rmtree(tmp_path / "all" / "dkim")
    out = init("chat.example.org", "--dir", tmp_path / "all").stdout
    assert "is there configuration" in out and "made     DKIM keys" in out
    # Interrupted between the two keys.
    shutil.rmtree(tmp_path / "all" / "dkim")
    in_the_way = tmp_path / "all" / "dkim" / "opendkim-ed25519.pem.new"
    in_the_way.mkdir(parents=True)
    refused("chat.example.org", "--dir", tmp_path / "all")
    in_the_way.rmdir()
    init("chat.example.org", "--dir", tmp_path / "all")
    assert set(picture(tmp_path / "all" / "dkim")) == set(keys)


@needs_root
def test_all_belongs_to_the_user(tmp_path):
    nobody = pwd.getpwnam("nobody")
    (tmp_path / "empty").mkdir()  # of root's, as a service manager may make it
    for name in ("new", "empty"):
        state = tmp_path / name
        init("chat.example.org", "--config", tmp_path / f"{name}.ini", "--dir", state, user="nobody")
        for path in (state, state / "dkim", state / "dkim" / "opendkim.pem"):
            assert path.stat().st_uid == nobody.pw_uid and path.stat().st_mode & 0o077 == 0
        assert (tmp_path / f"{name}.ini").stat().st_uid == 0
        assert "\nuser = nobody\n" in (tmp_path / f"{name}.ini").read_text()


def test_address(tmp_path):
    for word in ("192.0.2.1", "[192.0.2.1]"):
        out = init(word, "--dir", tmp_path / "ip").stdout
    assert "needs nothing in the DNS" in out and "name@[192.0.2.1]" in out and " IN MX " not in out
    assert "\nmail_domain = 192.0.2.1\n" in (tmp_path / "ip" / "martlet.ini").read_text()
    assert mode(tmp_path / "ip" / "tls" / "key.pem") == 0o600 and not (tmp_path / "ip" / "dkim").exists()
    cert = subprocess.run(["openssl", "x509", "-in", tmp_path / "ip" / "tls" / "cert.pem", "-noout", "-ext", "subjectAltName"],
                          capture_output=True, text=True, check=True)
    assert "IP Address:192.0.2.1" in cert.stdout


def test_a_relay_runs_from_it(tmp_path):
    init("_chat.test", "--dir", tmp_path / "all")
    before = picture(tmp_path / "all" / "dkim"), picture(tmp_path / "all" / "tls")
    config = tmp_path / "all" / "martlet.ini"
    with open(tmp_path / "log", "wb") as log:
        relay = subprocess.Popen([binary_path(), "serve", "--config", config, "--port-offset", str(free_offset()), "--set",
                                  "dns_forward=127.0.0.1@9"], stdout=log, stderr=log)
    try:
        wait_until(lambda: run_martlet("status", "--config", config, "--json").stdout.startswith("{"), 30, "the relay answers")
        listed = run_martlet("dkim", "--config", config).stdout
        printed = run_martlet("dns", "--config", config).stdout
        for line in listed.splitlines():
            if " IN TXT " in line:
                assert line in printed
    finally:
        relay.terminate()
        relay.wait(60 * PATIENCE)
    after = picture(tmp_path / "all" / "dkim"), picture(tmp_path / "all" / "tls")
    assert after[1] == before[1] and all(after[0][p][5] == v[5] for p, v in before[0].items())


# ---- on a machine of its own ----

# In namespaces: where the default configuration goes, where its state is, a user, and no network but itself.
FRESH = """set -e
ip link set lo up
mkdir "$1/etc" && cp -a /etc/. "$1/etc" && mount --bind "$1/etc" /etc && rm -rf /etc/martlet
mount -t tmpfs none /var/lib && mount -t tmpfs none /run
grep -q "^martlet:" /etc/passwd || { echo "martlet:x:64990:64990::/nonexistent:/bin/false" >>/etc/passwd
    echo "martlet:x:64990:" >>/etc/group; }
"""
RUN = """"$2" init _chat.test
sed -i "s/^min_free_disk_space = .*/min_free_disk_space = 1M/" /etc/martlet/martlet.ini
printf "max_load_1m = 10000\\nmin_available_memory = 1M\\n" >>/etc/martlet/martlet.ini
"$2" serve 2>"$1/log" &
until "$2" status >"$1/status" 2>&1 || grep -q "^attention" "$1/status"; do kill -0 $!; sleep 0.1; done
/usr/bin/python3 "$3" _chat.test
ps -eo user:20,args | grep "[m]artlet relay"
kill $! && wait $!
"""
CLIENTS = """import imaplib, smtplib, ssl, sys, mail
tls = ssl._create_unverified_context()
alice, bob = (f"{name}@{sys.argv[1]}" for name in ("alicealic", "bobbobbob"))
inbox = imaplib.IMAP4_SSL("127.0.0.1", ssl_context=tls)
inbox.login(bob, "a password of bob")
with smtplib.SMTP_SSL("::1", context=tls) as smtp:
    smtp.login(alice, "a password of alice")
    smtp.sendmail(alice, [bob], mail.encrypted(alice))
print(inbox.select("INBOX"), inbox.fetch("1", "(RFC822.SIZE)")[0])
"""


def on_a_fresh_machine(folder, script, *args):
    command = ["unshare", "-m", "-n", "-p", "-f", "--mount-proc", "sh", "-c", FRESH + script, "sh", folder, binary_path(), *args]
    env = {**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).resolve().parents[1] / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240 * PATIENCE, env=env)
    log = folder / "log"
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr, log.read_text() if log.exists() else "")
    return done.stdout


@needs_root
def test_init_and_serve_and_nothing_else(tmp_path):
    """On the standard ports, by the standard user: an account logs in, another one sends it a message."""
    clients = tmp_path / "clients.py"
    clients.write_text(CLIENTS)
    out = on_a_fresh_machine(tmp_path, RUN, clients)
    assert "('OK', [b'1']) OK\n" in out
    assert re.search(r"(?m)^martlet +(\S+ )*martlet relay", out)  # behind an emulator's own name, too


@needs_root
def test_without_systemd(tmp_path):
    """What comes next is what works on this machine."""
    script = '"$2" init chat.example.org; mkdir -p /run/systemd/system; "$2" init chat.example.org'
    without, with_it = on_a_fresh_machine(tmp_path, script).split("All of it was there already")
    assert "start it: martlet serve\n" in without and "stays in the foreground" in without and "systemctl" not in without
    assert "start it: systemctl enable --now martlet\n" in with_it and "martlet serve" not in with_it


@needs_root
def test_without_root():
    """A relay of one's own: the ports are named, and who may have them."""
    nobody = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        own = pathlib.Path(name) / "own"
        os.chown(name, nobody.pw_uid, nobody.pw_gid)
        done = subprocess.run([public_binary(), "init", "chat.example.org", "--dir", own], capture_output=True, text=True,
                              user="nobody", group="nogroup", extra_groups=[])
        assert done.returncode == 0, done.stderr
        assert f"start it: martlet serve --config {own}/martlet.ini\n" in done.stdout
        assert "ip_unprivileged_port_start" in done.stdout
        assert {path.stat().st_uid for path in (own, *own.rglob("*"))} == {nobody.pw_uid}


# ---- mistakes ----


def test_something_else_is_there(tmp_path):
    init("chat.example.org", "--dir", tmp_path / "all")
    before = picture(tmp_path)
    config = tmp_path / "all" / "martlet.ini"
    assert refused("other.example.org", "--dir", tmp_path / "all").endswith(
        "is there already, for chat.example.org; nothing was changed: --config FILE names another place")
    assert "has its state in" in refused("chat.example.org", "--config", config, "--dir", tmp_path / "other")
    assert "is there already, for the user" in refused("chat.example.org", "--dir", tmp_path / "all", user="daemon")
    assert picture(tmp_path) == before


def test_a_configuration_that_is_none(tmp_path):
    cases = {
        "broken": ("[params]\nmail_domain = chat.example.org\nmax_mailbox_size = much\n", "max_mailbox_size"),
        "empty": ("", "mail_domain"),
    }
    for name, (text, sentence) in cases.items():
        config = tmp_path / f"{name}.ini"
        config.write_text(text)
        assert sentence in refused("chat.example.org", "--config", config, "--dir", tmp_path / "state")
        assert config.read_text() == text
    (tmp_path / "folder.ini").mkdir()
    assert "not a regular file" in refused("chat.example.org", "--config", tmp_path / "folder.ini")
    assert not (tmp_path / "state").exists()


def test_wrong_domains(tmp_path):
    cases = {
        "https://chat.example.org/": "web page",
        "me@example.org": "mail address",
        "bücher.example": "xn--",
        "2001:db8::1": "IPv4",
        "[IPv6:2001:db8::1]": "IPv4",
        "0.0.0.0": "no machine can have",
        "chat..example": "this is no domain",
        "a b.example": "this is no domain",
        "chat_one.example": "beginning of a domain",
        "localhost": "has a dot",
        "192.0.2.300": "this is no domain",
        "x" * 300 + ".org": "this is no domain",
    }
    for word, sentence in cases.items():
        assert sentence in refused(word, "--dir", tmp_path / "all", status=2), word
    assert "a domain is wanted" in refused(status=2)
    assert 'what is "b.org"?' in refused("a.org", "b.org", status=2)
    assert "did you mean --config" in refused("a.org", "--confg", "x", status=2)
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_no_such_user(tmp_path):
    sentence = refused("chat.example.org", "--config", tmp_path / "m.ini", user="no-such-user")
    assert "there is no system user no-such-user: adduser --system" in sentence
    assert list(tmp_path.iterdir()) == []


@needs_root
def test_a_state_directory_of_somebody_else(tmp_path):
    init("chat.example.org", "--dir", tmp_path / "all")
    (tmp_path / "all" / "martlet.ini").unlink()
    before = picture(tmp_path)
    assert f"chown -R nobody {tmp_path}/all" in refused("chat.example.org", "--dir", tmp_path / "all", user="nobody")
    assert picture(tmp_path) == before
    # Nobody is told to give away what is no relay's.
    strange = tmp_path / "strange"
    strange.mkdir()
    (strange / "letters").touch()
    before = picture(tmp_path)
    sentence = refused("chat.example.org", "--dir", strange, user="nobody")
    assert "has files of others in it" in sentence and f"such as {strange}/martlet" in sentence and "chown" not in sentence
    assert picture(tmp_path) == before


@needs_root
def test_missing_rights():
    """Not root, and a place that is root's."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        for place in (folder / "martlet.ini", folder / "deep" / "martlet.ini"):
            command = [public_binary(), "init", "chat.example.org", "--config", place]
            done = subprocess.run(command, capture_output=True, text=True, user="nobody", group="nogroup", extra_groups=[])
            assert done.returncode == 1 and done.stderr.count("\n") == 1
            assert re.fullmatch(f"martlet: {place if place.parent == folder else place.parent}: [\\w ]+; "
                                "try sudo, or --dir DIRECTORY for a relay of your own\n", done.stderr), done.stderr
        assert list(folder.iterdir()) == []


@needs_root
def test_full_disk(tmp_path):
    """Nothing half written stays, and once there is room, the same command goes on."""
    script = ('mount -t tmpfs -o size=64k,mode=755 none "$1" && { cat /dev/zero >"$1/filler"; "$2" init chat.example.org --dir "$1/all" '
              '--user "$3"; echo "status $?"; find "$1/all" -type f; rm "$1/filler"; "$2" init chat.example.org --dir "$1/all" '
              '--user "$3" >/dev/null && find "$1/all" -type f | sort; }')
    done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", tmp_path, binary_path(), OURSELVES], capture_output=True,
                          text=True, timeout=60 * PATIENCE)
    first, second = re.split(r"(?m)^status 1$", done.stdout)
    assert "No space left on device" in done.stderr, done.stderr
    files = [f"{tmp_path}/all/dkim/opendkim-ed25519.pem", f"{tmp_path}/all/dkim/opendkim.pem", f"{tmp_path}/all/martlet.ini"]
    assert not any(line.endswith(".new") for line in first.split())
    assert second.split()[-3:] == files and not any(line.endswith(".new") for line in second.split())


def test_output_that_cannot_be_written(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary_path(), "init", "chat.example.org", "--dir", tmp_path / "all", "--user", OURSELVES], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "the output could not be written" in done.stderr


def test_says_what_the_configuration_says(tmp_path):
    """Of a relay that serves no calls, no port for them is to be let through."""
    assert "of TCP and 3478, 49152-65535 of UDP through" in init("chat.example.org", "--dir", tmp_path / "all").stdout
    with open(tmp_path / "all" / "martlet.ini", "a") as config:
        config.write("turn = false\n")
    out = init("chat.example.org", "--dir", tmp_path / "all").stdout
    assert "993 of TCP through to this machine" in out and "UDP" not in out


@pytest.mark.parametrize("name", ["blank ", "two\nuser = root", "not\udcff8", "e\x1bsc"])
def test_a_directory_that_no_configuration_can_name(tmp_path, name):
    """The file would mean another one than was asked for, or nothing at all."""
    before = picture(tmp_path)
    sentence = refused("chat.example.org", "--dir", tmp_path / name)
    assert "cannot stand in a configuration" in sentence and sentence.isprintable()
    assert picture(tmp_path) == before
    # A link to it hides the name until the directory is there.
    (tmp_path / name).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / name)
    assert "cannot stand in a configuration" in refused("chat.example.org", "--dir", tmp_path / "link")
    assert list((tmp_path / name).iterdir()) == []


