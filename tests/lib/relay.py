# SPDX-License-Identifier: MIT
"""Runs one martlet for a test: starts it, waits until it is ready, kills and restarts it, and distrusts its log.

A Relay owns its processes. Its state directory belongs to the caller unless none was given. After stop() the log is
checked: a sanitizer report, a panic, a mail address or a client's address in a line of normal level fails the test.
"""
import atexit
import contextlib
import functools
import http.client
import os
import pathlib
import re
import secrets
import shutil
import signal
import string
import subprocess
import tempfile
import threading
import time
import urllib.parse

import ports
import wire
from timelimit import GUARD, PATIENCE

TOP = pathlib.Path(__file__).resolve().parents[2]
DOMAIN = "_martlet.test"
PORTS = {"smtp": 25, "http": 80, "imap": 143, "https": 443, "smtps": 465, "submission": 587, "imaps": 993}
STANDARD_PORTS = tuple(PORTS.values())
TURN_PORT = 3478  # of UDP
METRICS_PORT = 3903
TCP_PORTS, UDP_PORTS = (*STANDARD_PORTS, METRICS_PORT), (TURN_PORT,)

# A busy test machine must not be taken for a relay that is out of resources, and tests create many accounts.
ROOMY = {
    "max_load_1m": "10000",
    "min_available_memory": "1M",
    "min_free_disk_space": "1M",
    "busy_after_ms": "3600000",
    "max_new_accounts_per_hour": "0",
}
# For tests that send faster than any human.
NO_RATE = {"max_user_send_per_minute": "1000000", "max_user_send_burst_size": "1000000"}

SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|UndefinedBehaviorSanitizer|runtime error:")
PANIC = re.compile(r"\bpanic\b|ASSERT", re.IGNORECASE)
MAIL_ADDRESS = re.compile(r"[^\s=<>\"']+@[^\s=<>\"']+")
CLIENT_ADDRESS = re.compile(r"127\.0\.0\.1|(?<![0-9a-f:])::1(?![0-9a-f:])")


class RelayError(Exception):
    pass


class Account:
    def __init__(self, address, password):
        self.address = address
        self.password = password

    @classmethod
    def invent(cls, domain=DOMAIN):
        alphabet = string.ascii_lowercase + string.digits
        local = "".join(secrets.choice(alphabet) for _ in range(9))
        return cls(f"{local}@{domain}", secrets.token_urlsafe(16))

    def __repr__(self):
        return f"Account({self.address})"


def binary_path():
    return pathlib.Path(os.environ.get("MARTLET", TOP / "build-test" / "martlet")).resolve()


def release_binary_path():
    return pathlib.Path(os.environ.get("MARTLET_RELEASE", TOP / "build" / "martlet")).resolve()


@functools.cache
def public_binary(binary=None):
    """The program where every user may run it: the build may be in somebody's home."""
    binary = binary or binary_path()
    if all(path.stat().st_mode & 0o001 for path in (binary, *binary.parents)):
        return binary
    folder = pathlib.Path(tempfile.mkdtemp(prefix="martlet-program-"))
    atexit.register(shutil.rmtree, folder)
    folder.chmod(0o755)
    return pathlib.Path(shutil.copy(binary, folder))


def free_offset():
    """An offset at which all service ports are free; they stay ours until the process ends or release_offset()."""
    return ports.free_offset(TCP_PORTS, UDP_PORTS)


def release_offset(offset):
    ports.release({port + offset for port in (*TCP_PORTS, *UDP_PORTS)})


def children_of(pid):
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(p) for p in task.read_text().split()]
    return found


def is_relay(pid):
    """Of the parent's children: not a helper. An emulator and the program that it runs may come before the arguments."""
    with contextlib.suppress(OSError):
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        return words[3 if words[0].startswith(b"/usr/bin/qemu-") else 1 :][:1] == [b"relay"]
    return False


def relay_of(parent):
    """The pid of the parent's relay, None between two of them."""
    return next(filter(is_relay, children_of(parent)), None)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition, timeout, what):
    """Returns the first true value of condition(). For states of processes and files, which send no event. The timeout
    is no promise of the relay's, it only guards against hanging: so it is never less than GUARD."""
    timeout = max(timeout, GUARD) * PATIENCE
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.005)


def log_complaints(text):
    """The lines of a log that no relay may write."""
    complaints = []
    for line in text.splitlines():
        if SANITIZER.search(line):
            complaints.append(f"sanitizer report: {line}")
        elif PANIC.search(line):
            complaints.append(f"panic: {line}")
        elif line.startswith("debug"):
            continue
        elif MAIL_ADDRESS.search(line):
            complaints.append(f"mail address in the log: {line}")
        elif CLIENT_ADDRESS.search(line) and "parent.certificate" not in line:  # which tells the names in it
            complaints.append(f"client address in the log: {line}")
    return complaints


