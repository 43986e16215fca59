# SPDX-License-Identifier: MIT
"""tools/embed: what is compiled in is what lies in the folder, always in the same words, and each change leads to a build."""
import os
import subprocess
import sys

import pytest
from relay import TOP

FILES = {
    "empty.txt": b"",
    "trigraphs.txt": b"??= ??/ ???(\n",
    "quotes.html": b'a "quoted" \\ back\\n\n\ttab\x01234\r\nno end of line',
    "letters.json": "äöü, سلام, \u00a0\u202f\u2028, 🐦".encode() * 50,
    "binary.png": bytes(range(256)) * 5,
    "z/deep/er.txt": b"deep\n",
    "z-.txt": b"sorted by octets: '-' is before '/'\n",
}
PROGRAM = """
#include <stdio.h>
#include "builtin.c"
int main(void) {
    for (size_t i = 0; i < files_n; i++) {
        printf("%s %zu\\n", files[i].path, files[i].len);
        fwrite(files[i].octets, 1, files[i].len, stdout);
    }
}
"""


@pytest.fixture
def folder(tmp_path):
    top = tmp_path / "www"
    for name, octets in FILES.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(octets)
    (top / ".hidden").write_text("x")
    (top / "backup.html~").write_text("x")
    return top


def embed(folder, seed="0"):
    output, depfile = folder.parent / "builtin.c", folder.parent / "builtin.c.d"
    subprocess.run(
        [sys.executable, TOP / "tools" / "embed", folder, "files", output, depfile],
        check=True, env={**os.environ, "PYTHONHASHSEED": seed})
    return output.read_text(), depfile.read_text()


def test_every_octet_comes_through(folder):
    embed(folder)
    program = folder.parent / "show.c"
    program.write_text(PROGRAM)
    subprocess.run(
        ["cc", "-std=c17", "-trigraphs", "-Wall", "-Werror", f"-I{TOP}/src", "-o", folder.parent / "show", program],
        check=True)
    shown = subprocess.run([folder.parent / "show"], check=True, capture_output=True).stdout
    by_path = sorted((name.encode(), octets) for name, octets in FILES.items())
    assert shown == b"".join(b"%s %d\n%s" % (name, len(octets), octets) for name, octets in by_path)


def test_same_folder_same_words(folder):
    first, second = embed(folder, "1"), embed(folder, "2")
    assert first == second
    assert str(folder.parent) not in first[0], "the place of the build does not matter"


def test_each_change_leads_to_a_build(folder):
    """An edited file is newer itself; a new and a deleted one change their folder."""
    _, depfile = embed(folder)
    named = set(depfile.split(": ", 1)[1].split())
    assert named == {str(folder / name) for name in FILES} | {str(folder), f"{folder}/z", f"{folder}/z/deep"}
