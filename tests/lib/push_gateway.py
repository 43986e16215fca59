# SPDX-License-Identifier: MIT
"""A notification gateway that does what a test says: HTTP/2 over TLS, HTTP/1.1, or in the clear.

Each request is noted with its token (the body). What comes of it is the next of the token's own actions, or `default`:

    200             this status; also a tuple of status and {header: value}
    "hang"          nothing, until release()
    "close"         the connection is closed
    "garbage"       what is no HTTP
    "endless"       200, and a body without end
    "half"          the beginning of an answer
"""
import asyncio
import collections
import contextlib
import ssl
import threading
import time

import h2.config
import h2.connection
import h2.events
import h2.exceptions
from ports import free_port
from timelimit import GUARD, PATIENCE

Request = collections.namedtuple("Request", "token at connection version path headers")


class PushGateway:
    def __init__(self, certificate=None, alpn=("h2",), host=None, address="127.0.0.1", port=0):
        """`host`: one of the lab, else this one."""
        self.context = None
        self.address = address
        if certificate is not None:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*map(str, certificate))
            if alpn:
                self.context.set_alpn_protocols(list(alpn))
        self.port = port or free_port()  # which stays ours while it is shut
        self.requests = []
        self.actions = collections.defaultdict(collections.deque)
        self.default = 200
        self.delay = 0
        self.most_at_once = self.at_once = self.connections = 0
        self.changed = threading.Condition()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        with host.inside() if host is not None else contextlib.nullcontext():
            self.thread.start()
        self.server = None
        self.writers = set()
        self.held = {}
        self.open()

    @property
    def url(self):
        scheme, host = ("https", "localhost") if self.context else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}/notify"

    # ---- what tests do ----

    def open(self):
        """Listens, on the port of before if there was one."""

        async def start():
            server = await asyncio.start_server(
                self.serve, self.address, self.port, ssl=self.context, backlog=100, reuse_address=True
            )
            self.port = server.sockets[0].getsockname()[1]
            self.server = server

        self.run(start())

    def shut(self):
        """Nothing listens any more, and all connections end."""

        async def stop():
            if self.server is not None:
                self.server.close()
                self.server = None
            for writer in list(self.writers):
                writer.transport.abort()

        self.run(stop())

    def release(self, status=200, token=None):
        """Answers all that hangs (for a token)."""

        async def answer():
            for future, of_token in list(self.held.items()):
                if not future.done() and token in (None, of_token):
                    future.set_result(status)

        self.run(answer())

    def close(self):
        self.shut()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    def on(self, token, *actions):
        self.actions[token].extend(actions)

    def tokens(self):
        with self.changed:
            return [request.token for request in self.requests]

    def of(self, token):
        with self.changed:
            return [request for request in self.requests if request.token == token]

    def wait(self, count, timeout=GUARD, token=None):
        """Until there were so many requests (of a token)."""

        def there():
            return sum(1 for r in self.requests if token in (None, r.token)) >= count

        with self.changed:
            timeout = max(timeout, GUARD) * PATIENCE
            if not self.changed.wait_for(there, timeout):
                raise TimeoutError(f"{count} requests: {[r.token for r in self.requests]} not within {timeout} s")
            return [r for r in self.requests if token in (None, r.token)]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(GUARD * PATIENCE)

    # ---- the server ----

    async def serve(self, reader, writer):
        self.connections += 1
        number = self.connections
        self.writers.add(writer)
        tls = writer.get_extra_info("ssl_object")
        is_h2 = tls is not None and tls.selected_alpn_protocol() == "h2"
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, h2.exceptions.ProtocolError):
            await (self.serve_h2 if is_h2 else self.serve_h1)(reader, writer, number)
        self.writers.discard(writer)
        with contextlib.suppress(OSError):
            writer.close()

    async def decide(self, token, path, headers, number, version):
        """Notes a request and says what comes of it: a status with headers, or one of the words."""
        with self.changed:
            self.requests.append(Request(token, time.monotonic(), number, version, path, headers))
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            action = self.actions[token].popleft() if self.actions[token] else self.default
            self.changed.notify_all()
        try:
            if self.delay:
                await asyncio.sleep(self.delay)
            if action == "hang":
                future = self.loop.create_future()
                self.held[future] = token
                try:
                    action = await future
                finally:
                    del self.held[future]
        finally:
            self.at_once -= 1
        return (action, {}) if isinstance(action, int) else action if isinstance(action, tuple) else (action, None)

    async def serve_h1(self, reader, writer, number):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
            token = (await reader.readexactly(int(headers.get("content-length", 0)))).decode()
            status, more = await self.decide(token, head[0].split()[1], headers, number, "1.1")
            if more is None:
                if status == "garbage":
                    writer.write(b"\x00\x01 this is no answer\r\n\r\n")
                elif status == "half":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
                elif status == "endless":
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
                    await self.pour(lambda: writer.write(b"x" * 1000), writer)
                await writer.drain()
                return
            lines = [f"HTTP/1.1 {status} Whatever", "Content-Length: 0", *(f"{k}: {v}" for k, v in more.items())]
            writer.write("\r\n".join([*lines, "", ""]).encode())
            await writer.drain()

    @staticmethod
    async def pour(write, writer):
        with contextlib.suppress(OSError):
            while not writer.transport.is_closing():
                write()
                await writer.drain()
                await asyncio.sleep(0.001)

    async def serve_h2(self, reader, writer, number):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        streams, tasks = {}, set()
        try:
            while data := await reader.read(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        streams[event.stream_id] = (dict(event.headers), bytearray())
                    elif isinstance(event, h2.events.DataReceived):
                        streams[event.stream_id][1].extend(event.data)
                        connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    elif isinstance(event, h2.events.StreamEnded):
                        headers, body = streams.pop(event.stream_id)
                        tasks.add(
                            asyncio.ensure_future(
                                self.answer_h2(connection, writer, event.stream_id, headers, body, number)
                            )
                        )
                writer.write(connection.data_to_send())
                await writer.drain()
        finally:
            for task in tasks:
                task.cancel()

    async def answer_h2(self, connection, writer, stream, headers, body, number):
        text = {k.decode(): v.decode() for k, v in headers.items()}
        status, more = await self.decide(body.decode(), text[":path"], text, number, "2")
        with contextlib.suppress(OSError, h2.exceptions.ProtocolError):
            if status == "close":
                writer.transport.abort()
            elif status == "garbage":
                writer.write(b"\xff" * 64 + b"this is no frame")
            elif status == "half":
                connection.send_headers(stream, [(":status", "200"), ("content-length", "10")])
                writer.write(connection.data_to_send())
                await writer.drain()
                writer.transport.abort()
            elif status == "endless":
                connection.send_headers(stream, [(":status", "200")])

                def some():
                    connection.send_data(stream, b"x" * 1000)
                    writer.write(connection.data_to_send())

                await self.pour(some, writer)
            else:
                connection.send_headers(stream, [(":status", str(status)), *more.items()], end_stream=True)
            if not writer.transport.is_closing():
                writer.write(connection.data_to_send())
