# SPDX-License-Identifier: MIT
"""A small Internet for the federation tests: hosts in network namespaces on one bridge, a name server with a signed
root (Debian's nsd), a certification authority, and relays with domains of their own.

Every host has 10.77.0.N and fd77::N. The root zone holds all names itself, so that any resolver on a host may ask the
name server at 10.77.0.53 for anything; only `insecure.test` is delegated, and is not signed. Namespaces have no names:
they end with the process that holds them, and that ends with the tests.

Needs root, as namespaces of one bridge do.
"""
import base64
import contextlib
import ctypes
import hashlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from relay import NO_RATE, Account, Service, release_binary_path
from timelimit import GUARD, PATIENCE

PROGRAMS = ("ip", "nft", "setpriv", "unshare", "nsd", "ldns-signzone", "ldns-keygen", "openssl")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
NET4, NET6 = "10.77.0.", "fd77::"
NAME_SERVER = 53
UNSIGNED_SERVER = 54
DAY = 86400
LAB_ADDRESS = re.compile(r"10\.77\.0\.\d+|fd77:[0-9a-f:]+")
# Federation as the tests want it: what fails is tried again at once.
IMPATIENT = {"queue_retry_min": "1", "queue_retry_max": "2"}
CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    pass


def require():
    """One clear line of what is missing, as an exception."""
    if os.geteuid() != 0:
        raise LabError("the federation tests make network namespaces: run them as root")
    missing = [p for p in PROGRAMS if not shutil.which(p, path=PATH)]
    if missing:
        raise LabError(f"missing: {', '.join(missing)} (tools/setup test installs them)")


def run(*args, stdin=None, cwd=None):
    done = subprocess.run(
        [str(a) for a in args],
        input=stdin,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": PATH},
    )
    if done.returncode != 0:
        raise LabError(f"{' '.join(map(str, args))}: {done.stdout}{done.stderr}")
    return done.stdout


