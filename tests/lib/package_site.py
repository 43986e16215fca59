# SPDX-License-Identifier: MIT
"""Machines for tools/test-package: fresh Debian roots, one where no systemd is and one under a systemd that was really
booted (systemd-nspawn), and how things are done in them. Needs root. The roots are made by debootstrap from this
machine's own mirror, once, and kept as archives in ~/.cache/martlet."""
import contextlib
import ctypes
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import traceback

import mail
import wire
from relay import Account, children_of, wait_until

SUITE = "bookworm"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "martlet"
DOMAIN = "_package.test"
CLONE_NEWNET = 0x40000000
# What no package can leave as it was: records of what was installed, and caches.
NOT_COMPARED = re.compile(
    r"^(var/(lib/(dpkg|apt|systemd)|log|cache|tmp|backups)|tmp|root|run|proc|sys|dev"
    r"|etc/(passwd|group|shadow|gshadow)-?|etc/(machine-id|resolv\.conf|\.updated)|var/\.updated)(/|$)"
)


def run(*command, **more):
    """Its output; RuntimeError tells what it said."""
    status, output = attempt(*command, **more)
    if status != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit status {status}\n{output}")
    return output


def attempt(*command, **more):
    """Its exit status and output."""
    done = subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False, **more,
    )
    return done.returncode, done.stdout


def step(text):
    print(f"  {text}", flush=True)


# ---- roots ----


def wanted_packages(deb):
    """What the package depends on and recommends, by name: what is there before it."""
    fields = run("dpkg-deb", "-f", deb, "Depends") + "," + run("dpkg-deb", "-f", deb, "Recommends")
    return sorted({word.split()[0] for word in fields.replace("\n", ",").split(",") if word.strip()})


def in_root(root, *command):
    """In a root where nothing runs."""
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    return run("chroot", root, *command, env=env)


def make_root(root, packages):
    key = hashlib.sha256(" ".join([SUITE, *packages]).encode()).hexdigest()[:16]
    archive = CACHE / f"{SUITE}-{key}.tar"
    root.mkdir()
    if archive.exists():
        run("tar", "-C", root, "--numeric-owner", "-xpf", archive)
        return
    step("debootstrap, for the first time")
    run("debootstrap", "--variant=minbase", SUITE, root)
    sources = root / "etc/apt"
    for path in [pathlib.Path("/etc/apt/sources.list"), *pathlib.Path("/etc/apt/sources.list.d").glob("*")]:
        if path.is_file():
            shutil.copy(path, sources / path.relative_to("/etc/apt"))
    if (sources / "sources.list.d").exists() and any((sources / "sources.list.d").glob("*.sources")):
        (sources / "sources.list").unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    with mounted(root):
        in_root(root, "apt-get", "update", "-q")
        in_root(root, "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages)
        in_root(root, "apt-get", "clean")
    CACHE.mkdir(parents=True, exist_ok=True)
    run("tar", "-C", root, "--numeric-owner", "-cpf", f"{archive}.new", ".")
    os.rename(f"{archive}.new", archive)


@contextlib.contextmanager
def mounted(root):
    run("mount", "-t", "proc", "proc", root / "proc")
    run("mount", "--bind", "/dev", root / "dev")
    try:
        yield
    finally:
        run("umount", "--lazy", root / "dev")
        run("umount", "--lazy", root / "proc")


def files_of(root):
    found = set()
    for folder, folders, names in os.walk(root):
        at = os.path.relpath(folder, root)
        inside = [os.path.normpath(os.path.join(at, name)) for name in folders + names]
        found |= {path for path in inside if not NOT_COMPARED.match(path)}
        folders[:] = [name for name in folders if not NOT_COMPARED.match(os.path.normpath(os.path.join(at, name)))]
    return found


def users_of(root):
    return {name: (root / "etc" / name).read_text() for name in ("passwd", "group")}


def make_newer(deb, folder):
    """The same package with a higher version."""
    tree = folder / "newer"
    run("dpkg-deb", "-R", deb, tree)
    control = tree / "DEBIAN/control"
    control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+1", control.read_text(), flags=re.MULTILINE))
    run("dpkg-deb", "--root-owner-group", "-b", tree, folder / "newer.deb")
    shutil.rmtree(tree)
    return folder / "newer.deb"


# ---- clients, in the network of the root ----


def in_network(path, function, *args):
    """In a child, because a process cannot come back."""
    child = os.fork()
    if child == 0:
        try:
            with open(path) as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            function(*args)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0, f"{function.__name__} has failed"


def log_in(kind, port, account):
    client = kind(port)
    client.login(account)
    return client


def messages_of(account):
    imap = log_in(wire.Imap, 993, account)
    count = int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))
    imap.close()
    return count


def send_mail(sender, receiver, want):
    """Both accounts exist from their first login. `want`: how many the receiver has afterwards."""
    messages_of(sender)
    before = messages_of(receiver)
    smtp = log_in(wire.Smtp, 465, sender)
    smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))
    smtp.close()
    assert (before, messages_of(receiver)) == (want - 1, want), f"had {before}, want {want}"


def expect_messages(account, want):
    assert messages_of(account) == want


# ---- what both have in common ----


