#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How long a message takes from its final dot at one relay to EXISTS at an IDLE client of another, with everything
warm: connections kept, TLS sessions resumed, names in the cache.

    bench/federation.py [--binary build/martlet] [--messages 200] [--size 2000]

Two relays in network namespaces (tests/lib/lab.py), as root. By HTTPS, by SMTP, and beside them, for comparison, within
one relay. Prints the median and the 90th and 99th percentile in milliseconds.
"""
import argparse
import os
import pathlib
import statistics
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "lib"))


def measure(here, there, sender, receiver, count, size):
    """Milliseconds of each message."""
    import mail
    import wire

    times = []
    with here.smtp(sender) as smtp, there.imap(receiver) as imap:
        imap.ok("SELECT INBOX")
        tag = imap.idle()
        exists = 0
        for _ in range(count):
            message = wire.stuff(mail.encrypted(sender.address, size=size))
            replies = smtp.envelope(sender.address, [receiver.address])
            assert replies[-1][0] == 354, replies
            smtp.send(message)
            began = time.perf_counter()
            smtp.send(b".\r\n")
            exists = imap.wait_exists(exists + 1)
            times.append(1000 * (time.perf_counter() - began))
            code, text = smtp.reply()
            assert code == 250, (code, text)
            time.sleep(0.005)
        imap.done(tag)
    return times


def report(name, times):
    cut = statistics.quantiles(times, n=100)
    print(f"{name:<22} p50 {statistics.median(times):6.2f}   p90 {cut[89]:6.2f}   p99 {cut[98]:6.2f}   ms", flush=True)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description="Time from the final dot to EXISTS at another relay.")
    parser.add_argument("--binary", default=TOP / "build" / "martlet")
    parser.add_argument("--messages", type=int, default=200)
    parser.add_argument("--size", type=int, default=2000, help="octets of ciphertext")
    options = parser.parse_args()
    os.environ["MARTLET_RELEASE"] = str(options.binary)

    from internet import Internet

    world = Internet(classic=False, names=("a", "b"))
    try:
        a, b = world["a"], world["b"]
        sender, receiver, neighbour = a.new_account(), b.new_account(), a.new_account()
        measure(a, a, sender, neighbour, 10, options.size)
        report("within one relay", measure(a, a, sender, neighbour, options.messages, options.size))
        for name, blocked in (("by HTTPS", 25), ("by SMTP", 443)):
            a.host.block(blocked)
            measure(a, b, sender, b.new_account(), 10, options.size)
            report(f"to another, {name}", measure(a, b, sender, b.new_account(), options.messages, options.size))
            a.host.unblock()
    finally:
        world.close(False)


if __name__ == "__main__":
    main()
