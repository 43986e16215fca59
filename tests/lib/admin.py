# SPDX-License-Identifier: MIT
"""The operator's side of a relay: its subcommands, and a client of the control socket itself."""
import json
import socket

from relay import run_martlet
from timelimit import GUARD, PATIENCE


def run(relay, *args, ok=True, **more):
    done = run_martlet(*args, "--dir", relay.state, **more)
    assert (done.returncode == 0) == ok, (done.returncode, done.stdout, done.stderr)
    return done


def refused(relay, *args, **more):
    """One sentence on standard error, nothing on standard output; the sentence."""
    done = run(relay, *args, ok=False, **more)
    assert done.stdout == "" and done.stderr.count("\n") == 1, (done.stdout, done.stderr)
    return done.stderr.removeprefix("martlet: ").rstrip("\n")


class Control:
    """A client of the control socket itself."""

    def __init__(self, relay, timeout=GUARD * PATIENCE):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(str(relay.state / "control"))
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()

    def send(self, **request):
        self.socket.sendall(json.dumps(request).encode() + b"\n")

    def answer(self):
        rows = []
        while True:
            row = json.loads(self.file.readline())
            rows.append(row)
            if "ok" in row:
                return rows

    def ask(self, **request):
        self.send(**request)
        return self.answer()
