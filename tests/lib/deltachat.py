# SPDX-License-Identifier: MIT
"""Genuine Delta Chat clients: a driver for deltachat-rpc-server, which speaks JSON-RPC over standard input and output.

A Core is one process with any number of profiles in it; a Profile is one account of one user on one device. Events
are kept in order per profile; a waiter looks from a mark on, so nothing is missed between doing and waiting.
"""
import itertools
import json
import os
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time

from timelimit import GUARD, PATIENCE

E2E = pathlib.Path(__file__).resolve().parents[1] / "e2e"
VERSIONS = ("2.57", "2.62")
# Of one wait. A client that has failed to send rests for half a minute before it tries again.
LIMIT = 2 * GUARD * PATIENCE

# Message states of core.
OUT_FAILED, OUT_DELIVERED, OUT_READ = 24, 26, 28


class RpcError(Exception):
    pass


def core_path(version):
    return E2E / "node_modules" / f"core-{version}" / "deltachat-rpc-server"


class Core:
    def __init__(self, version, env=None):
        self.version = version
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="martlet-core-"))
        self.process = subprocess.Popen(
            [core_path(version)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(self.dir / "stderr", "wb"),
            env={**os.environ, "DC_ACCOUNTS_PATH": str(self.dir / "accounts"), "RUST_LOG": "error", **(env or {})},
        )
        self.ids = itertools.count(1)
        self.lock = threading.Lock()
        self.replies = {}
        self.changed = threading.Condition()
        self.events = []  # (time, profile id, event)
        self.threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._collect_events, daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            waiting = self.replies.pop(message.get("id"), None)
            if waiting is not None:
                waiting.put(message)
        for waiting in list(self.replies.values()):
            waiting.put({"error": {"message": "the client process has ended"}})

    def _collect_events(self):
        while True:
            try:
                batch = self.call("get_next_event_batch", timeout=None)
            except (RpcError, OSError, ValueError):
                return
            with self.changed:
                now = time.monotonic()
                self.events += [(now, item["contextId"], item["event"]) for item in batch]
                self.changed.notify_all()

    def call(self, method, *params, timeout=LIMIT):
        number = next(self.ids)
        reply = queue.SimpleQueue()
        self.replies[number] = reply
        text = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        with self.lock:
            self.process.stdin.write(text.encode() + b"\n")
            self.process.stdin.flush()
        try:
            message = reply.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"{method}: no reply within {timeout} s") from None
        if "error" in message:
            raise RpcError(f"{method}: {message['error'].get('message')}")
        return message["result"]

    def new_profile(self, name=None):
        profile = Profile(self, self.call("add_account"))
        if name:
            profile.set_config("displayname", name)
        return profile

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(GUARD)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Profile:
    def __init__(self, core, number):
        self.core = core
        self.number = number

    def __getattr__(self, method):
        """Any method of the interface that takes the profile as its first parameter."""
        if method.startswith("_"):
            raise AttributeError(method)
        return lambda *params, timeout=LIMIT: self.core.call(method, self.number, *params, timeout=timeout)

    # ---- events ----

    def mark(self):
        with self.core.changed:
            return len(self.core.events)

    def wait(self, kind, mark=0, timeout=LIMIT, **fields):
        """The first event of this kind with these fields after the mark."""
        deadline = time.monotonic() + timeout
        position = mark
        with self.core.changed:
            while True:
                while position < len(self.core.events):
                    _, number, event = self.core.events[position]
                    position += 1
                    if (
                        number == self.number
                        and event["kind"] == kind
                        and all(event.get(k) == v for k, v in fields.items())
                    ):
                        return event
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(
                        f"profile {self.number}: no {kind} {fields} within {timeout} s\n{self.recent(mark)}"
                    )
                self.core.changed.wait(left)

    def wait_for(self, condition, mark=0, timeout=LIMIT, what="a state"):
        """condition() is asked now and again after each new event until it is true; returns its value."""
        deadline = time.monotonic() + timeout
        while True:
            seen = self.mark()
            value = condition()
            if value:
                return value
            with self.core.changed:
                while len(self.core.events) == seen:
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise TimeoutError(
                            f"profile {self.number}: {what}: not within {timeout} s\n{self.recent(mark)}"
                        )
                    self.core.changed.wait(left)

    def recent(self, mark=0, count=60):
        lines = [
            f"{number}: {json.dumps(event)[:300]}"
            for _, number, event in self.core.events[mark:]
            if number == self.number
        ]
        return "\n".join(lines[-count:])

    # ---- life ----

    def login(self, link, timeout=LIMIT):
        """Configures by a dcaccount: or dclogin: link and waits until the inbox is watched."""
        mark = self.mark()
        self.call("add_transport_from_qr", link, timeout=timeout)
        self.start_io()
        self.wait("ImapInboxIdle", mark, timeout)
        return self

    def call(self, method, *params, timeout=LIMIT):
        return self.core.call(method, self.number, *params, timeout=timeout)

    @property
    def address(self):
        return self.call("get_config", "configured_addr")

    def securejoin_with(self, inviter, timeout=LIMIT):
        """Meets another profile by its QR code; returns our chat with it and its chat, accepted, with us."""
        code = inviter.get_chat_securejoin_qr_code(None)
        mine, theirs = self.mark(), inviter.mark()
        chat = self.secure_join(code)
        self.wait("SecurejoinJoinerProgress", mine, timeout, progress=1000)
        done = inviter.wait("SecurejoinInviterProgress", theirs, timeout, progress=1000)
        their_chat = inviter.create_chat_by_contact_id(done["contactId"])
        inviter.accept_chat(their_chat)
        return chat, their_chat

    def knows(self, other):
        """Imports the other's contact with its key; returns the chat."""
        card = other.make_vcard([1])
        contact = self.import_vcard_contents(card)[0]
        return self.create_chat_by_contact_id(contact)

    # ---- messages ----

    def send_text(self, chat, text):
        return self.misc_send_text_message(chat, text)

    def send_file(self, chat, path, viewtype="File", text=None):
        return self.send_msg(chat, {"file": str(path), "viewtype": viewtype, "text": text})

    def wait_delivered(self, message, mark=0, timeout=LIMIT):
        def state():
            m = self.get_message(message)
            if m["state"] == OUT_FAILED:
                raise AssertionError(f"the message failed: {m['error']}")
            return m["state"] >= OUT_DELIVERED and m

        return self.wait_for(state, mark, timeout, f"message {message} delivered")

    def wait_failed(self, message, mark=0, timeout=LIMIT):
        def state():
            m = self.get_message(message)
            return m["state"] == OUT_FAILED and m

        return self.wait_for(state, mark, timeout, f"message {message} failed")

    def texts(self, chat):
        """Texts of a chat in order, without information messages."""
        ids = self.get_message_ids(chat, False, False)
        messages = self.get_messages(ids)
        return [messages[str(i)]["text"] for i in ids if not messages[str(i)].get("isInfo")]

    def wait_text(self, chat, text, mark=0, timeout=LIMIT):
        """Waits for a message with this text; returns it. chat None: any chat."""

        def find():
            with self.core.changed:
                new = [
                    e
                    for _, n, e in self.core.events[mark:]
                    if n == self.number and e["kind"] in ("IncomingMsg", "MsgsChanged") and e.get("msgId")
                ]
            for event in new:
                if chat in (None, event["chatId"]):
                    try:
                        m = self.get_message(event["msgId"])
                    except RpcError:
                        continue  # gone meanwhile, as handshake messages are
                    # What is not downloaded yet has its kind and size behind the text.
                    if m["text"] == text or m["downloadState"] != "Done" and m["text"].startswith(text):
                        return m
            return None

        return self.wait_for(find, mark, timeout, f"message {text!r}")


def impatiently(wait, cores, timeout=LIMIT):
    """Runs wait(seconds) again and again until it succeeds. After each failure the clients are told that the network
    has changed, as phones are all the time: that ends the half minute for which a client waits after a failed
    transfer."""
    deadline = time.monotonic() + timeout
    while True:
        for core in cores:
            core.call("maybe_network")
        try:
            return wait(1)
        except TimeoutError:
            if time.monotonic() > deadline:
                raise
