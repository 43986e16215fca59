# SPDX-License-Identifier: MIT
"""Servers of the lab that live in the test itself, so that they can lie: mail servers with whatever certificate,
refusal or silence a test wants, a STARTTLS front for a server without, and the host of an MTA-STS policy."""
import contextlib
import socket
import ssl
import threading

from timelimit import GUARD, PATIENCE


def server_context(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, certificate))
    return context


class Server:
    """Listens on one address of a host; each connection has its thread."""

    def __init__(self, host, address, port):
        self.host, self.address, self.port = host, address, port
        self.connections = 0
        self.closing = False
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with host.inside():
            self.listener = socket.create_server((address, port), family=family, backlog=100)
            self.thread = threading.Thread(target=self.listen, daemon=True)
            self.thread.start()

    def listen(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            if self.closing:
                sock.close()
                return
            self.connections += 1
            sock.settimeout(2 * GUARD * PATIENCE)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with contextlib.suppress(OSError, ValueError), contextlib.ExitStack() as stack:
            stack.callback(lambda: sock.close())
            self.handle(sock)

    def handle(self, sock):
        raise NotImplementedError

    def close(self):
        self.closing = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Lines:
    """Lines over a socket that may turn into TLS."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def read(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                raise OSError("the peer is gone")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line.rstrip(b"\r")

    def send(self, text):
        self.sock.sendall(text.encode() + b"\r\n")

    def start_tls(self, context):
        self.sock = context.wrap_socket(self.sock, server_side=True)
        self.buffer = b""


class Letter:
    def __init__(self, sender, recipients, data, tls):
        self.sender, self.recipients, self.data, self.tls = sender, recipients, data, tls


class FakeMx(Server):
    """A mail server that keeps what it gets in `letters`.

    `answers` may change what it says: {verb: reply, or function of the line that returns a reply or None for the usual
    one, or raises OSError to break off}; verbs are "" (the greeting), "EHLO", "STARTTLS", "MAIL", "RCPT", "DATA", "."
    (the end of data).
    """

    extensions = ("PIPELINING", "8BITMIME", "SMTPUTF8")

    def __init__(self, host, address, certificate=None, answers=None):
        self.context = server_context(certificate) if certificate else None
        self.answers = answers or {}
        self.letters = []
        self.arrived = threading.Condition()
        super().__init__(host, address, 25)

    def say(self, lines, verb, usual, line=""):
        answer = self.answers.get(verb, usual)
        if callable(answer):
            answer = answer(line)
            answer = usual if answer is None else answer
        lines.send(answer)
        return answer[:1] in "23"

    def handle(self, sock):
        lines, tls = Lines(sock), False
        sender, recipients = None, []
        self.say(lines, "", "220 fake.test ESMTP")
        while True:
            line = lines.read().decode("utf-8", "replace")
            verb = line.split(" ")[0].upper()
            if verb == "EHLO":
                offers = [*self.extensions, *(["STARTTLS"] if self.context and not tls else [])]
                self.say(lines, verb, "\r\n".join(f"250-{o}" for o in ["fake.test", *offers]) + "\r\n250 SIZE 50000000")
            elif verb == "STARTTLS":
                if self.say(lines, verb, "220 go ahead" if self.context else "502 5.5.1 no such command"):
                    lines.start_tls(self.context)
                    tls = True
            elif verb == "MAIL":
                if self.say(lines, verb, "250 2.1.0 ok", line):
                    sender, recipients = line.partition("<")[2].partition(">")[0], []
            elif verb == "RCPT":
                if self.say(lines, verb, "250 2.1.5 ok", line):
                    recipients.append(line.partition("<")[2].partition(">")[0])
            elif verb == "DATA":
                if self.say(lines, verb, "354 go on" if recipients else "554 5.5.1 no recipients"):
                    data = self.read_data(lines)
                    if self.say(lines, ".", "250 2.0.0 taken"):
                        with self.arrived:
                            self.letters.append(Letter(sender, recipients, data, tls))
                            self.arrived.notify_all()
                        self.after_letter()
            elif verb == "QUIT":
                lines.send("221 2.0.0 bye")
                return
            else:
                lines.send("250 2.0.0 ok")

    def after_letter(self):
        """Once it was said that a letter is taken."""

    def read_data(self, lines):
        data = []
        while (line := lines.read()) != b".":
            data.append(line[1:] if line.startswith(b"..") else line)
        return b"".join(line + b"\r\n" for line in data)

    def wait_letter(self, containing=b"", timeout=GUARD * PATIENCE):
        if isinstance(containing, str):
            containing = containing.encode()

        def find():
            return next((letter for letter in self.letters if containing in letter.data), None)

        with self.arrived:
            if not self.arrived.wait_for(find, timeout):
                raise TimeoutError(f"{containing!r} did not come to {self.address} ({self.connections} connections)")
            return find()


class TlsFront(Server):
    """Speaks STARTTLS for a mail server that listens without it on another port of the same address."""

    def __init__(self, host, address, certificate, inner_port):
        self.context = server_context(certificate)
        self.inner_port = inner_port
        super().__init__(host, address, 25)

    def handle(self, sock):
        lines = Lines(sock)
        lines.send("220 front ESMTP")
        while True:
            verb = lines.read().split(b" ")[0].upper()
            if verb == b"EHLO":
                lines.send("250-front\r\n250 STARTTLS")
            elif verb == b"STARTTLS":
                break
            elif verb == b"QUIT":
                lines.send("221 bye")
                return
            else:
                lines.send("530 5.7.0 Must issue a STARTTLS command first")
        lines.send("220 go ahead")
        lines.start_tls(self.context)
        # This thread began in the host's namespace, and so does the connection.
        with socket.create_connection((self.address, self.inner_port), GUARD * PATIENCE) as inner:
            Lines(inner).read()  # its greeting: the client has had one
            pump = threading.Thread(target=self.copy, args=(inner, lines.sock), daemon=True)
            pump.start()
            self.copy(lines.sock, inner)
            pump.join(GUARD * PATIENCE)

    @staticmethod
    def copy(source, target):
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)


class PolicyHost(Server):
    """The HTTPS host of an MTA-STS policy (RFC 8461 section 3.3)."""

    def __init__(self, host, address, certificate, policy):
        self.context = server_context(certificate)
        self.policy = policy
        self.requests = 0
        super().__init__(host, address, 443)

    def handle(self, sock):
        lines = Lines(self.context.wrap_socket(sock, server_side=True))
        while True:
            target = lines.read().split(b" ")
            while lines.read():
                pass
            if target[:2] == [b"GET", b"/.well-known/mta-sts.txt"]:
                self.requests += 1
                status, text = "200 OK", self.policy
            else:
                status, text = "404 Not Found", "no\r\n"
            head = f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n\r\n"
            lines.sock.sendall((head + text).encode())
