# SPDX-License-Identifier: MIT
"""A small DNS of its own in a network namespace: Debian's nsd serves a signed root, a signed TLD and zones below it, each
level on addresses of its own, and hints and a trust anchor for a resolver to begin with."""
import asyncio
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from timelimit import PATIENCE

NEEDED = ("nsd", "ldns-signzone", "ldns-keygen", "ldns-key2ds", "unshare", "nsenter", "ip")
LEVELS = {  # name server of a level: its addresses
    "ns.root.test.": ("10.53.0.1", "fd53::1"),
    "ns.tld.test.": ("10.53.0.2", "fd53::2"),
    "ns.zones.test.": ("10.53.0.3", "fd53::3"),
}
DAY = 86400


def is_possible():
    return all(shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin") for name in NEEDED)


def run(*args, cwd=None):
    done = subprocess.run([str(a) for a in args], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
    return done.stdout.strip()


class Network:
    """A network namespace that lives as long as this object. Without root it gets a user namespace too."""

    def __init__(self, ipv4=True, ipv6=True):
        own_user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        self.holder = subprocess.Popen(["unshare", *own_user, "--net", "sh", "-c", "echo up; exec sleep 1000000"],
                                       stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"up\n"
        user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        self.prefix = ["nsenter", "-t", str(self.holder.pid), *user, "--net"]
        self.run("ip", "link", "set", "lo", "up")
        addresses = [a for level in LEVELS.values() for a in level]
        for address in addresses:
            if ":" in address and ipv6:
                self.run("ip", "addr", "add", f"{address}/64", "dev", "lo", "nodad")
            elif ":" not in address and ipv4:
                self.run("ip", "addr", "add", f"{address}/24", "dev", "lo")
        if not ipv6:
            self.run("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6")
        if not ipv4:
            self.run("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")

    def run(self, *args):
        return run(*self.prefix, *args)

    def popen(self, *args, **kwargs):
        return subprocess.Popen([*self.prefix, *(str(a) for a in args)], **kwargs)

    def close(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


class Zone:
    """records: lines of a zone file below the zone's SOA and NS. `signed` is False, True, or (inception, expiration) as
    seconds from now. A parent refers to its children's name server, and to their keys unless `linked` is False."""

    def __init__(self, name, server, records="", signed=True, linked=True):
        self.name, self.server, self.records, self.signed, self.linked = name, server, records, signed, linked
        self.keys = []

    def file(self):
        return "zone." + (self.name.rstrip(".") or "root")


class World:
    def __init__(self, zones):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-dns-"))
        self.zones = zones
        self.servers = []
        for zone in zones:
            if zone.signed:
                zone.keys = [run("ldns-keygen", "-r", "/dev/urandom", "-a", "ECDSAP256SHA256", "-k", zone.name, cwd=self.folder)]
        for zone in zones:
            self.write(zone)
        self.hints = self.folder / "hints"
        self.hints.write_text(". 3600 IN NS ns.root.test.\n" + "".join(
            f"ns.root.test. 3600 IN {'AAAA' if ':' in a else 'A'} {a}\n" for a in LEVELS["ns.root.test."]))
        root = next(z for z in zones if z.name == ".")
        self.anchor = self.folder / "anchor"
        self.anchor.write_text((self.folder / (root.keys[0] + ".key")).read_text())

    def glue(self, server):
        return "".join(f"{server} 3600 IN {'AAAA' if ':' in a else 'A'} {a}\n" for a in LEVELS[server])

    def write(self, zone):
        text = f"{zone.name} 3600 IN SOA {zone.server} hostmaster.test. 1 3600 900 86400 3600\n"
        text += f"{zone.name} 3600 IN NS {zone.server}\n" + zone.records
        for server in LEVELS:
            if server.endswith(zone.name) or zone.name == ".":
                text += self.glue(server)
        for child in self.zones:
            if child is not zone and child.name.endswith(zone.name if zone.name == "." else "." + zone.name):
                parent = max((z.name for z in self.zones if z is not child and child.name.endswith(z.name)), key=len)
                if parent == zone.name:
                    text += f"{child.name} 3600 IN NS {child.server}\n"
                    for key in child.keys if child.linked else []:
                        text += run("ldns-key2ds", "-n", "-2", key + ".key", cwd=self.folder) + "\n"
        path = self.folder / zone.file()
        path.write_text(text)
        if zone.signed:
            since, until = (-DAY, DAY) if zone.signed is True else zone.signed
            now = int(time.time())
            run("ldns-signzone", "-f", path.name + ".out", "-i", now + since, "-e", now + until, "-o", zone.name, path.name,
                *zone.keys, cwd=self.folder)
            (self.folder / (path.name + ".out")).rename(path)

    def serve(self, network, level, port=53, all_zones=False):
        """Starts the name server of one level, or on its addresses one for all; returns its process."""
        name = level.rstrip(".")
        zones = "".join(f'zone:\n  name: "{z.name}"\n  zonefile: "{z.file()}"\n' for z in self.zones
                        if all_zones or z.server == level)
        present = network.run("ip", "-o", "addr")
        addresses = [a for a in LEVELS[level] if f"{a}/" in present]
        config = self.folder / f"{name}.conf"
        config.write_text(
            "server:\n" + "".join(f"  ip-address: {a}@{port}\n" for a in addresses) +
            f'  zonesdir: "{self.folder}"\n  database: ""\n  pidfile: ""\n  username: ""\n  server-count: 1\n'
            f'  logfile: "{self.folder}/{name}.log"\n  zonelistfile: "{self.folder}/{name}.list"\n'
            f'  xfrdfile: "{self.folder}/{name}.xfrd"\n  xfrdir: "{self.folder}"\n  rrl-ratelimit: 0\n'
            "remote-control:\n  control-enable: no\n" + zones)
        server = network.popen(shutil.which("nsd", path="/usr/sbin:/usr/bin"), "-d", "-c", config)
        self.servers.append(server)
        deadline = time.monotonic() + 60 * PATIENCE
        while not self.is_up(network, addresses[0], port):
            assert server.poll() is None and time.monotonic() < deadline, (self.folder / f"{name}.log").read_text()
            time.sleep(0.05)
        return server

    @staticmethod
    def is_up(network, address, port):
        return f"{address}:{port} " in network.run("ss", "-Hltn").replace("[", "").replace("]", "")

    def serve_all(self, network):
        return {level: self.serve(network, level) for level in LEVELS}

    def serve_by_tcp(self, network):
        """On port 53, UDP is swallowed."""
        servers = [self.serve(network, level, port=5300) for level in LEVELS]
        front = network.popen(sys.executable, __file__, *(a for level in LEVELS.values() for a in level))
        self.servers.append(front)
        while not self.is_up(network, "fd53::3", 53):
            time.sleep(0.05)
        return [*servers, front]

    def close(self):
        for server in self.servers:
            stop(server)
        shutil.rmtree(self.folder, ignore_errors=True)


def stop(server):
    if server.poll() is None:
        server.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(30)
    if server.poll() is None:
        server.kill()
        server.wait()


async def copy(reader, writer):
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def front(addresses):
    """TCP port 53 leads to 5300; UDP port 53 to nowhere."""
    holes = []
    for address in addresses:

        async def forward(reader, writer, address=address):
            inner_reader, inner_writer = await asyncio.open_connection(address, 5300)
            await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

        hole = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        hole.bind((address, 53))
        holes.append(hole)
        await asyncio.start_server(forward, address, 53)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(front(sys.argv[1:]))