class Host:
    """A network namespace. Threads and processes begun within `with host.inside()` live in it."""

    def __init__(self, name, number):
        self.name, self.number = name, number
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo up; exec sleep infinity"],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        if self.holder.stdout.readline() != b"up\n":
            raise LabError(f"no network namespace for {name}")
        self.take_network(self.holder.pid)

    def take_network(self, pid):
        """The one that this process is in."""
        self.pid = pid
        self.net = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.blocked = False

    @property
    def ipv4(self):
        return f"{NET4}{self.number}"

    @property
    def ipv6(self):
        return f"{NET6}{self.number}"

    @contextlib.contextmanager
    def inside(self):
        """This thread, for a while."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            enter(self.net)
            yield self
        finally:
            enter(before)
            os.close(before)

    def ip(self, *lines):
        """Commands of ip(8), one a line."""
        with self.inside():
            run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def attach(self, switch, ipv4=True, ipv6=True):
        switch.ip(
            f"link add p{self.number} type veth peer name eth0 netns {self.pid}",
            f"link set p{self.number} master br0 up",
        )
        self.ip("link set lo up", "link set eth0 up")
        self.add_address(self.number, ipv4, ipv6)

    def add_address(self, number, ipv4=True, ipv6=True):
        lines = [f"addr add {NET4}{number}/24 dev eth0"] if ipv4 else []
        lines += [f"addr add {NET6}{number}/64 dev eth0 nodad"] if ipv6 else []
        self.ip(*lines)

    def block(self, *ports, how="reject with tcp reset"):
        """Nothing on this host reaches such a port any more, as providers do it with 25; how="drop": silently."""
        self.filter(*(f"tcp dport {port} {how}" for port in ports))

    def swallow(self, what):
        """Such packets leave this host no more, and nobody is told."""
        self.filter(f"{what} drop")

    def filter(self, *rules):
        lines = ["add table inet lab", "add chain inet lab out { type filter hook output priority 0; }"]
        lines += [f"add rule inet lab out {rule}" for rule in rules]
        self.nft("\n".join(lines) + "\n")
        self.blocked = True

    def unblock(self):
        if self.blocked:
            self.nft("delete table inet lab\n")
        self.blocked = False

    def nft(self, script):
        with self.inside():
            run("nft", "-f", "-", stdin=script)

    def close(self):
        os.close(self.net)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()


def enter(fd):
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


class GuestHost(Host):
    """A host whose network namespace somebody else has made, and ends: `pid` is in it."""

    def __init__(self, name, number, pid):
        self.name, self.number = name, number
        self.take_network(pid)

    def close(self):
        os.close(self.net)


class Authority:
    """The test CA: EC keys, one openssl run for each thing."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.ca = self.self_signed("ca", "Federation test CA", ca=True)

    @property
    def file(self):
        return self.ca[0]

    def key(self, name, kind="EC"):
        path = self.folder / f"{name}.key"
        option = {"EC": "ec_paramgen_curve:P-256", "RSA": "rsa_keygen_bits:2048"}[kind]
        run("openssl", "genpkey", "-algorithm", kind, "-pkeyopt", option, "-out", path)
        path.chmod(0o600)
        return path

    def self_signed(self, name, subject, ca=False):
        key, cert = self.key(name), self.folder / f"{name}.pem"
        constraint = "critical,CA:TRUE" if ca else "CA:FALSE"
        run("openssl", "req", "-x509", "-key", key, "-out", cert, "-days", "30", "-subj", f"/CN={subject}", "-addext",
            f"basicConstraints={constraint}", *([] if ca else ["-addext", f"subjectAltName=DNS:{subject}"]))
        return cert, key

    def issue(self, *names, days=30, kind="EC"):
        """(certificate, key) for these host names; days < 0: expired since then."""
        label = names[0].replace("*", "_") + ("" if days > 0 else "-expired")
        key, cert, request = self.key(label, kind), self.folder / f"{label}.pem", self.folder / f"{label}.csr"
        extensions = self.folder / f"{label}.ext"
        extensions.write_text(
            "subjectAltName=" + ",".join(f"DNS:{n}" for n in names) + "\nbasicConstraints=CA:FALSE\n"
            "extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n"
        )
        run("openssl", "req", "-new", "-key", key, "-out", request, "-subj", f"/CN={names[0]}")
        now = time.time()
        since, until = (now - DAY, now + days * DAY) if days > 0 else (now + (days - 1) * DAY, now + days * DAY)
        form = "%Y%m%d%H%M%SZ"
        index, serial = self.folder / f"{label}.index", self.folder / f"{label}.serial"
        index.write_text("")
        serial.write_text(os.urandom(8).hex() + "\n")
        config = self.folder / f"{label}.cnf"
        config.write_text(
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={index}\nserial={serial}\nnew_certs_dir={self.folder}\n"
            "default_md=sha256\npolicy=p\nunique_subject=no\n[p]\ncommonName=supplied\n"
        )
        run("openssl", "ca", "-batch", "-notext", "-config", config, "-cert", self.ca[0], "-keyfile", self.ca[1], "-in",
            request, "-out", cert, "-extfile", extensions, "-startdate", time.strftime(form, time.gmtime(since)),
            "-enddate", time.strftime(form, time.gmtime(until)))
        return cert, key


def tlsa(cert):
    """DANE-EE(3) SPKI(1) SHA-256(1) of a certificate (RFC 7671 section 5.1)."""
    key = run("openssl", "x509", "-in", cert, "-noout", "-pubkey")
    return "3 1 1 " + hashlib.sha256(public_der(key)).hexdigest()


def public_der(pem):
    return base64.b64decode("".join(line for line in pem.splitlines() if not line.startswith("-")))


def dkim_record(private_pem):
    """The TXT data of a private key's public half."""
    key = run("openssl", "pkey", "-in", private_pem, "-pubout")
    der = public_der(key)
    if "ED25519" in run("openssl", "pkey", "-in", private_pem, "-noout", "-text"):
        text = "v=DKIM1;k=ed25519;p=" + base64.b64encode(der[-32:]).decode()
    else:
        text = "v=DKIM1;k=rsa;p=" + base64.b64encode(der).decode()
    return " ".join(f'"{text[i : i + 255]}"' for i in range(0, len(text), 255))


