# SPDX-License-Identifier: MIT
"""What of the package can be told without building it; `make test-package` does the rest."""
import pathlib
import re
import subprocess

import pytest
from relay import binary_path

TOP = pathlib.Path(__file__).resolve().parents[2]
EXPOSURE_MAX = 26  # tenths, as systemd-analyze counts


def analyze(*args):
    done = subprocess.run(["systemd-analyze", "--no-pager", *args], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path):
    path = tmp_path / "martlet.service"
    text = (TOP / "packaging/martlet.service.in").read_text()
    path.write_text(text.replace("@bindir@", str(binary_path().parent)))
    return path


def test_unit_is_understood(unit):
    """Also by name: systemd ignores a key that it does not know, with a warning."""
    assert analyze("--man=no", "verify", unit) == (0, "")


def test_unit_is_hardened(unit):
    status, text = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert status == 0, text


def test_unit_lets_write_what_it_says():
    """systemd 252 lets every path be written to that stands in NoExecPaths=, whatever ProtectSystem= says; `make
    test-package` tries it."""
    text = (TOP / "packaging/martlet.service.in").read_text()
    found = {key: re.findall(rf"^{key}=(.*)$", text, re.MULTILINE) for key in ("NoExecPaths", "ReadWritePaths")}
    no_exec, writable = ({path.lstrip("-") for line in found[key] for path in line.split()} for key in found)
    assert writable == {"/var/lib/martlet"} and no_exec == writable | {"/tmp", "/var/tmp"}


def call_groups():
    groups, name = {}, None
    for line in analyze("syscall-filter")[1].splitlines():
        line = re.sub(r"\x1b\[[0-9;]*m", "", line)
        if re.fullmatch(r"@\S+", line):
            name = line
            groups[name] = set()
        elif line.startswith("    ") and not line.strip().startswith("#"):
            groups[name].add(line.strip())
    return groups


def allowed_by(unit):
    groups = call_groups()

    def expand(word):
        return set().union(*map(expand, groups[word])) if word.startswith("@") else {word}

    allowed = set()
    for takes_away, words in re.findall(r"^SystemCallFilter=(~?)(.*)$", unit.read_text(), re.MULTILINE):
        calls = set().union(*map(expand, words.split()))
        allowed = allowed - calls if takes_away else allowed | calls
    return allowed


def test_unit_allows_what_the_relay_allows_itself(unit):
    """A call that the relay's own filter lets through, and the unit's does not, would fail under systemd alone."""
    source = (TOP / "src/martlet/sandbox/seccomp.c").read_text()
    assert "deadly[]" in source
    wanted = set(re.findall(r"SCMP_SYS\((\w+)\)", source.split("deadly[]")[0]))
    # For the parent: starting, sandboxing, becoming another user, giving files away.
    wanted |= {"execve", "clone", "wait4", "kill", "setgroups", "setresuid", "capset", "fchown", "bind", "listen"}
    wanted |= {"seccomp", "prctl", "inotify_add_watch", "signalfd4", "landlock_restrict_self"}
    assert len(wanted) > 100
    assert wanted - allowed_by(unit) == set()


def test_versions_agree():
    version = re.search(r"version: '([^']+)'", (TOP / "meson.build").read_text()).group(1)
    assert (TOP / "debian/changelog").read_text().startswith(f"martlet ({version}) ")


def test_authors_agree():
    """Whoever holds the rights has made the package, too."""
    name = re.search(r"^Copyright \(c\) \d+ (.+)$", (TOP / "LICENSE").read_text(), re.MULTILINE).group(1)
    assert re.search(rf"^Copyright: \d+ {name}$", (TOP / "debian/copyright").read_text(), re.MULTILINE)
    maintainer = re.search(r"^Maintainer: (.+)$", (TOP / "debian/control").read_text(), re.MULTILINE).group(1)
    assert maintainer.startswith(f"{name} <")
    assert set(re.findall(r"^ -- (.+>)  ", (TOP / "debian/changelog").read_text(), re.MULTILINE)) == {maintainer}


@pytest.mark.parametrize("name", ["postinst", "prerm", "postrm"])
def test_maintainer_scripts_are_shell(name):
    subprocess.run(["sh", "-n", TOP / f"debian/martlet.{name}"], check=True)


@pytest.mark.parametrize("setting, stays", [
    ("", False),
    ("state_dir = /var/lib/martlet", False),
    ("state_dir = /var/lib/martlet/ \r", False),
    ("state_dir: /var/lib/martlet/state", False),
    ("# state_dir = /srv/martlet", False),
    ("state_dir = /srv/martlet", True),
    ("state_dir = /var/lib/martlet2", True),
    ("state_dir = /var/lib/martlet/../other", True),
])
def test_purge_knows_where_the_state_is(tmp_path, setting, stays):
    """The user goes with the state that it owns, and stays with what is elsewhere."""
    (tmp_path / "etc/martlet").mkdir(parents=True)
    (tmp_path / "etc/martlet/martlet.ini").write_text(f"[params]\n{setting}\n".replace("/var/lib", f"{tmp_path}/var/lib"))
    (tmp_path / "var/lib/martlet").mkdir(parents=True)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    gone = tmp_path / "gone"
    programs = {"id": f"[ ! -e {gone} ] && echo 100", "deluser": f"touch {gone}", "getent": "false", "mountpoint": "false"}
    for name, does in programs.items():
        (bin_folder / name).write_text(f"#!/bin/sh\n{does}\n")
        (bin_folder / name).chmod(0o755)
    script = (TOP / "debian/martlet.postrm").read_text()
    script = script.replace("/var/lib", f"{tmp_path}/var/lib").replace("/etc/martlet", f"{tmp_path}/etc/martlet")
    subprocess.run(["sh", "-c", script, "postrm", "purge"], check=True, env={"PATH": f"{bin_folder}:/usr/bin:/bin"})
    assert not (tmp_path / "var/lib/martlet").exists() and not (tmp_path / "etc/martlet").exists()
    assert gone.exists() != stays
