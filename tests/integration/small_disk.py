# SPDX-License-Identifier: MIT
"""Runs inside a mount namespace of its own (see test_operation.py): mounts a small file system over the state
directory, then becomes the relay. A helper process stays beside it and fills or frees the file system when told to
over a socket.

    small_disk.py STATE MEGABYTES[:INODES] CONTROL COMMAND...
"""
import os
import pathlib
import socket
import subprocess
import sys


def fill(path):
    """Takes what is left, first in large and then in small pieces."""
    with open(path, "ab", buffering=0) as f:
        for size in (1 << 20, 1 << 16, 1 << 12, 1 << 9, 1):
            try:
                while True:
                    f.write(b"\1" * size)
            except OSError:
                continue


def serve(state, control):
    filler = pathlib.Path(state) / "filler"
    relay = os.getppid()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(control + ".new")
        listener.listen()
        os.rename(control + ".new", control)  # there when it can be connected to
        listener.settimeout(1)
        while os.getppid() == relay:
            try:
                peer, _ = listener.accept()
            except TimeoutError:
                continue
            peer.settimeout(20)
            with peer:
                word = peer.recv(100)
                if word == b"fill":
                    fill(filler)
                    peer.sendall(b"filled")
                elif word == b"free":
                    filler.unlink(missing_ok=True)
                    peer.sendall(b"freed")
                else:
                    return


def main():
    state, size, control, *command = sys.argv[1:]
    megabytes, _, inodes = size.partition(":")
    options = f"size={megabytes}m,nr_inodes={inodes or 0},mode=755"  # 0: as many as there is room for
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "martlet", state], check=True)
    if os.fork() == 0:
        for fd in (0, 1, 2):
            os.close(fd)
        serve(state, control)
        os._exit(0)
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