class Relay:
    def __init__(self, settings=None, state=None, binary=None, offset=None, env=None, wrapper=(), preexec=None):
        self.binary = pathlib.Path(binary) if binary else binary_path()
        self.settings = {**ROOMY, **(settings or {})}
        self.owns_state = state is None
        self.state = pathlib.Path(state) if state else pathlib.Path(tempfile.mkdtemp(prefix="martlet-"))
        self.fixed_offset = offset is not None
        self.offset = offset if self.fixed_offset else free_offset()
        self.env = env or {}
        self.wrapper = list(wrapper)
        self.preexec = preexec
        self.process = None
        self.log_dir = pathlib.Path(tempfile.mkdtemp(prefix="martlet-log-"))
        self.log_path = self.log_dir / "log"
        self.log_checked = 0
        self.output = []
        self.ready = threading.Event()
        self.reader = None

    # ---- processes ----

    def command(self):
        args = [*self.wrapper, str(self.binary), "dev", "--dir", str(self.state), "--port-offset", str(self.offset)]
        args += ["--domain", DOMAIN]
        for key, value in self.settings.items():
            args += ["--set", f"{key}={value}"]
        return args

    def start(self, timeout=GUARD):
        if not self.binary.exists():
            raise RelayError(f"{self.binary} is not there: build it or set MARTLET")
        env = dict(os.environ)
        env.setdefault("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:exitcode=99")
        env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        env.update(self.env)
        self.ready.clear()
        self.output = []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=env,
                preexec_fn=self.preexec,
                cwd=TOP,
            )
        self.reader = threading.Thread(target=self._read_output, args=(self.process,), daemon=True)
        self.reader.start()
        deadline = time.monotonic() + timeout * PATIENCE
        while not self.is_ready():
            if self.process.poll() is not None:
                self.reader.join(GUARD)
                raise RelayError(f"martlet ended with {self.process.returncode} at start\n{self.all_output()}")
            if time.monotonic() > deadline:
                self.kill()
                raise RelayError(f"martlet not ready within {timeout} s\n{self.all_output()}")
        return self

    def is_ready(self):
        return self.ready.wait(0.05)

    def _read_output(self, process):
        for line in process.stdout:
            text = line.decode("utf-8", "replace").rstrip("\n")
            self.output.append(text)
            if text.strip() == "martlet: ready":
                self.ready.set()
        process.stdout.close()

    def all_output(self):
        return "\n".join(self.output) + "\n--- log ---\n" + self.log()

    def log(self):
        try:
            return self.log_path.read_text("utf-8", "replace")
        except OSError:
            return ""

    def child_pid(self):
        """The relay process; the parent only holds the ports and restarts it."""
        return relay_of(self.process.pid)

    def wait_for_child(self, other_than=None, timeout=GUARD):
        return wait_until(
            lambda: self.child_pid() not in (None, other_than) and self.child_pid(), timeout, "a (new) relay process"
        )

    def kill_child(self):
        """SIGKILL to the relay process; returns the pid it had."""
        pid = self.wait_for_child()
        os.kill(pid, signal.SIGKILL)
        return pid

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, timeout=GUARD, check=True):
        """Ends it as an operator would, and looks at what it has written."""
        if self.process is None:
            return
        children = children_of(self.process.pid)
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RelayError(f"martlet did not end within {timeout} s of SIGTERM\n{self.all_output()}") from None
        self.reader.join(5)
        self.process = None
        for pid in children:
            wait_until(lambda pid=pid: not is_running(pid), GUARD, "the end of the relay process")
        if check:
            self.check_log()
            if code != 0:
                raise RelayError(f"martlet ended with {code} after SIGTERM\n{self.all_output()}")

    def kill(self):
        """SIGKILL to everything, as a power cut of the processes."""
        if self.process is None:
            return
        children = children_of(self.process.pid)
        self.process.kill()
        self.process.wait()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda pid=pid: not is_running(pid), GUARD, "the end of the relay process")
        self.reader.join(5)
        self.process = None

    def check_log(self):
        """Fails on anything forbidden in what was logged since the last check."""
        text = self.log()
        complaints = log_complaints(text[self.log_checked :])
        self.log_checked = len(text)
        if complaints:
            raise AssertionError("the log holds what it must not:\n" + "\n".join(complaints) + "\n--- log ---\n" + text)

    def remove(self):
        if not self.fixed_offset:
            release_offset(self.offset)
        shutil.rmtree(self.log_dir, ignore_errors=True)
        if self.owns_state:
            shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start() if self.process is None else self
        except BaseException:
            self.remove()
            raise

    def __exit__(self, kind, value, trace):
        try:
            if kind is None:
                self.stop()
            else:
                print(self.all_output())
                self.kill()
        finally:
            self.remove()

    # ---- clients ----

    def port(self, standard):
        """A port by its registered number or its service's name."""
        return PORTS.get(standard, standard) + self.offset

    def imap(self, account=None, port=993, timeout=GUARD * PATIENCE):
        """An IMAP connection, on 443 by ALPN; logged in when an account is given."""
        context = wire.client_context(alpn=["imap"]) if port == 443 else None
        client = wire.Imap(self.port(port), tls=port != 143, timeout=timeout, context=context)
        return self._prepare(client, port == 143, account)

    def smtp(self, account=None, port=465, timeout=GUARD * PATIENCE):
        """A submission connection, on 443 by ALPN; after EHLO and authentication when an account is given."""
        context = wire.client_context(alpn=["smtp"]) if port == 443 else None
        client = wire.Smtp(self.port(port), tls=port != 587, timeout=timeout, context=context)
        return self._prepare(client, port == 587, account)

    def front(self, alpn=None, max_version=None, timeout=GUARD * PATIENCE):
        """A bare TLS connection to port 443 that offers these protocols."""
        return wire.Connection(self.port(443), timeout=timeout, context=wire.client_context(max_version, alpn))

    def http(self, port=443, timeout=GUARD * PATIENCE):
        """An http.client connection to port 443, whose certificate is not checked, or to port 80."""
        if port == 80:
            return http.client.HTTPConnection("127.0.0.1", self.port(80), timeout=timeout)
        return http.client.HTTPSConnection("127.0.0.1", self.port(443), timeout=timeout, context=wire.client_context())

    def request(self, target, method="GET", port=443, host=DOMAIN, headers=None, body=None):
        """One request over a connection of its own: (status, headers, body)."""
        connection = self.http(port)
        try:
            connection.request(method, target, body=body, headers={"Host": host, **(headers or {})})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    @staticmethod
    def _prepare(client, start_tls, account):
        try:
            if start_tls:
                client.start_tls()
            if account is not None:
                client.login(account)
        except BaseException:
            client.close()
            raise
        return client

    def new_account(self):
        account = Account.invent()
        self.imap(account).close()
        return account

    def wait_mailbox_empty(self, account, timeout=GUARD * PATIENCE):
        """A client with one device deletes what it has downloaded; IDLE does not tell, so this looks again."""
        with self.imap(account) as imap:
            wait_until(lambda: imap.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0\)"), timeout, "an empty mailbox")

    def dclogin(self, account):
        """The link with which a genuine client logs in here, without DNS and with any certificate."""
        query = {
            "p": account.password,
            "v": "1",
            "ih": "127.0.0.1",
            "ip": self.port(993),
            "is": "ssl",
            "sh": "127.0.0.1",
            "sp": self.port(465),
            "ss": "ssl",
            "ic": "3",
        }
        return f"dclogin:{account.address}?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)


