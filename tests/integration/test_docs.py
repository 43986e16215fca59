# SPDX-License-Identifier: MIT
"""What the program says of itself and what its manual pages say: the same commands, options, keys and defaults."""
import os
import pathlib
import re
import subprocess

import pytest
from relay import binary_path, run_martlet

TOP = pathlib.Path(__file__).resolve().parents[2]
MAN = TOP / "docs" / "man"


def said(*words):
    done = run_martlet(*words)
    assert done.returncode == 0 and done.stderr == "", done
    return done.stdout


def commands():
    return re.findall(r"^  (?:[a-z ]{8}|\s{8}) ([a-z]+) +\S", said("help"), re.MULTILINE)


def options(text):
    return set(re.findall(r"--[a-z-]+", text))


COMMANDS = commands()


def test_overview_is_one_screen():
    text = said("help")
    lines = text.splitlines()
    assert len(lines) <= 30 and max(map(len, lines)) <= 100
    assert {"serve", "dev", "status", "queue", "account", "invite", "verify", "help"} <= set(COMMANDS)
    assert said("--help") == text == said("-h")
    done = run_martlet()
    assert done.returncode == 2 and done.stderr == text and done.stdout == ""
    assert re.fullmatch(r"martlet \d+\.\d+\.\d+\n", said("--version"))


@pytest.mark.parametrize("command", COMMANDS)
def test_command_and_its_page(command):
    """Help by both ways is the same; its options are those of the page, no more and no less, and the program takes them."""
    text = said("help", command).partition(f"\n{command} is a key of")[0]
    assert text == said(command, "--help") and text.startswith(f"usage: martlet {command}")
    page = (MAN / f"martlet-{command}.1").read_text()
    written = {"--" + name for name in re.findall(r"Fl Fl ([a-z-]+)", page)}
    assert options(text) == written
    for option in options(text) - {"--yes", "--json"}:  # a letter too many is understood by whoever has the option
        done = run_martlet(command, option + "x")
        assert done.returncode == 2 and f"did you mean {option}?" in done.stderr, done.stderr
    for line in text.splitlines():
        assert len(line) <= 110, line


def test_pages_name_what_there_is():
    """No page is left over, and the pages refer to pages that exist."""
    pages = {path.name for path in MAN.glob("*.[15]")}
    assert pages == {"martlet.1", "martlet.ini.5", *(f"martlet-{command}.1" for command in COMMANDS)}
    named = {f"{name}.{part}" for path in MAN.glob("*.[15]")
             for name, part in re.findall(r"^\.Xr (martlet\S*) ([15])", path.read_text(), re.MULTILINE)}
    assert named <= pages


def entries():
    """{key: text of its entry} of martlet.ini(5)."""
    found = {}
    for block in re.split(r"^\.It ", (MAN / "martlet.ini.5").read_text(), flags=re.MULTILINE)[1:]:
        head, _, text = block.partition("\n")
        if head.startswith("Ic "):
            found.update({key: text.split("\n.El")[0] for key in re.split(r"[ ,]+", head[3:])})
    return found


def test_keys_and_their_defaults():
    """Every key has an entry in martlet.ini(5) that names its true default."""
    manual, pages = entries(), (MAN / "martlet.ini.5").read_text()
    unused = pages[pages.index(".Ss Without effect") :]
    listed = re.findall(r"^([a-z0-9_]+) ", said("help", "keys"), re.MULTILINE)
    assert len(listed) > 60
    for key in listed:
        text = said("help", key)
        default = re.search(r"^  default  (.*)$", text, re.MULTILINE).group(1)
        if key not in manual:
            assert re.search(rf"^\.Ic {key}\b", unused, re.MULTILINE), key
            continue
        after = manual[key].rpartition("Default:")[2] if "Default:" in manual[key] else None
        if default == "none":
            assert after is None or "one" in after or ".Pa" in after or ".Li" in after, (key, after)
        else:
            assert after is not None and re.search(rf"(^|[\s])({re.escape(default)})([\s.,]|$)", after), (key, default, after)
    assert set(manual) - set(listed) == set()


# Prints what is offered for the last of its arguments, in lines.
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_martlet
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(*words):
    script = TOP / "packaging/bash-completion/martlet"
    path = f"{binary_path().parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", script, "martlet", *words], env={**os.environ, "PATH": path},
                          capture_output=True, text=True, check=True)
    assert done.stderr == "", done
    return done.stdout.split()


def test_completion_in_bash():
    """What the help lists is offered: its form can change, and nothing but this would show it."""
    assert completed("") == COMMANDS
    assert completed("help", "") == [*COMMANDS, "keys", *re.findall(r"^([a-z0-9_]+) ", said("help", "keys"), re.MULTILINE)]
    for command in COMMANDS:
        assert set(completed(command, "--")) == options(said("help", command)), command
    assert completed("queue", "") == ["list", "show", "retry", "drop"]
    assert completed("invite", "r") == ["revoke"]
    assert completed("serve", "") == completed("a/b", "") == completed("serve", "--config", "") == []
