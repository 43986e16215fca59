# SPDX-License-Identifier: MIT
"""SIGKILL to the relay under load, again and again: what was acknowledged is in the mailbox exactly once.

Parent and relay are killed together and started again by the test: a parent alone would wait longer and longer
between the deaths of its relay (test_operation.py kills the relay alone).

CRASH_ROUNDS sets how often (100); MARTLET is the program.
"""
import os
import random
import time

import pytest
from ledger import Reader, Sender, assert_exactly_once, mailbox
from relay import NO_RATE, Relay, run_martlet
from timelimit import GUARD, PATIENCE

ROUNDS = int(os.environ.get("CRASH_ROUNDS", "100"))


@pytest.mark.limit(300 + 20 * ROUNDS)
def test_killed_under_load():
    with Relay(settings=NO_RATE) as relay:
        kept, emptied, large = (relay.new_account() for _ in range(3))
        senders = [
            Sender(relay, relay.new_account(), [kept.address, emptied.address], sizes=(800, 2000)),
            Sender(relay, relay.new_account(), [emptied.address, large.address], sizes=(800, 90_000)),
        ]
        reader = Reader(relay, emptied)
        for thread in (*senders, reader):
            thread.start()
        began = time.monotonic()
        for _ in range(ROUNDS):
            # Some progress first, then a moment that nobody has chosen.
            goal = sum(len(s.taken) for s in senders) + random.randrange(1, 6)
            deadline = time.monotonic() + 2 * GUARD * PATIENCE
            while sum(len(s.taken) for s in senders) < goal:
                assert time.monotonic() < deadline, "no message is taken any more\n" + relay.all_output()
                time.sleep(0.002)
            time.sleep(random.random() * 0.03)
            relay.kill()
            relay.start()
        elapsed = time.monotonic() - began
        for sender in senders:
            sender.finish()
        reader.finish()
        promised = [m for s in senders for m in s.taken]
        print(
            f"{ROUNDS} kills in {elapsed:.0f} s; {len(promised)} messages acknowledged, "
            f"{sum(s.again for s in senders)} sent again, {len(reader.seen)} read and deleted meanwhile"
        )
        assert [s.unexpected for s in senders] == [[], []]
        assert reader.doubled == []
        assert_exactly_once(senders[0].taken, mailbox(relay, kept).values(), "kept")
        assert_exactly_once(senders[1].taken, mailbox(relay, large).values(), "large")
        reader.note(mailbox(relay, emptied))
        assert reader.doubled == []
        assert_exactly_once(promised, reader.seen.values(), "emptied")
        relay.stop()
        done = run_martlet("verify", relay.state, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
