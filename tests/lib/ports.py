# SPDX-License-Identifier: MIT
"""Ports for the servers of tests. Lanes run side by side, and a port that is only looked at can be another one's before
it is used: so each is reserved among all test processes by a lock of one octet of a file, from its choice until it is
given back or the process ends. All of them lie below the ephemeral ports, which any connection may take at any time."""
import contextlib
import errno
import fcntl
import os
import pathlib
import random
import socket
import tempfile
import threading

FIRST, LAST = 10000, 32767  # the last one before Linux' ephemeral ports (ip_local_port_range)
TRIES = 2000

mutex = threading.Lock()
mine = set()  # a process does not exclude itself from what it has locked
file = None


def lock_file():
    """Opened once: closing any descriptor of it would give up all the locks."""
    global file
    if file is None:
        path = pathlib.Path(tempfile.gettempdir()) / f"martlet-test-ports-{os.getuid()}"
        file = open(path, "ab")
    return file


def reserve(ports):
    """All of them or none; whether it is done."""
    done = []
    with mutex:
        for port in ports:
            try:
                if port in mine:
                    raise BlockingIOError
                fcntl.lockf(lock_file(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            except OSError as error:
                if error.errno not in (None, errno.EAGAIN, errno.EACCES):
                    raise
                give_up(done)
                return False
            mine.add(port)
            done.append(port)
    return True


def give_up(ports):
    for port in ports:
        mine.discard(port)
        fcntl.lockf(lock_file(), fcntl.LOCK_UN, 1, port)


def release(ports):
    with mutex:
        give_up(ports)


def is_free(tcp, udp=()):
    """Whether nobody who knows nothing of the locks has one of them."""
    kinds = [(port, socket.SOCK_STREAM) for port in tcp] + [(port, socket.SOCK_DGRAM) for port in udp]
    with contextlib.ExitStack() as stack:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            for port, kind in kinds:
                try:
                    s = stack.enter_context(socket.socket(family, kind))
                    if kind == socket.SOCK_STREAM:
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((host, port))
                except OSError as error:
                    if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                        break  # no IPv6 here; IPv4 is free
                    return False
    return True


def free_offset(tcp, udp):
    """Such that all these ports are free and ours when it is added to them."""
    for _ in range(TRIES):
        offset = random.randrange(FIRST, LAST - max(*tcp, *udp))
        moved = [port + offset for port in tcp], [port + offset for port in udp]
        numbers = {*moved[0], *moved[1]}
        if reserve(numbers):
            if is_free(*moved):
                return offset
            release(numbers)
    raise OSError("no free ports found")


def free_port():
    """One for TCP, until the process ends."""
    return free_offset((0,), (0,))
