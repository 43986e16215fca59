#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Packets that a TURN relay passes on in a second of its processor time, side by side with coturn.

    meson setup build-bench --buildtype=release -Dtests=true && ninja -C build-bench
    bench/turn.py [--build build-bench] [--seconds 5] [--rounds 3] [--clients 16] [--window 16]

As root: relay, coturn and generator (turnload.c) are on hosts of their own in network namespaces (tests/lib/lab.py). The
same generator runs against both in turn. Prints the median of the rounds and all of them.
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests" / "lib"))
SETTINGS = {
    "turn_allowed_peers": "10.77.0.0/24, fd77::/64",
    "turn_allocations_per_user": "1000",
    "turn_allocations_per_address": "1000",
    "turn_bandwidth": "1G",
}
WAYS = (
    ("channels, 160 octets", ["-l", "160"], False),
    ("channels, 1200 octets", ["-l", "1200"], False),
    ("indications, 160 octets", ["-l", "160", "-i"], False),
    ("channels, 160 octets, IPv6", ["-l", "160"], True),
)


def measure(options, guest, pid, server, own, credentials, flags):
    """(packets per second and core, packets per second) of one run."""
    command = [
        options.build / "bench" / "turnload", "-c", options.clients, "-w", options.window, "-s", options.seconds,
        "-p", pid, "-u", credentials.username, "-k", credentials.password, *flags, server, 3478, own,
    ]
    with guest.inside():
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr)
    a_second = int(re.search(r"^(\d+) packets per second", done.stdout, re.MULTILINE)[1])
    a_core = int(re.search(r"(\d+) packets per second and core", done.stdout)[1])
    if options.verbose:
        print(done.stdout, end="", flush=True)
    return a_core, a_second


def report(who, runs):
    cores, seconds = [r[0] for r in runs], [r[1] for r in runs]
    print(
        f"  {who:<8} {statistics.median(cores):9.0f} a second and core {cores}, {statistics.median(seconds):9.0f} a second",
        flush=True,
    )
    return statistics.median(cores)


def main():
    parser = argparse.ArgumentParser(description="Relayed packets per second and core, martlet and coturn.")
    parser.add_argument("--build", type=pathlib.Path, default=TOP / "build-bench")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--window", type=int, default=16, help="packets under way for each client")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    os.environ["MARTLET"] = os.environ["MARTLET_RELEASE"] = str(options.build / "martlet")

    from coturn import Coturn
    from lab import Lab
    from turn_lab import TurnRelay

    with Lab() as lab:
        ours, theirs, guest = lab.host("ours", 1), lab.host("theirs", 2), lab.host("guest", 100)
        lab.names_of(ours, "open.test")
        lab.dns.publish()
        relay = TurnRelay(lab, ours, "open.test", SETTINGS)
        coturn = None
        try:
            relay.start()
            credentials = relay.credentials()
            coturn = Coturn(theirs, [theirs.ipv4, theirs.ipv6], "secret", relay.domain)
            from turn import Credentials

            others = Credentials.of_secret(b"secret", relay.domain)
            for name, flags, ipv6 in WAYS:
                print(name, flush=True)
                runs = {"martlet": [], "coturn": []}
                own = guest.ipv6 if ipv6 else guest.ipv4
                for _ in range(options.rounds):
                    for who, host, pid, known in (
                        ("martlet", ours, relay.child_pid(), credentials),
                        ("coturn", theirs, coturn.pid, others),
                    ):
                        server = host.ipv6 if ipv6 else host.ipv4
                        runs[who].append(measure(options, guest, pid, server, own, known, flags))
                ratio = report("martlet", runs["martlet"]) / report("coturn", runs["coturn"])
                print(f"  {ratio:.2f} times coturn", flush=True)
            relay.stop()
        finally:
            if coturn is not None:
                coturn.close()
            if relay.process is not None:
                relay.kill()
            relay.remove()


if __name__ == "__main__":
    main()
