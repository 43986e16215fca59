# SPDX-License-Identifier: MIT
"""SIGKILL to either of two relays that send each other mail, at moments that nobody has chosen, by HTTPS and by SMTP:
what was acknowledged is in the mailbox on the other side exactly once.

FEDERATION_CRASH_ROUNDS sets how often (12).
"""
import os
import random
import time

import pytest
from internet import log_since
from ledger import Sender, assert_exactly_once, mailbox
from relay import run_martlet, wait_until

ROUNDS = int(os.environ.get("FEDERATION_CRASH_ROUNDS", "12"))
AT_LEAST = 300


def nothing_waits(relay, other):
    listed = run_martlet("queue", "--config", relay.config_path, binary=relay.binary)
    return listed.returncode == 0 and other.domain not in listed.stdout


@pytest.mark.limit(600 + 60 * ROUNDS)
def test_killed_under_load(internet):
    a, b = internet["a"], internet["b"]
    at_a, at_b, here = a.new_account(), b.new_account(), a.new_account()
    mark = len(a.log())
    senders = [
        Sender(a, a.new_account(), [at_b.address], sizes=(800, 1500)),
        Sender(a, a.new_account(), [at_b.address, here.address], sizes=(800, 90_000)),
        Sender(b, b.new_account(), [at_a.address], sizes=(800, 3000)),
    ]
    for sender in senders:
        sender.start()
    kills, turns = 0, 0

    def is_enough():
        used = log_since(a, mark)
        both = all(f"transport={name} delivered" in used for name in ("HTTPS", "SMTP"))
        return both and kills >= ROUNDS and sum(len(s.taken) for s in senders) >= AT_LEAST

    while not is_enough():
        turns += 1
        for relay in (a, b):
            relay.host.unblock()
            if turns % 3 == 1:
                relay.host.block(443)
        time.sleep(0.1 + random.random() * 0.5)
        victim = random.choice((a, b))
        if kills < ROUNDS:
            victim.kill()
            time.sleep(random.random() * 0.2)
            victim.start()
            kills += 1
    for sender in senders:
        sender.finish()
    for relay, other in ((a, b), (b, a)):
        relay.host.unblock()
        wait_until(lambda relay=relay, other=other: nothing_waits(relay, other), 180, "an empty queue")
    taken = [s.taken for s in senders]
    print(f"{kills} kills, {[len(t) for t in taken]} acknowledged, {[s.again for s in senders]} sent again")
    assert [s.unexpected for s in senders] == [[], [], []]
    assert_exactly_once(taken[0] + taken[1], mailbox(b, at_b).values(), "from a to b")
    assert_exactly_once(taken[1], mailbox(a, here).values(), "from a to a")
    assert_exactly_once(taken[2], mailbox(a, at_a).values(), "from b to a")
    for relay in (a, b):
        relay.stop()
        done = run_martlet("verify", relay.state, binary=relay.binary)
        assert done.returncode == 0, done.stdout + done.stderr
        relay.start()