class Service(Relay):
    """The relay as operators run it: with a configuration file that can be changed and read again."""

    def __init__(self, settings=None, **more):
        super().__init__(settings, **more)
        self.config_path = self.log_dir / "martlet.ini"
        self.settings = {"mail_domain": DOMAIN, "state_dir": self.state, **self.settings}
        if os.geteuid() == 0:
            self.settings["user"] = "root"  # needs no system user to be made for a test
        self.write_config()

    def write_config(self):
        lines = ["[params]", *(f"{key} = {value}" for key, value in self.settings.items())]
        self.config_path.write_text("\n".join(lines) + "\n")

    def command(self):
        return [
            *self.wrapper,
            str(self.binary),
            "serve",
            "--config",
            str(self.config_path),
            "--port-offset",
            str(self.offset),
        ]

    def start(self, timeout=GUARD):
        self.log_start = len(self.log())
        return super().start(timeout)

    def is_ready(self):
        time.sleep(0.01)
        return "parent.ready" in self.log()[self.log_start :]

    def reload(self, **settings):
        """Changes the configuration file and sends SIGHUP."""
        self.settings.update(settings)
        self.write_config()
        self.signal(signal.SIGHUP)

    def reload_and_wait(self, **settings):
        """Until the relay process has taken it."""
        mark = len(self.log())
        self.reload(**settings)
        wait_until(lambda: "parent.reloaded" in self.log()[mark:], GUARD, "the reload")


def run_martlet(*args, binary=None, timeout=2 * GUARD, env=None):
    """A subcommand that ends by itself: returns the CompletedProcess with text output."""
    full = dict(os.environ)
    full.setdefault("ASAN_OPTIONS", "detect_leaks=0:abort_on_error=0:exitcode=99")
    full.update(env or {})
    done = subprocess.run(
        [str(binary or binary_path()), *map(str, args)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=timeout * PATIENCE,
        env=full,
        cwd=TOP,
        text=True,
        errors="replace",
    )
    assert not SANITIZER.search(done.stderr), done.stderr
    return done
