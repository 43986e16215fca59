# SPDX-License-Identifier: MIT
"""Debian's coturn, unpacked by tools/peers: its clients, which measure a TURN server and print what they found, and the
server itself, to be compared with."""
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from lab import LabError
from peers import trees
from timelimit import GUARD, PATIENCE

PORT = 3478


def program(name):
    return trees() / "coturn" / "usr" / "bin" / name


def tool(host, name, *args, timeout=2 * GUARD * PATIENCE):
    """One of the turnutils on a host of the lab: what it prints, once it has ended."""
    path = program(f"turnutils_{name}")
    with host.inside():
        done = subprocess.run(
            [path, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout, text=True, errors="replace", check=False,
        )
    return done.stdout


class Traffic:
    """What turnutils_uclient says at its end."""

    def __init__(self, output):
        self.output = output
        last = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)$", output, re.MULTILINE)
        self.sent, self.received = map(int, last[-1]) if last else (0, 0)
        self.error = next(map(int, re.findall(r"error (\d{3})", output)), 0)

    @property
    def is_whole(self):
        return self.sent > 0 and self.sent == self.received


def uclient(host, server, credentials, *flags, timeout=2 * GUARD * PATIENCE):
    """turnutils_uclient with these flags."""
    options = ("-u", credentials.username, "-w", credentials.password)
    return Traffic(tool(host, "uclient", *options, *flags, server, timeout=timeout))


def wait_answer(process, address, octets):
    """Until it answers these octets over UDP."""
    deadline = time.monotonic() + GUARD * PATIENCE
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        while True:
            try:
                s.sendto(octets, address)
                s.recv(1000)
                return
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise LabError(f"{pathlib.Path(process.args[3]).name} does not answer") from None


class PeerEcho:
    """turnutils_peer: sends back whatever comes to this port of an address."""

    def __init__(self, host, address, port):
        with host.inside():
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", program("turnutils_peer"), "-L", address, "-p", str(port)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            wait_answer(self.process, (address, port), b"is it there?")

    def close(self):
        self.process.kill()
        self.process.wait()


class Coturn:
    """turnserver on a host, with the secret and the realm that martlet would have."""

    def __init__(self, host, addresses, secret, realm, port=PORT):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="coturn-"))
        self.host, self.address, self.port = host, addresses[0], port
        lines = [
            "use-auth-secret", f"static-auth-secret={secret}", f"realm={realm}", f"listening-port={port}", "no-tls",
            "no-dtls", "no-tcp", "no-cli", "no-multicast-peers", f"log-file={self.folder}/log", "simple-log",
            f"pidfile={self.folder}/pid", f"userdb={self.folder}/db",
        ]
        lines += [f"listening-ip={a}" for a in addresses] + [f"relay-ip={a}" for a in addresses]
        (self.folder / "conf").write_text("\n".join(lines) + "\n")
        with host.inside():
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", program("turnserver"), "-c", self.folder / "conf"],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
        self.wait_ready()

    def wait_ready(self):
        """Until it answers a Binding request (RFC 8489 section 2)."""
        with self.host.inside():
            wait_answer(self.process, (self.address, self.port), bytes.fromhex("000100002112a442") + bytes(12))

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
