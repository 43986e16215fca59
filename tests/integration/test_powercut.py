# SPDX-License-Identifier: MIT
"""Power cuts: every change of the state directory is recorded, then cut off at random points with what was not synced
kept, lost or torn at random. A relay that starts on what is left must have every message it had acknowledged before
that point, once, and nothing that a client had expunged. Mail for a server that does not answer must still wait for it.

The program under test is the release build (MARTLET_RELEASE): a sanitizer and a preloaded library do not go together.
POWER_POINTS sets the number of points (30), POWER_SEED makes a run repeatable; TEST_CC is the compiler for that program's kind of
machine.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

import pytest
from ledger import Reader, Sender
from relay import NO_RATE, Relay, release_binary_path, run_martlet

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "power"))
from replay import Log  # noqa: E402

POINTS = int(os.environ.get("POWER_POINTS", "30"))
CC = os.environ.get("TEST_CC", "cc").split()
SEED = int(os.environ.get("POWER_SEED", time.time_ns() % 1_000_000))


FAR = "[127.0.0.9]"
# Nobody listens at the discard port of this address.
SETTINGS = {**NO_RATE, "outbound_smtp_port": "9", "outbound_https_port": "9"}


class FarSender(Sender):
    """Each message has two recipients of its own at the far server, and a local one."""

    def __init__(self, relay, account, local, promises, log, **more):
        self.n = 0
        super().__init__(relay, account, [], on_taken=self.note, **more)
        self.local, self.promises, self.log = local, promises, log
        self.address_next()

    def address_next(self):
        self.n += 1
        self.far = [f"r{self.n}@{FAR}", f"s{self.n}@{FAR}"]
        self.recipients = [*self.far, self.local]

    def note(self, message_id):
        position = self.log.stat().st_size
        self.promises.append((position, "taken", 0, message_id))
        self.promises.append((position, "waits", None, tuple(self.far)))
        self.address_next()


def is_enough(promises):
    made = [what for _, what, _, _ in list(promises)]
    return made.count("taken") >= 20 and made.count("waits") >= 10 and made.count("deleted") >= 5


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """Some seconds of life with three mailboxes: the log, and the promises by their position in it."""
    folder = tmp_path_factory.mktemp("power")
    library, log = folder / "recorder.so", folder / "log"
    subprocess.run(
        [*CC, "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, HERE / "power" / "recorder.c", "-ldl"],
        check=True,
    )
    state = folder / "state"
    state.mkdir()
    root_inode = state.stat().st_ino
    env = {"LD_PRELOAD": str(library), "RECORDER_DIR": str(state), "RECORDER_LOG": str(log)}
    # (position, "taken" or "deleted", account number, Message-ID), or (position, "waits", None, recipients)
    promises = []

    with Relay(settings=SETTINGS, state=state, binary=release_binary_path(), env=env) as relay:
        accounts = [relay.new_account() for _ in range(3)]
        ready = log.stat().st_size
        addresses = [a.address for a in accounts]

        def on_taken(numbers):
            return lambda message_id: promises.extend((log.stat().st_size, "taken", n, message_id) for n in numbers)

        def on_deleted(message_ids):
            position = log.stat().st_size
            promises.extend((position, "deleted", 1, m) for m in message_ids)

        threads = [
            Sender(relay, relay.new_account(), addresses[:2], sizes=(800, 5000, 30_000), on_taken=on_taken([0, 1])),
            Sender(relay, relay.new_account(), addresses[1:], sizes=(100_000, 800, 400_000), on_taken=on_taken([1, 2])),
            FarSender(relay, relay.new_account(), addresses[0], promises, log, sizes=(800, 60_000, 3000)),
            Reader(relay, accounts[1], on_deleted=on_deleted),
        ]
        for thread in threads:
            thread.start()
        began = time.monotonic()
        while log.stat().st_size < 60_000_000 and not (time.monotonic() - began > 6 and is_enough(promises)):
            assert all(thread.is_alive() for thread in threads)
            time.sleep(0.05)
        for thread in threads:
            thread.finish()
        relay.stop()
    octets = log.read_bytes()
    recorded = Log(octets, str(state), root_inode)
    assert recorded.end == len(octets)
    return recorded, ready, promises, accounts, state


def test_recorder_has_seen_everything(recording):
    """Nothing lost by the test itself: the whole log replayed is the directory that is there."""
    recorded, _, promises, _, state = recording
    assert recorded.unknown == []
    expected = {str(p): p.read_bytes() for p in state.rglob("*") if p.is_file() and not p.name.endswith("-shm")}
    got = {path: octets for path, octets in recorded.complete().items() if not path.endswith("-shm")}
    assert got.keys() == expected.keys()
    assert [p for p in got if got[p] != expected[p]] == []
    assert is_enough(promises)


def mailbox(relay, account):
    with relay.imap(account) as imap:
        imap.ok("SELECT INBOX")
        return list(imap.message_ids().values())


def check_queue(relay, promises, point):
    done = run_martlet("queue", "show", FAR, "--json", "--dir", relay.state, binary=release_binary_path())
    there = [tuple(json.loads(line)["recipients"]) for line in done.stdout.splitlines()]
    missing = {far for p, what, _, far in promises if p <= point and what == "waits"} - set(there)
    if missing:
        yield f"queue: {len(missing)} acknowledged messages do not wait any more"
    if len(there) != len(set(there)):
        yield "queue: a message waits twice"
    if any(len(far) != 2 for far in there):
        yield "queue: a message waits for some of its recipients only"


def check_point(recording, point, chance, folder):
    """Rebuilds, starts, compares; returns sentences about what is wrong."""
    recorded, _, promises, accounts, _ = recording
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    for path, octets in sorted(recorded.directory(point, chance).items()):
        target = folder / os.path.relpath(path, recorded.root)
        if octets is None:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
        elif not path.endswith("-shm"):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(octets)
            target.chmod(0o600)
    wrong = []
    with Relay(settings=SETTINGS, state=folder, binary=release_binary_path()) as relay:
        wrong += check_queue(relay, promises, point)
        for number, account in enumerate(accounts):
            there = mailbox(relay, account)
            taken = {m for p, what, n, m in promises if p <= point and what == "taken" and n == number}
            deleted = {m for p, what, n, m in promises if p <= point and what == "deleted" and n == number}
            # A deletion that was under way when the power went may have happened; its promise is later than the point.
            later = {m for p, what, n, m in promises if p > point and what == "deleted" and n == number}
            lost = taken - deleted - later - set(there)
            if lost:
                wrong.append(f"mailbox {number}: {len(lost)} of {len(taken)} acknowledged messages are lost")
            if len(there) != len(set(there)):
                wrong.append(f"mailbox {number}: a message is there twice")
            if deleted & set(there):
                wrong.append(f"mailbox {number}: {len(deleted & set(there))} deleted messages have come back")
            with relay.imap(account) as imap:  # every body that is listed can be read
                imap.ok("SELECT INBOX")
                if len(imap.fetch()) != len(there):
                    wrong.append(f"mailbox {number}: a body cannot be read")
        relay.stop()
    done = run_martlet("verify", folder, binary=release_binary_path())
    if done.returncode != 0:
        wrong.append("verify: " + (done.stdout + done.stderr).strip())
    return wrong


@pytest.mark.limit(300 + 30 * POINTS)
def test_power_cuts(recording, tmp_path):
    recorded, ready, promises, _, _ = recording
    chance = random.Random(SEED)
    print(f"seed {SEED}; {recorded.end} octets of log, {len(promises)} promises")
    # Half of the points right behind a promise, where it hurts most; the others anywhere.
    points = [chance.choice(promises)[0] for _ in range(POINTS // 2)]
    points += [chance.randrange(ready, recorded.end) for _ in range(POINTS - len(points))]
    wrong = []
    for point in points:
        for sentence in check_point(recording, point, chance, tmp_path / "state"):
            wrong.append(f"cut at {point}: {sentence}")
    assert wrong == [], f"seed {SEED}\n" + "\n".join(wrong)