class Site:
    """A root, and how things are done in it."""

    def __init__(self, folder, deb, packages, domain=DOMAIN):
        self.domain = domain
        self.root = folder / "root"
        make_root(self.root, packages)
        self.deb, self.newer = deb, make_newer(deb, folder)
        self.sender, self.receiver = Account.invent(domain), Account.invent(domain)

    def install(self, deb):
        shutil.copy(deb, self.root / "root/martlet.deb")
        self.do("apt-get", "install", "-y", "-q", "--allow-downgrades", "/root/martlet.deb")
        (self.root / "root/martlet.deb").unlink()

    def set_up(self, **settings):
        assert not (self.root / "etc/martlet").exists() and not os.listdir(self.root / "var/lib/martlet")
        self.do("martlet", "init", self.domain)
        # A busy machine must not be taken for a relay that is out of resources.
        self.configure(max_load_1m="1000", min_available_memory="1M", min_free_disk_space="1M", **settings)

    def configure(self, **settings):
        """These keys have these values from now on, and stand once; None: its default."""
        path = self.root / "etc/martlet/martlet.ini"
        lines = [line for line in path.read_text().splitlines() if line.split("=")[0].strip() not in settings]
        new = [f"{key} = {value}" for key, value in settings.items() if value is not None]
        path.write_text("\n".join([*lines, *new]) + "\n")

    def expect_nothing_left(self, before):
        files, users = before
        left, gone = files_of(self.root) - files, files - files_of(self.root)
        assert not left and not gone, f"left: {sorted(left)}; gone: {sorted(gone)}"
        assert users_of(self.root) == users, "the user or the group is left"


# ---- without systemd ----


class PlainSite(Site):
    network = f"martlet-package-{os.getpid()}"
    relay = None

    def __enter__(self):
        run("ip", "netns", "add", self.network)
        run("ip", "-n", self.network, "link", "set", "lo", "up")
        self.mounts = mounted(self.root)
        self.mounts.__enter__()
        return self

    def __exit__(self, *why):
        if self.relay is not None and self.relay.poll() is None:
            self.stop()
        self.mounts.__exit__(*why)
        run("ip", "netns", "delete", self.network)

    def do(self, *command):
        return in_root(self.root, *command)

    def start(self):
        with open(self.root.parent / "log", "wb") as log:
            self.relay = subprocess.Popen(
                ["ip", "netns", "exec", self.network, "chroot", self.root, "martlet", "serve"], stderr=log
            )
        wait_until(lambda: "parent.ready" in self.read_log(), 60, "a relay that is ready")

    def read_log(self):
        assert self.relay.poll() is None, "the relay has ended\n" + (self.root.parent / "log").read_text()
        return (self.root.parent / "log").read_text()

    def stop(self):
        self.relay.send_signal(signal.SIGTERM)
        assert self.relay.wait(60) == 0

    def client(self, function, *args):
        in_network(f"/run/netns/{self.network}", function, *args)


# ---- under systemd ----


class BootedSite(Site):
    env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    def __enter__(self):
        self.boot()
        return self

    def boot(self):
        (self.root / "etc/hostname").write_text("package\n")
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "-q", "-D", self.root, "--boot", "--private-network", "--register=no", "--keep-unit",
             "--machine", f"martlet-{os.getpid()}", "--resolv-conf=off", "--timezone=off", "--console=pipe"],
            stdin=subprocess.DEVNULL, stdout=open(self.root.parent / "console", "wb"), stderr=subprocess.STDOUT,
        )
        try:
            self.leader = wait_until(self.find_leader, 60, "the container")
            wait_until(self.is_up, 120, "the end of the boot")
        except BaseException:
            self.nspawn.kill()
            self.nspawn.wait()
            raise

    def find_leader(self):
        comms = [(pid, pathlib.Path(f"/proc/{pid}/comm")) for pid in children_of(self.nspawn.pid)]
        return next((pid for pid, comm in comms if comm.exists() and comm.read_text() == "systemd\n"), None)

    def is_up(self):
        assert self.nspawn.poll() is None, (self.root.parent / "console").read_text("utf-8", "replace")
        try:
            return self.do("sh", "-c", "systemctl is-system-running || :").strip() in ("running", "degraded")
        except RuntimeError:
            return False

    def __exit__(self, kind, value, trace):
        if kind is not None:
            with contextlib.suppress(RuntimeError):
                print(self.do("journalctl", "--no-pager", "-u", "martlet"))
        os.kill(self.leader, signal.SIGRTMIN + 4)  # poweroff (systemd(1))
        try:
            self.nspawn.wait(60)
        except subprocess.TimeoutExpired:
            os.kill(self.leader, signal.SIGKILL)
            self.nspawn.wait()

    def command(self, *command):
        return ("nsenter", "-t", self.leader, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", *command)

    def do(self, *command):
        return run(*self.command(*command), env=self.env)

    def attempt(self, *command):
        return attempt(*self.command(*command), env=self.env)

    def show(self, name):
        return self.do("systemctl", "show", "-P", name, "martlet").strip()

    def is_active(self):
        return self.show("ActiveState") in ("active", "reloading")

    def main_pid(self):
        return int(self.show("MainPID"))

    def relay_pid(self):
        """In the container's own numbers; None while there is none."""
        main = self.main_pid()
        status, children = self.attempt("cat", f"/proc/{main}/task/{main}/children")
        pids = [] if status != 0 else children.split()
        return next((int(pid) for pid in pids if self.is_relay(pid)), None)

    def is_relay(self, pid):
        """And no helper."""
        return self.attempt("cat", f"/proc/{pid}/cmdline")[1].split("\0")[1:2] == ["relay"]

    def journal(self, *more):
        return self.do("journalctl", "--no-pager", "-u", "martlet", "-o", "cat", *more)

    def client(self, function, *args):
        in_network(f"/proc/{self.leader}/ns/net", function, *args)
