# SPDX-License-Identifier: MIT
"""A certification authority on loopback: Debian's pebble, with pebble-challtestsrv as its DNS. A relay that shall use it
runs in a mount namespace of its own, in which the CA is trusted and /etc/hosts holds what the test says."""
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import urllib.request

from ports import free_port
from relay import wait_until
from timelimit import GUARD, PATIENCE

NEEDED = ("pebble", "pebble-challtestsrv", "uacme", "unshare", "openssl")


def is_possible():
    return os.geteuid() == 0 and all(shutil.which(name) for name in NEEDED)


def run(*args, cwd):
    subprocess.run([str(a) for a in args], cwd=cwd, check=True, capture_output=True)


def make_trust(folder, name, address):
    """A CA for pebble's own HTTPS; the package brings none."""
    new_key = ("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out")
    run(*new_key, "ca.key", cwd=folder)
    run("openssl", "req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=test", "-days", "9", "-out", "ca.pem", cwd=folder)
    run(*new_key, "server.key", cwd=folder)
    run("openssl", "req", "-new", "-key", "server.key", "-subj", f"/CN={name}", "-out", "server.csr", cwd=folder)
    (folder / "names").write_text(f"subjectAltName=DNS:{name},IP:{address}\n")
    run("openssl", "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
        "-days", "9", "-extfile", "names", "-out", "server.pem", cwd=folder)


def enter(folder, hosts, first=""):
    (folder / "hosts").write_text("127.0.0.1 localhost\n" + hosts)
    script = folder / "enter"
    # A minimal system has no such file to mount over: its /etc is then a copy that has one.
    place = f"[ -e /etc/hosts ] || {{ cp -a /etc {folder}/etc; : >{folder}/etc/hosts; mount --bind {folder}/etc /etc; }}"
    script.write_text(f'{first}{place} &&\nmount --bind {folder}/hosts /etc/hosts &&\nexec "$@"\n')
    return ("unshare", "-m", "sh", str(script))


class Authority:
    """On `address`, which `name` leads to. With `name_server` (HOST:PORT) it asks that one; else a DNS of its own, by
    which every name leads to 127.0.0.1."""

    def __init__(
        self, http_port, validity_s=90 * 86400, env=None, address="127.0.0.1", name="localhost", name_server=None
    ):
        self.address, self.name, self.name_server = address, name, name_server
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-ca-"))
        make_trust(self.folder, name, address)
        self.trust = ssl.create_default_context(cafile=self.folder / "ca.pem")
        # By itself pebble refuses each twentieth nonce, and a client that meets several of them in a row gives up.
        calm = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0", "PEBBLE_WFE_NONCEREJECT": "0"}
        self.env = {**os.environ, **calm, **(env or {})}
        self.processes = []
        self._configure(http_port, validity_s)
        try:
            self.start()
        except TimeoutError as error:
            story = self.story()
            self.stop()
            raise TimeoutError(f"{error}\n{story}") from None

    def _configure(self, http_port, validity_s):
        self.port, self.management, self.dns, self.dns_management = (free_port() for _ in range(4))
        self.url = f"https://{self.name}:{self.port}/dir"
        self.settings = {
            "listenAddress": f"{self.address}:{self.port}",
            "managementListenAddress": f"{self.address}:{self.management}",
            "certificate": "server.pem",
            "privateKey": "server.key",
            "httpPort": http_port,
            "tlsPort": 9,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "certificateValidityPeriod": validity_s,
        }

    def start(self):
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": self.settings}))
        if self.name_server is None:
            self._run("pebble-challtestsrv", "-dns01", f"127.0.0.1:{self.dns}", "-http01", "", "-https01", "",
                      "-tlsalpn01", "", "-management", f"127.0.0.1:{self.dns_management}", "-defaultIPv6", "")
        name_server = self.name_server or f"127.0.0.1:{self.dns}"
        self._run("pebble", "-config", "pebble.json", "-dnsserver", name_server, "-strict")
        wait_until(lambda: self._answers() and self._resolves(), 10, "the CA")

    def _run(self, *args):
        with open(self.folder / "log", "ab") as log:
            self.processes.append(subprocess.Popen(args, cwd=self.folder, env=self.env, stdout=log, stderr=log))

    def _answers(self):
        """It is this CA that does: its certificate is verified."""
        try:
            url = f"https://{self.address}:{self.port}/dir"
            with urllib.request.urlopen(url, context=self.trust, timeout=GUARD * PATIENCE) as answer:
                return answer.status == 200
        except OSError:
            return False

    def _resolves(self):
        if self.name_server is not None:
            return True
        try:
            socket.create_connection(("127.0.0.1", self.dns_management), GUARD * PATIENCE).close()
        except OSError:
            return False
        return True

    def story(self):
        """Which of its programs still run, and what they said last."""
        ended = [(p.args[0], p.poll()) for p in self.processes]
        return f"{ended}\n{(self.folder / 'log').read_text()[-4000:]}"

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes = []

    def root(self):
        """The certificate that what it issues is verified by."""
        url = f"https://{self.address}:{self.management}/roots/0"
        with urllib.request.urlopen(url, context=self.trust, timeout=GUARD * PATIENCE) as answer:
            return answer.read().decode()

    def wrapper(self, hosts):
        """For Relay(wrapper=...): a mount namespace with the CA's trust and these lines of /etc/hosts."""
        return enter(self.folder, hosts, f"mount --bind {self.folder}/ca.pem /etc/ssl/certs/ca-certificates.crt &&\n")

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class FakeClient:
    """A program in the place of uacme, for what no test CA does: it notes its calls and says what it is told to."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-fake-"))
        self.url = "https://ca.test/dir"
        program = self.folder / "uacme"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$*" >> {self.folder}/calls\n'
            'case "$*" in *" new"*|*" update"*) mkdir -p private; : > private/key.pem\n'
            '    echo "uacme: account created at $2/account"; exit 0;; esac\n'
            f". {self.folder}/behaviour\n"
        )
        program.chmod(0o755)
        self.behave("exit 1")

    def behave(self, script):
        (self.folder / "behaviour").write_text(script + "\n")

    def report(self, kind, detail):
        """It ends with this problem of the CA's, in the words of uacme 1.7.4."""
        problem = json.dumps({"type": f"urn:ietf:params:acme:error:{kind}", "detail": detail, "status": 429}, indent=4)
        (self.folder / "said").write_text(
            f"uacme: failed to create new order at {self.url}\nuacme: the server reported the following error:\n{problem}\n"
        )
        self.behave(f"cat {self.folder}/said >&2\nexit 2")

    def calls(self, verb=""):
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if f" {verb}" in line]

    def wrapper(self, hosts):
        return (*enter(self.folder, hosts), "env", f"PATH={self.folder}:/usr/bin:/bin")

    def __enter__(self):
        return self

    def __exit__(self, *ignored):
        shutil.rmtree(self.folder, ignore_errors=True)
