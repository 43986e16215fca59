# SPDX-License-Identifier: MIT
"""Somebody between a client and a relay, on another loopback address with the relay's own port numbers: passes octets
on, leaves ports shut, or breaks what is said on one of them.

    with Between(relay, without={"submission"}, change={"smtps": lambda octets: octets.replace(b"523", b"250")}):

A service that is changed has its TLS ended here (or is in clear text), so that what the relay says can be read.
"""
import contextlib
import itertools
import select
import socket
import ssl
import threading

import wire
from relay import PORTS, TURN_PORT

TLS = {"smtps", "imaps", "https"}
ALPN = ["imap", "smtp", "http/1.1"]


def wake(waiting):
    """Ends what a thread waits for on a socket, which is closed afterwards."""
    with contextlib.suppress(OSError):
        waiting.shutdown(socket.SHUT_RDWR)


def take(source):
    """What is there; b"" at the end, None when it was nothing for us."""
    source.settimeout(0)
    try:
        return source.recv(65536)
    except (ssl.SSLWantReadError, BlockingIOError):
        return None
    finally:
        source.settimeout(20)


class Between:
    numbers = itertools.count(2)

    def __init__(self, relay, certificate=None, without=(), change=None):
        """`certificate`: (file, key) for the services that are changed. A change gets the relay's octets and returns
        what is said instead; None: nothing more is said, though the connection stays."""
        self.relay, self.change = relay, change or {}
        self.address = f"127.0.9.{next(Between.numbers)}"  # another one each time: no socket of before is in the way
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.set_alpn_protocols(ALPN)
        if certificate is not None:
            self.context.load_cert_chain(*map(str, certificate))
        self.stack = contextlib.ExitStack()
        for service, number in PORTS.items():
            if service not in without:
                self.listen(service, number + relay.offset)
        if "turn" not in without:
            self.pass_datagrams(TURN_PORT + relay.offset)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def start(self, run, *args):
        threading.Thread(target=run, args=args, daemon=True).start()

    def listen(self, service, port):
        listener = self.stack.enter_context(socket.create_server((self.address, port)))
        self.stack.callback(wake, listener)
        self.start(self.accept, listener, service, port)

    def accept(self, listener, service, port):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.start(self.serve, client, service, port)

    def serve(self, client, service, port):
        with contextlib.suppress(OSError, ssl.SSLError), client:
            with socket.create_connection(("127.0.0.1", port), 20) as server:
                if service in self.change and service in TLS:
                    client = self.context.wrap_socket(client, server_side=True)
                    alpn = client.selected_alpn_protocol()
                    server = wire.client_context(alpn=[alpn] if alpn else None).wrap_socket(server)
                self.pump(client, server, self.change.get(service))

    @staticmethod
    def pump(client, server, change):
        """Both ways in one thread: a connection of TLS is not to be read and written by two at once."""
        while True:
            ready = [s for s in (client, server) if isinstance(s, ssl.SSLSocket) and s.pending()]
            for source in ready or select.select([client, server], [], [])[0]:
                octets = take(source)
                if octets == b"":
                    return
                if octets is not None and source is server and change is not None:
                    octets = change(octets)
                if octets is not None:
                    (client if source is server else server).sendall(octets)

    def pass_datagrams(self, port):
        """For one client at a time."""
        front = self.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        front.bind((self.address, port))
        self.stack.callback(wake, front)
        self.start(self.relay_datagrams, front, port)

    @staticmethod
    def relay_datagrams(front, port):
        backs = {}

        def answer(back, client):
            with contextlib.suppress(OSError):
                while True:
                    front.sendto(back.recv(65536), client)

        with contextlib.suppress(OSError):
            while True:
                octets, client = front.recvfrom(65536)
                if client not in backs:
                    backs[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    backs[client].connect(("127.0.0.1", port))
                    threading.Thread(target=answer, args=(backs[client], client), daemon=True).start()
                backs[client].send(octets)
