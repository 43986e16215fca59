# SPDX-License-Identifier: MIT
"""Runs inside a network and mount namespace of its own (see test_setup.py): a relay on the standard ports, a name
server that knows no name, and two clients that are given nothing but the domain."""
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

import deltachat  # noqa: E402
from relay import DOMAIN, NO_RATE, Relay  # noqa: E402


mounted = []


def mount_over(target, source):
    subprocess.run(["mount", "--bind", source, target], check=True)
    mounted.append(target)


def bind_over(target, text, folder):
    """In this mount namespace alone, the file has this text."""
    target, source = pathlib.Path(target), pathlib.Path(folder) / pathlib.Path(target).name
    if not target.exists():  # a very bare system: there is nothing to mount over but its folder
        copy = pathlib.Path(folder) / target.parent.name
        subprocess.run(["cp", "-a", target.parent, copy], stderr=subprocess.DEVNULL, check=False)
        (copy / target.name).write_text("")
        mount_over(target.parent, copy)
    source.write_text(text)
    mount_over(target, source)


def answer_nxdomain(sock):
    """RFC 1035 4.1.1: the question back with QR, RA and RCODE 3."""
    while True:
        query, peer = sock.recvfrom(4096)
        if len(query) < 12:
            continue
        end = 12
        while end < len(query) and query[end] != 0:
            end += query[end] + 1
        sock.sendto(query[:2] + b"\x81\x83" + query[4:6] + b"\0\0\0\0\0\0" + query[12 : end + 5], peer)


def prepare_names(folder):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    bind_over("/etc/hosts", f"127.0.0.1 localhost\n127.0.0.1 {DOMAIN}\n", folder)
    bind_over("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n", folder)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 53))
    threading.Thread(target=answer_nxdomain, args=(sock,), daemon=True).start()


def main():
    version = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="martlet-ns-") as folder:
        try:
            prepare_names(folder)
            with Relay(settings=NO_RATE, offset=0), deltachat.Core(version) as core:
                converse(core)
        finally:  # what is mounted cannot be removed with the folder
            for target in reversed(mounted):
                subprocess.run(["umount", "--lazy", target], check=False)


def converse(core):
    began = time.monotonic()
    alice = core.new_profile("Alice").login(f"dcaccount:{DOMAIN}")
    print(f"set-up by dcaccount: {time.monotonic() - began:.2f} s")
    bob = core.new_profile("Bob").login(f"dcaccount:{DOMAIN}")
    alice_to_bob, bob_to_alice = alice.securejoin_with(bob)
    mark = bob.mark()
    alice.send_text(alice_to_bob, "hello from the standard ports")
    bob.wait_text(bob_to_alice, "hello from the standard ports", mark)
    mark = alice.mark()
    bob.send_text(bob_to_alice, "and back")
    alice.wait_text(alice_to_bob, "and back", mark)
    print("texts exchanged")


if __name__ == "__main__":
    main()
