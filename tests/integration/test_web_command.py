# SPDX-License-Identifier: MIT
"""`martlet web`: the preview follows the files, tells what is wrong with them, and --export overwrites nothing."""
import contextlib
import os
import queue
import socket
import subprocess
import threading
import urllib.error
import urllib.request

import pytest
from ports import free_port
from relay import binary_path, run_martlet
from timelimit import GUARD, PATIENCE


class Preview:
    def __init__(self, folder, *args):
        self.port = free_port()
        self.process = subprocess.Popen(
            [binary_path(), "web", "--preview", "--folder", folder, "--port", str(self.port), *args],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert "http://127.0.0.1:" in self.process.stdout.readline()

    def _read(self):
        for line in self.process.stderr:
            self.lines.put(line.strip())

    def get(self, path, language="en", method="GET"):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Accept-Language": language}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=GUARD * PATIENCE) as answer:
                return answer.status, answer.read().decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode("utf-8", "replace")

    def told(self):
        """The next line on the terminal."""
        try:
            return self.lines.get(timeout=GUARD * PATIENCE)
        except queue.Empty:
            pytest.fail("nothing was told")

    def stop(self):
        self.process.terminate()
        self.process.wait(GUARD * PATIENCE)
        self.process.stdout.close()


@contextlib.contextmanager
def preview(folder, *args):
    p = Preview(folder, *args)
    try:
        yield p
    finally:
        p.stop()


def test_the_built_in_pages_with_a_sample(tmp_path):
    with preview(tmp_path) as p:
        status, page = p.get("/")
        assert status == 200
        assert "chat.example.org" in page and "DCACCOUNT:https://chat.example.org/new" in page
        assert 'lang="ru"' in p.get("/", "ru-RU,ru;q=0.9")[1]
        assert 'dir="rtl"' in p.get("/fa/info")[1]
        assert p.get("/style.css")[0] == 200
        assert p.get("/nothing")[0] == 404
        assert p.get("/qr-chatmail-invite-chat.example.org.png")[0] == 200
        assert p.get("/", method="POST")[0] == 405


@pytest.mark.parametrize("setting, path, wanted, unwanted", [
    ("registration=closed", "/", "chat.example.org", "DCACCOUNT"),
    ("registration=invite", "/", "chat.example.org", "DCACCOUNT"),
    ("registration=invite", "/?t=abc", "DCACCOUNT:https://chat.example.org/new?t=abc", "dclogin:"),
    ("certificate=self-signed", "/", "dclogin:abcdefghi@chat.example.org?", "DCACCOUNT"),
    # As the relay does it: clients do not check the certificate of such a name, and know no name of an address.
    ("mail_domain=_here.example", "/", "DCACCOUNT:https://_here.example/new", "dclogin:"),
    ("mail_domain=192.0.2.1", "/", "ih=192.0.2.1", "DCACCOUNT"),
    ("mail_domain=192.0.2.1 certificate=acme", "/", "ih=192.0.2.1", "DCACCOUNT"),
    ("mail_domain=192.0.2.1 registration=invite", "/?t=abc", "ih=192.0.2.1", "DCACCOUNT"),
])
def test_each_kind_of_registration(tmp_path, setting, path, wanted, unwanted):
    with preview(tmp_path, *(arg for s in setting.split() for arg in ("--set", s))) as p:
        status, page = p.get(path)
        assert status == 200
        assert wanted in page and unwanted not in page


def test_an_edit_shows_at_once(tmp_path):
    with preview(tmp_path) as p:
        (tmp_path / "own.html").write_text("one {{domain}}")
        assert p.get("/own") == (200, "one chat.example.org")
        (tmp_path / "own.html").write_text("two\n{{domian}}")
        status, page = p.get("/own")
        sentence = f"{tmp_path}/own.html:2: there is no value {{{{domian}}}}; the file is left out"
        assert status == 500 and sentence in page
        assert p.told() == sentence
        # What is no page is not hidden by it.
        assert p.get("/style.css")[0] == 200
        (tmp_path / "own.html").write_text("three")
        assert p.get("/own") == (200, "three")
        assert p.told() == ""
        assert p.told() == "All is well again."


def test_a_complaint_is_shown_under_the_policy_too(tmp_path):
    with preview(tmp_path) as p:
        (tmp_path / "own.html").write_text("{{x}}")
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"http://127.0.0.1:{p.port}/own", timeout=GUARD * PATIENCE)
        assert "default-src 'none'" in error.value.headers["Content-Security-Policy"]
        assert error.value.headers["X-Content-Type-Options"] == "nosniff"


def test_a_configuration_that_is_wrong_is_told(tmp_path):
    config = tmp_path / "martlet.ini"
    config.write_text("[params]\nmail_domain = mine.example\n")
    with preview(tmp_path, "--config", str(config)) as p:
        assert "mine.example" in p.get("/")[1]
        config.write_text("[params]\nmail_domain = mine.example\nmax_message_size = lots\n")
        status, page = p.get("/")
        assert status == 500 and "martlet.ini:3: max_message_size" in page


def test_a_taken_port(tmp_path):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        got = run_martlet("web", "--preview", "--port", port)
    assert got.returncode == 1
    assert f"port {port} is taken by" in got.stderr and "--port" in got.stderr
    assert str(os.getpid()) in got.stderr


def test_export_overwrites_nothing(tmp_path):
    (tmp_path / "index.html").write_text("mine")
    got = run_martlet("web", "--export", tmp_path)
    assert got.returncode == 0 and "1 kept" in got.stdout
    assert (tmp_path / "index.html").read_text() == "mine"
    assert (tmp_path / "strings" / "fa.json").exists() and (tmp_path / "README.md").exists()
    again = run_martlet("web", "--export", tmp_path)
    assert again.returncode == 0 and "0 files written" in again.stdout
    # What was written out is fine as it is.
    with preview(tmp_path) as p:
        assert p.get("/") == (200, "mine")
        assert p.get("/info")[0] == 200


@pytest.mark.parametrize("args, wanted", [
    ([], "one of --preview and --export"),
    (["--preview", "--export", "x"], "one of --preview and --export"),
    (["--preview", "--port", "0"], "--port wants a number from 1 to 65535"),
    (["--preview", "x"], 'what is "x"?'),
])
def test_misuse(args, wanted):
    got = run_martlet("web", *args)
    assert got.returncode == 2 and wanted in got.stderr