class NameServer:
    """nsd on the host's address 53 for the signed root, and another one on 54 for the unsigned zone below it."""

    def __init__(self, host, folder):
        self.host, self.folder = host, folder
        folder.mkdir()
        host.add_address(UNSIGNED_SERVER)
        self.records = [
            ". NS ns.lab.",
            f"ns.lab. A {NET4}{NAME_SERVER}",
            f"ns.lab. AAAA {NET6}{NAME_SERVER}",
            "insecure.test. NS ns2.lab.",
            f"ns2.lab. A {NET4}{UNSIGNED_SERVER}",
            f"ns2.lab. AAAA {NET6}{UNSIGNED_SERVER}",
        ]
        self.unsigned = []
        self.serial = 1
        self.lock = threading.Lock()
        self.key = run("ldns-keygen", "-r", "/dev/urandom", "-a", "ECDSAP256SHA256", "-k", ".", cwd=folder).strip()
        self.hints = folder / "hints"
        self.hints.write_text(
            f". 3600 IN NS ns.lab.\nns.lab. 3600 IN A {NET4}{NAME_SERVER}\nns.lab. 3600 IN AAAA {NET6}{NAME_SERVER}\n"
        )
        self.anchor = folder / "anchor"
        self.anchor.write_text((folder / f"{self.key}.key").read_text())
        self.write()
        self.servers = [
            self.serve("root", ".", NAME_SERVER),
            self.serve("unsigned", "insecure.test.", UNSIGNED_SERVER),
        ]

    def add(self, *records):
        """Lines "name TYPE data"; seen by the world after publish()."""
        for record in records:
            name = record.split()[0]
            (self.unsigned if name.endswith("insecure.test.") else self.records).append(record)

    def remove(self, start):
        """Takes away the records whose line starts so."""
        self.records = [r for r in self.records if not r.startswith(start)]
        self.unsigned = [r for r in self.unsigned if not r.startswith(start)]

    def write(self):
        self.serial += 1
        self.write_zone("root", ".", "ns.lab.", self.records)
        self.write_zone("unsigned", "insecure.test.", "ns2.lab.", ["insecure.test. NS ns2.lab.", *self.unsigned])
        until = int(time.time()) + DAY
        run("ldns-signzone", "-f", "root.signed", "-i", until - 2 * DAY, "-e", until, "-o", ".", "root", self.key,
            cwd=self.folder)
        (self.folder / "root.signed").rename(self.folder / "root.zone")
        (self.folder / "unsigned").rename(self.folder / "unsigned.zone")

    def write_zone(self, file, origin, server, records):
        lines = [f"{origin} 300 IN SOA {server} admin.lab. {self.serial} 3600 900 86400 60"]
        for record in records:
            name, rest = record.split(" ", 1)
            lines.append(f"{name} 300 IN {rest}")
        (self.folder / file).write_text("\n".join(lines) + "\n")

    def publish(self):
        with self.lock:
            self.write()
            for server, name in zip(self.servers, ("root", "unsigned")):
                server.send_signal(signal.SIGHUP)
                self.wait_serial(server, name)

    def wait_serial(self, server, name):
        deadline = time.monotonic() + GUARD * PATIENCE
        address = f"{NET4}{NAME_SERVER if name == 'root' else UNSIGNED_SERVER}"
        zone = "." if name == "root" else "insecure.test."
        while self.ask_serial(address, zone) != self.serial:
            if server.poll() is not None or time.monotonic() > deadline:
                raise LabError((self.folder / f"{name}.log").read_text())
            time.sleep(0.02)

    def ask_serial(self, address, zone):
        """The serial in the SOA of an answer (RFC 1035 section 3.3.13): its last 20 octets begin with it."""
        name = b"".join(bytes([len(p)]) + p.encode() for p in zone.split(".") if p) + b"\0"
        with self.host.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.5)
            s.sendto(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + name + b"\0\6\0\1", (address, 53))
            try:
                answer = s.recv(4096)
            except OSError:
                return None
        if answer[6:8] == b"\0\0":
            return None  # not loaded yet
        at = 12 + len(name) + 4
        # One answer: a name (a pointer, or the root itself), type, class, ttl, length.
        at += (2 if answer[at] >= 0xC0 else 1) + 8
        length = int.from_bytes(answer[at : at + 2], "big")
        return int.from_bytes(answer[at + 2 + length - 20 :][:4], "big")

    def serve(self, name, zone, number):
        config = self.folder / f"{name}.conf"
        config.write_text(
            f"server:\n  ip-address: {NET4}{number}\n  ip-address: {NET6}{number}\n"
            f'  zonesdir: "{self.folder}"\n  database: ""\n  pidfile: ""\n  username: ""\n  server-count: 1\n'
            f'  logfile: "{self.folder}/{name}.log"\n  zonelistfile: "{self.folder}/{name}.list"\n'
            f'  xfrdfile: "{self.folder}/{name}.xfrd"\n  xfrdir: "{self.folder}"\n  rrl-ratelimit: 0\n'
            "remote-control:\n  control-enable: no\n"
            f'zone:\n  name: "{zone}"\n  zonefile: "{name}.zone"\n'
        )
        with self.host.inside():
            server = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", shutil.which("nsd", path=PATH), "-d", "-c", config],
                stdin=subprocess.DEVNULL,
            )
        self.wait_serial(server, name)
        return server

    def close(self):
        for server in self.servers:
            server.terminate()
        for server in self.servers:
            server.wait(GUARD)


