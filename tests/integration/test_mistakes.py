# SPDX-License-Identifier: MIT
"""Mistakes of whoever sets up a relay: each gets one sentence that says what is wrong and what to do. Configuration,
rights, files, ports, disks and a state directory that is not what it should be."""
import os
import pathlib
import shutil
import socket
import sqlite3
import struct
import subprocess
import tempfile

import pytest
from relay import binary_path, free_offset, public_binary, run_martlet, wait_until
from timelimit import GUARD, PATIENCE

DOMAIN = "_mistakes.test"
NOBODY = 65534
NO_ID = 0xFFFFFFFF
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
ENV = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes user")
ME = "nobody" if os.geteuid() == 0 else os.environ.get("USER", "nobody")


class Place:
    """A folder that other users can look into, as those of pytest are not."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="martlet-mistakes-"))
        self.path.chmod(0o755)
        self.state, self.config = self.path / "state", self.path / "martlet.ini"
        self.write("")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path)

    def write(self, lines, head=None):
        head = f"[params]\nmail_domain = {DOMAIN}\nstate_dir = {self.state}\nuser = {ME}\n" if head is None else head
        self.config.write_text(head + lines)

    def serve(self, *options, wrapper=(), dry=True, offset=None):
        """`martlet serve`, which is expected to end by itself; without `dry` because it cannot start."""
        command = [*wrapper, public_binary() if wrapper else binary_path(), "serve", "--config", self.config, *options]
        command += ["--port-offset", str(free_offset() if offset is None else offset)]
        command += ["--dry-run"] if dry else []
        return subprocess.run(
            list(map(str, command)), capture_output=True, text=True, timeout=GUARD * PATIENCE, check=False, env=ENV, cwd=self.path
        )

    def make_state(self):
        """A relay was here and has ended."""
        command = [binary_path(), "serve", "--config", self.config, "--port-offset", str(free_offset())]
        with open(self.path / "log", "w+") as log:
            relay = subprocess.Popen(list(map(str, command)), stderr=log, env=ENV)
            try:
                wait_until(lambda: self.is_ready() or relay.poll() is not None, 20, "the relay")
            finally:
                relay.terminate()
                relay.wait(GUARD * PATIENCE)
        assert self.is_ready(), self.log()
        return self.state

    def log(self):
        return (self.path / "log").read_text()

    def is_ready(self):
        return "parent.ready" in self.log()


@pytest.fixture
def place():
    with Place() as made:
        yield made


def complaints(done):
    """The sentences that are no log lines; a relay that fails writes a few of those before."""
    return [line for line in done.stderr.splitlines() if line.startswith("martlet: ")]


def refused(done, *wanted):
    """It ended with 1 and one sentence, which holds all of `wanted`."""
    lines = complaints(done)
    assert done.returncode == 1, done
    lines = [line for line in lines if "warning: " not in line]
    assert len(lines) == 1 and all(w in lines[0] for w in wanted), done.stderr
    return lines[0]


def warned(done, *wanted):
    """It would start, with one warning."""
    lines = complaints(done)
    assert done.returncode == 0, done
    assert len(lines) == 1 and "warning: " in lines[0] and all(w in lines[0] for w in wanted), done.stderr


# ---- nothing is wrong ----


def test_dry_run_changes_nothing(place):
    done = place.serve()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{place.config} would start for {DOMAIN}\n"
    assert not place.state.exists()


# ---- the configuration ----

CONFIGURATION = [
    ("delete_mails_after = 20d", 'martlet.ini:5: delete_mails_after: must be a whole number of days from 1 to'),
    ("max_mailbox_size = 5 boxes", 'max_mailbox_size: must be a size such as 500M, from 1 to 1024T, not "5 boxes"'),
    ("disable_ipv6 = ture", 'disable_ipv6: must be true or false, not "ture"; did you mean true?'),
    ("registration = colsed", 'must be open, invite or closed, not "colsed"; did you mean closed?'),
    ("turn_ports = 80-90", "turn_ports: must be a range of ports such as 49152-65535, within 1024 to 65535"),
    ("acme_email = a@example.org\nacme_email = b@example.org", "is set twice, first in line 5; remove one of them"),
    ("username_min_length = 12", "username_min_length: is above username_max_length (12 > 9)"),
    ("what is this", 'martlet.ini:5: neither "key = value" nor a section nor a comment'),
    ("privacy_mail = " + "x" * 9000, "martlet.ini:5: the line has more than 8192 octets"),
    ("privacy_mail = a@example.org\n  b@example.org", "privacy_mail: must be one line"),
    ("privacy_postal = a" + "\n  b" * 10000, "martlet.ini:5: the value has more than 16384 octets"),
    ("ca_file = /nonexistent/roots.pem", "ca_file: /nonexistent/roots.pem: No such file or directory"),
    ("dns_root_hints = /nonexistent/hints", "dns_root_hints: /nonexistent/hints: No such file or directory"),
    ("dns_trust_anchor = /etc", "dns_trust_anchor: /etc is not a file"),
    ("tls_external_cert_and_key = /nonexistent/a /nonexistent/b", "/nonexistent/a: No such file or directory"),
    ("tls_external_cert_and_key = /nonexistent/a", "must be two paths: CERTIFICATE KEY"),
]


@pytest.mark.parametrize("lines, want", CONFIGURATION, ids=[lines.split(" ")[0] for lines, want in CONFIGURATION])
def test_configuration(place, lines, want):
    place.write(lines + "\n")
    refused(place.serve(), want)


@pytest.mark.parametrize(
    "head, want",
    [
        ("", "mail_domain: is required"),
        (f"mail_domain = {DOMAIN}\nuser = {ME}\n", "martlet.ini:1: the line [params] is missing above this one"),
        (f"[server]\nmail_domain = {DOMAIN}\n", "mail_domain: stands in [server]; only section [params] is read"),
    ],
)
def test_sections(place, head, want):
    place.write("", head)
    refused(place.serve(), want)


def test_encodings(place):
    text = f"[params]\nmail_domain = {DOMAIN}\nprivacy_postal = Straße 1\n"
    place.config.write_bytes(text.encode("latin-1"))
    refused(place.serve(), "martlet.ini:3: privacy_postal: is not text in UTF-8")
    place.config.write_bytes(text.encode("utf-16"))
    refused(place.serve(), "the file is in UTF-16; save it as UTF-8")
    place.config.write_bytes(b"#" * (2 << 20))
    refused(place.serve())


def test_unknown_key_is_a_warning_that_knows_what_was_meant(place):
    place.write("max_mailbx_size = 1G\n")
    warned(place.serve(), "martlet.ini:5: max_mailbx_size: unknown key, ignored; did you mean max_mailbox_size?")
    place.write("")
    warned(place.serve("--set", "delete_mail_after=3"), "--set delete_mail_after: unknown key", "delete_mails_after?")


def test_hook_that_cannot_be_run(place):
    place.write("acme_dns_hook = /nonexistent/hook\n")
    warned(place.serve(), "acme_dns_hook: /nonexistent/hook cannot be run", "no certificate will come")


def test_missing_configuration(place):
    place.config.unlink()
    refused(place.serve(), "there is no configuration at", "--config FILE")
    place.config.mkdir()
    refused(place.serve(), "not a regular file")


def test_no_program_for_certificates(place):
    place.write("", f"[params]\nmail_domain = chat.example.org\nstate_dir = {place.state}\nuser = {ME}\n")
    folder = place.path / "bin"
    folder.mkdir()

    def told(path):
        done = place.serve(wrapper=["env", f"PATH={path}"])
        assert done.returncode == 0, done
        return [line for line in complaints(done) if "uacme" in line]

    line, = told(f"/nonexistent:{folder}")
    assert "is not installed: apt-get install uacme" in line
    (folder / "uacme").touch(0o755)
    for path in (folder, f"{folder}:/nonexistent", f"/nonexistent:{folder}"):
        assert told(path) == []


# ---- rights ----


@needs_root
def test_rights(place):
    place.config.chmod(0o600)
    refused(place.serve(wrapper=AS_NOBODY), "Permission denied: start as root, or let this user read it")
    place.config.chmod(0o644)
    refused(place.serve(wrapper=AS_NOBODY, offset=0), "port 25 (smtp) may be bound by root only; start as root")
    refused(place.serve(wrapper=AS_NOBODY, dry=False), f"state_dir: {place.state} may not be used by nobody")
    place.state.mkdir(0o755)
    refused(place.serve(wrapper=AS_NOBODY), "belongs to root, and this is nobody: start as root, or chown -R nobody")
    roots = place.path / "roots.pem"
    roots.write_text("")
    roots.chmod(0o600)
    place.write(f"ca_file = {roots}\n")
    refused(place.serve(), f"ca_file: {roots} cannot be read by the user nobody: chmod o+r")


@needs_root
def test_rights_by_other_ways(place):
    """Mode bits are not all of it: a group that is not the first, an entry of an access list, a folder above the file."""
    folder, group = place.path / "roots", 50000
    roots = folder / "roots.pem"
    folder.mkdir(0o755)
    roots.write_text("")
    roots.chmod(0o640)
    os.chown(roots, 0, group)
    place.write(f"ca_file = {roots}\n")
    place.state.mkdir(0o700)
    os.chown(place.state, NOBODY, NOBODY)
    of_group = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={group}"]
    assert place.serve(wrapper=of_group).returncode == 0
    want = f"ca_file: {roots} cannot be read by the user nobody: chmod o+r"
    refused(place.serve(wrapper=AS_NOBODY), want)
    refused(place.serve(), want)
    # user:nobody:r-- beside the owner, the group and others (acl(5), as the kernel keeps it)
    entries = [(1, 6, NO_ID), (2, 4, NOBODY), (4, 4, NO_ID), (16, 4, NO_ID), (32, 0, NO_ID)]
    os.setxattr(roots, "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries))
    assert place.serve().returncode == 0
    folder.chmod(0o700)
    refused(place.serve(), "cannot be read by the user nobody")


@needs_root
def test_no_such_user(place):
    place.write("", f"[params]\nmail_domain = {DOMAIN}\nstate_dir = {place.state}\nuser = nobodyatall\n")
    refused(place.serve(), "there is no system user nobodyatall: adduser --system", "or set user = NAME")


def test_open_state_directory_is_closed(place):
    place.state.mkdir()
    place.state.chmod(0o755)
    warned(place.serve(), "is open to other users (mode 755); a start closes it")
    assert place.state.stat().st_mode & 0o777 == 0o755
    place.make_state()
    assert "was open to other users (mode 755) and is closed to them now (700)" in place.log()
    assert place.state.stat().st_mode & 0o777 == 0o700


def test_directory_of_others(place):
    """state_dir = /tmp: nobody else could use it any more."""
    place.state.mkdir()
    (place.state / "letters").write_text("of somebody else")
    place.state.chmod(0o1777)
    before = place.state.stat()
    for dry in (True, False):
        refused(place.serve(dry=dry), f"state_dir: {place.state} has files of others in it", f"such as {place.state}/martlet")
    after = place.state.stat()
    assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid) and len(list(place.state.iterdir())) == 1


@pytest.mark.parametrize("name", ["lock", "tls", "acme", "dkim"])
def test_directory_of_others_that_looks_like_ours(place, name):
    """state_dir = /var, where `lock` is a link to a folder; /etc, where others keep keys."""
    for target in (place.state / name, place.path / "run"):
        target.mkdir(parents=True)
        target.chmod(0o755)
        place.state.chmod(0o755)
        if target.parent != place.state:
            (place.state / name).rmdir()
            (place.state / name).symlink_to(target)
        before = place.state.stat()
        for dry in (True, False):
            refused(place.serve(dry=dry), f"state_dir: {place.state} has files of others in it")
        after = place.state.stat()
        assert (before.st_mode, before.st_uid) == (after.st_mode, after.st_uid)


def test_what_a_relay_does_without(place):
    """A start says these in its log."""
    place.write("www_folder = /nonexistent\n")
    warned(place.serve(), "www_folder: /nonexistent is no folder that can be read: the built-in pages are used")
    place.write("push_gateway = http://gateway.example/\n")
    warned(place.serve(), "push_gateway: http:// is for loopback addresses only: nobody is notified")


def test_state_directory_without_a_root(place):
    place.write("", f"[params]\nmail_domain = {DOMAIN}\nstate_dir = state\nuser = {ME}\n")
    warned(place.serve(), "state_dir: state is another directory for each place", "begin it with /")


def test_few_files(place):
    few = ["sh", "-c", 'ulimit -n 1000; exec "$@"', "sh"]
    wrapper = [*few, *AS_NOBODY] if os.geteuid() == 0 else few
    warned(place.serve(wrapper=wrapper), "may open 1000 files", "LimitNOFILE=")


@pytest.mark.parametrize("files", [30, 45, 60])  # some of them would do for a while: whatever comes last fails
def test_too_few_files(place, files):
    few = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh"]
    place.make_state()
    if os.geteuid() == 0:
        few += AS_NOBODY
    for dry in (True, False):
        refused(place.serve(wrapper=few, dry=dry), f"may open {files} files, and a relay needs", "LimitNOFILE=")


# ---- certificates ----


def make_pair(path, name):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=x"]
        + ["-addext", f"subjectAltName=DNS:{DOMAIN},DNS:www.{DOMAIN},DNS:mta-sts.{DOMAIN}", "-days", "90"]
        + ["-keyout", path / f"{name}.key", "-out", path / f"{name}.crt"],
        check=True,
        capture_output=True,
    )
    (path / f"{name}.key").chmod(0o600)
    return path / f"{name}.crt", path / f"{name}.key"


def test_certificates(place):
    cert, key = make_pair(place.path, "a")
    _, other = make_pair(place.path, "b")
    junk = place.path / "junk"
    junk.write_text("junk\n")

    def use(*pair):
        place.write(f"tls_external_cert_and_key = {pair[0]} {pair[1]}\n")
        return place.serve()

    assert use(cert, key).stderr == ""
    refused(use(key, cert), "no readable PEM certificate but a private key", "names the certificate first, then the key")
    refused(use(cert, other), "the private key does not match the certificate")
    refused(use(junk, key), "no readable PEM certificate: see tls_external_cert_and_key")
    refused(use(cert, junk), "no readable PEM private key without passphrase")
    key.chmod(0o644)
    place.write(f"tls_external_cert_and_key = {cert} {key}\n")
    place.make_state()
    assert f"the private key {key} can be read by every user of this machine: chmod o-r" in place.log()


# ---- ports ----


def test_taken_port(place):
    offset = free_offset()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 25 + offset))
        taken.listen()
        refused(place.serve(offset=offset), f"port {25 + offset} (smtp) is taken by ", f"(pid {os.getpid()})")


def test_taken_port_says_how_its_holder_is_stopped(place):
    """A process that is named like that of Postfix."""
    offset = free_offset()
    listen = "import socket,sys,time; s=socket.socket(); s.bind(('127.0.0.1', int(sys.argv[1]))); s.listen(); print(1, flush=True); time.sleep(3600)"
    rename = "import ctypes; ctypes.CDLL(None).prctl(15, b'master', 0, 0, 0); "
    holder = subprocess.Popen(["python3", "-c", rename + listen, str(25 + offset)], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        want = f"is taken by master (pid {holder.pid}), probably Postfix: systemctl disable --now postfix"
        refused(place.serve(offset=offset), want)
    finally:
        holder.kill()
        holder.communicate()


@needs_root
def test_machine_without_ipv6(place):
    """No mistake: it serves IPv4."""
    script = 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; exec "$@"'
    done = place.serve(wrapper=["unshare", "--net", "sh", "-c", script, "sh"])
    assert (done.returncode, done.stderr) == (0, "")


# ---- the state directory ----


def test_state_that_is_no_directory(place):
    place.state.write_text("")
    refused(place.serve(), "is not a directory", "name another one")
    refused(place.serve(dry=False), "is not a directory", "name another one")


@pytest.fixture(scope="module")
def used_state():
    """What a relay leaves behind, copied by each test."""
    with Place() as made:
        yield made.make_state()


@pytest.fixture
def used(place, used_state):
    subprocess.run(["cp", "-a", used_state, place.state], check=True)
    return place


def newer(state):
    with sqlite3.connect(state / "martlet.db") as db:
        db.execute("PRAGMA user_version = 999")


def torn(state):
    os.truncate(state / "martlet.db", 5000)


def scrambled(state):
    with open(state / "martlet.db", "r+b") as f:
        f.write(os.urandom(4096))


def without_key(state):
    (state / "tls" / "key.pem").unlink()


def emptied(state):
    (state / "martlet.db").write_bytes(b"")
    (state / "bodies" / "0a").mkdir(parents=True, exist_ok=True)
    (state / "bodies" / "0a" / "0123456789abcdef0123456789abcd").write_bytes(b"a body")


def broken_dkim(state):
    (state / "dkim" / "opendkim.pem").write_text("junk\n")


def foreign(state):
    for path in state.rglob("*"):
        os.chown(path, 1, 1)


def unreadable_dkim(state):
    os.chown(state / "dkim" / "opendkim.pem", 1, 1)


DAMAGES = [
    (newer, ["was written by a newer version of this program", "install that version again"]),
    (torn, ["it is damaged", "`martlet verify ", "put a backup back"]),
    (scrambled, ["it is damaged", "`martlet verify ", "put a backup back"]),
    (emptied, ["missing or empty, and there are bodies", "put martlet.db back from the backup", "begin anew"]),
    (without_key, ["tls: key.pem: No such file", "put it back from a backup, or move the folder away"]),
    (broken_dkim, ["dkim/opendkim.pem: no private key in PEM form", "put the right file back"]),
]


@pytest.mark.parametrize("damage, want", DAMAGES, ids=[damage.__name__ for damage, want in DAMAGES])
def test_damaged_state(used, damage, want):
    for leftover in used.state.glob("martlet.db-*"):
        leftover.unlink()
    damage(used.state)
    refused(used.serve(dry=False), *want)


@needs_root
@pytest.mark.parametrize("damage", [foreign, unreadable_dkim], ids=["all", "dkim"])
def test_state_of_another_user(used, damage):
    damage(used.state)
    want = "belongs to the user daemon, and the relay runs as nobody: chown -R nobody"
    refused(used.serve(), want)
    refused(used.serve(dry=False), want)
    # What certificates are asked for with stays with root (test_acme.py).
    (used.state / "acme").mkdir()
    refused(used.serve(), f"{want} {used.state}; and then, for the certificate, chown -R root {used.state}/acme")


def test_second_relay(place):
    offset = free_offset()
    command = [binary_path(), "serve", "--config", place.config, "--port-offset", str(offset)]
    with open(place.path / "log", "w+") as log:
        relay = subprocess.Popen(list(map(str, command)), stderr=log, env=ENV)
        try:
            wait_until(lambda: "parent.ready" in place.log(), 20, "the relay")
            refused(place.serve(dry=False), "another relay runs with this state directory (process ", "stop it, or")
            line = refused(place.serve(dry=False, offset=offset), f"is taken by martlet (pid {relay.pid})")
            assert "systemctl stop martlet" in line
            done = place.serve(offset=offset)  # its own ports are no mistake
            assert done.returncode == 0 and "a relay runs with its state directory now" in done.stdout, done
        finally:
            relay.terminate()
            relay.wait(GUARD * PATIENCE)


# ---- disks ----


@needs_root
@pytest.mark.parametrize(
    "options, want",
    [
        ("size=1m", "has no room left for a new store: make some (df)"),
        ("size=50m,nr_inodes=8", "has no inodes left for a new store: make some (df -i)"),
        ("size=50m,ro", "is on a file system that is mounted read-only: mount it with rw"),
    ],
    ids=["room", "inodes", "read-only"],
)
def test_full_disk(place, options, want):
    place.state.mkdir(0o700)
    mount = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs -o mode=700,{options} t {place.state}; exec "$@"', "sh"]
    refused(place.serve(wrapper=mount), want)
    if ",ro" not in options:
        refused(place.serve(wrapper=mount, dry=False), want)


@needs_root
def test_full_disk_under_a_store(used):
    """Not taken for a damaged database, which looks the same to SQLite."""
    kept = used.path / "kept"
    shutil.move(used.state, kept)
    used.state.mkdir(0o700)
    script = (
        f"mount -t tmpfs -o mode=700,size=40m t {used.state}; cp -a {kept}/. {used.state}; rm -f {used.state}/reserve; "
        f'cat /dev/zero >{used.state}/filler 2>/dev/null; exec "$@"'
    )
    wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"]
    warned(used.serve(wrapper=wrapper), "has no room left: mail is refused")
    refused(used.serve(wrapper=wrapper, dry=False), f"the disk of {used.state} is full: make room")


# ---- commands ----


def test_commands_without_a_relay(place):
    """What a command says while no relay runs."""
    for command in ("metrics", "queue", "dkim", "account list", "invite"):
        done = run_martlet(*command.split(), "--config", place.config)
        refused(done, "no relay runs with the state directory", "start it first")


def test_commands_about_a_state_directory(place):
    """What is said by those that open one themselves."""
    refused(run_martlet("verify", place.path), "there is no store in the state directory: name the one of state_dir")
    refused(run_martlet("verify", place.path / "none"), "none: No such file or directory")
    done = run_martlet("certificate", "--config", place.path / "none")
    assert done.returncode == 2 and "there is no configuration at" in done.stderr and done.stderr.count("\n") == 1
    offset, ready = free_offset(), False
    command = [binary_path(), "dev", "--dir", place.state, "--port-offset", str(offset)]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True, env=ENV) as relay:
        try:
            ready = any(line.strip() == "martlet: ready" for line in relay.stdout)
            refused(run_martlet("verify", place.state), "another process has the state directory open: stop the relay")
        finally:
            relay.terminate()
    assert ready


@needs_root
def test_folder_that_may_not_be_written(place):
    folder = place.path / "folder"
    folder.mkdir(0o755)
    command = [*AS_NOBODY, public_binary(), "dev", "--dir", folder / "run"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=GUARD * PATIENCE, check=False, env=ENV)
    refused(done, "run: Permission denied; --dir names another directory")


def test_misspelt():
    cases = [
        ("satus", "did you mean `martlet status`?"),
        ("queue shwo", 'did you mean "show"?'),
        ("queue frobnicate", 'what is "frobnicate"? Wanted is list, show, retry or drop'),
        ("queue --jsno", "did you mean --json?"),
        ("queue --json=yes", "--json takes no value"),
        ("queue -x", "unknown option -x"),
        ("queue --json -x", "unknown option -x"),
        ("serve --config=x -xy", "unknown option -x"),
        ("serve --config=x -cx", "unknown option -c"),
        ("invite --d", "--d could be --dir or --days"),
        ("serve --mail_domain=a.org", "which --set mail_domain=VALUE sets"),
        ("serve --config", "option --config wants a value"),
        ("serve --set max_mailbox_size", "--set wants KEY=VALUE"),
        ("--config x serve", "options stand behind a command"),
        ("mail_domain", "see `martlet help mail_domain`"),
        ("help turm", "did you mean turn?"),
        ("help qeue", "did you mean queue?"),
        # Dashes that are missing, and words of other programs.
        ("dns check", 'what is "check", did you mean --check?'),
        ("status json", 'what is "json", did you mean --json?'),
        ("expire dry-run", "did you mean --dry-run?"),
        ("web preview", "did you mean --preview?"),
        ("status now", 'what is "now"? See'),
        ("start", "`systemctl start martlet`"),
        ("run", "`martlet serve`"),
        ("stop", "`systemctl stop martlet`"),
        ("test", "`martlet check`"),
        ("webdev", "`martlet web --preview`"),
        ("--verison", "did you mean --version?"),
        ("-v", "`martlet --version`"),
        # What another verb of the same command takes is not ignored.
        ("account list --yes", "list takes no --yes"),
        ("account block alice --json", "block takes no --json"),
        ("account delete alice --json --yes", "delete takes no --json"),
        ("queue retry --json", "retry takes no --json"),
        ("queue drop 7 --json", "drop takes no --json"),
        ("dkim rotate --json", "rotate takes no --json"),
        ("invite revoke abc --json", "revoke takes no --json"),
        ("invite list --uses 3", "--uses and --days are for a new invitation"),
        ("verify /none --set turn=false", "--set goes with --config"),
        ("web --export /none --port 8080", "--export takes no --port"),
        ("dns --config x --dir y", "--config and --dir mean two different relays"),
        ("certificate --config x --dir y", "--config and --dir mean two different relays"),
        ("queue --config x --dir y", "--config and --dir mean two different relays"),
    ]
    for words, want in cases:
        done = run_martlet(*words.split())
        assert done.returncode == 2 and done.stdout == "" and want in done.stderr, (words, done.stderr)
        assert done.stderr.count("\n") == 1