class LabRelay(Service):
    """martlet on a host of the lab, on the standard ports, as `serve` runs it."""

    def __init__(self, lab, host, domain, settings=None):
        self.lab, self.host, self.domain = lab, host, domain
        bracketed = domain[0].isdigit()
        self.mail_domain = f"[{domain}]" if bracketed else domain
        more = {
            "mail_domain": domain,
            "dns_root_hints": lab.dns.hints,
            "dns_trust_anchor": lab.dns.anchor,
            "ca_file": lab.ca.file,
        }
        if not bracketed and not domain.startswith("_"):
            cert = lab.ca.issue(domain, f"mta-sts.{domain}", f"www.{domain}")
            self.certificate_file = cert[0]
            more["tls_external_cert_and_key"] = f"{cert[0]} {cert[1]}"
        # LAB_BINARY: another build for the relays alone, one with sanitizers say.
        binary = os.environ.get("LAB_BINARY") or release_binary_path()
        super().__init__({**NO_RATE, **IMPATIENT, **more, **(settings or {})}, binary=binary, offset=0)

    def start(self, timeout=GUARD):
        with self.host.inside():
            return super().start(timeout)

    def imap(self, *args, **kwargs):
        with self.host.inside():
            return super().imap(*args, **kwargs)

    def smtp(self, *args, **kwargs):
        with self.host.inside():
            return super().smtp(*args, **kwargs)

    def request(self, *args, **kwargs):
        with self.host.inside():
            return super().request(*args, **kwargs)

    def check_log(self):
        """Nor may a peer's address be in the log, or a death that no test has caused."""
        text = self.log()[self.log_checked :]
        super().check_log()
        assert "parent.relay_died" not in text, text
        found = [
            line
            for line in text.splitlines()
            for address in LAB_ADDRESS.findall(line)
            if address != self.host.ipv4 and not line.startswith("debug")
        ]
        assert not found, "a peer's address in the log:\n" + "\n".join(found)

    def new_account(self):
        account = Account.invent(self.mail_domain)
        self.imap(account).close()
        return account

    def publish_keys(self, state=None):
        """The records of the keys that it has made for itself; `state` where its state directory is seen elsewhere."""
        for pem in sorted(((state or self.state) / "dkim").glob("*.pem")):
            name = f"{pem.stem}._domainkey.{self.domain}."
            self.lab.dns.remove(name + " ")
            self.lab.dns.add(f"{name} TXT {dkim_record(pem)}")


class Lab:
    """Makes and ends all of it; a context manager."""

    def __init__(self):
        require()
        self.stack = contextlib.ExitStack()
        try:
            self.folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-lab-"))
            self.folder.chmod(0o755)
            self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.switch = Host("switch", 0)
            self.stack.callback(self.switch.close)
            self.switch.ip("link set lo up", "link add br0 type bridge forward_delay 0", "link set br0 up")
            self.ca = Authority(self.folder / "ca")
            self.dns = NameServer(self.host("dns", NAME_SERVER), self.folder / "dns")
            self.stack.callback(self.dns.close)
        except BaseException:
            self.stack.close()
            raise

    def host(self, name, number, ipv4=True, ipv6=True):
        return self.take_in(Host(name, number), ipv4, ipv6)

    def take_in(self, host, ipv4=True, ipv6=True):
        self.stack.callback(host.close)
        host.attach(self.switch, ipv4, ipv6)
        return host

    def names_of(self, host, domain, mx=None, ipv4=True, ipv6=True):
        """The records of a domain whose mail goes to one host, named mx (the domain itself when None)."""
        name = mx or domain
        self.dns.add(f"{domain}. MX 10 {name}.")
        if ipv4:
            self.dns.add(f"{name}. A {host.ipv4}")
        if ipv6:
            self.dns.add(f"{name}. AAAA {host.ipv6}")

    def close(self):
        self.stack.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


def in_parallel(*jobs):
    """Runs them all at once; the first failure is raised when all have ended."""
    failures = []

    def attempt(job):
        try:
            job()
        except BaseException as error:  # raised below, in the caller's thread
            failures.append(error)

    threads = [threading.Thread(target=attempt, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
