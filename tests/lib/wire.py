# SPDX-License-Identifier: MIT
"""Clients that show the wire: IMAP and SMTP over a socket, nothing hidden, so that a test can be rude on purpose."""
import base64
import re
import socket
import ssl
import subprocess

from timelimit import GUARD, PATIENCE

LITERAL = re.compile(rb"\{(\d+)\+?\}$")


class Closed(Exception):
    """The peer has closed the connection."""


def client_context(max_version=None, alpn=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if max_version is not None:
        context.maximum_version = max_version
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


class Connection:
    def __init__(self, port, tls=True, timeout=GUARD * PATIENCE, context=None, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if tls:
            self._wrap(context)

    def _wrap(self, context=None):
        raw = self.sock
        try:
            self.sock = (context or client_context()).wrap_socket(raw)
        except BaseException:
            raw.close()
            raise

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def _fill(self):
        try:
            data = self.sock.recv(65536)
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError, BrokenPipeError):
            data = b""
        if not data:
            raise Closed(f"closed by the peer; unread: {self.buffer!r}")
        self.buffer += data

    def read_line(self):
        """One line without its CRLF."""
        while b"\n" not in self.buffer:
            self._fill()
        line, _, self.buffer = self.buffer.partition(b"\n")
        assert line.endswith(b"\r"), f"line ends with a bare LF: {line!r}"
        return line[:-1]

    def read_exactly(self, n):
        while len(self.buffer) < n:
            self._fill()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def read_to_end(self):
        try:
            while True:
                self._fill()
        except Closed:
            data, self.buffer = self.buffer, b""
            return data

    def is_silent(self, seconds):
        """True when nothing arrives for so long."""
        if self.buffer:
            return False
        before = self.sock.gettimeout()
        self.sock.settimeout(seconds)
        try:
            self._fill()
            return False
        except TimeoutError:
            return True
        finally:
            self.sock.settimeout(before)

    def certificate(self):
        return self.sock.getpeercert(binary_form=True)

    def public_key(self):
        """What clients remember of the certificate, PEM."""
        command = ["openssl", "x509", "-inform", "DER", "-noout", "-pubkey"]
        return subprocess.run(command, input=self.certificate(), capture_output=True, check=True).stdout

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Reply:
    """A tagged reply: status (b"OK"), text, and the untagged lines before it, each with its literals in place."""

    def __init__(self, status, text, untagged):
        self.status, self.text, self.untagged = status, text, untagged

    def __repr__(self):
        return f"Reply({self.status!r}, {self.text!r}, {self.untagged!r})"

    def find(self, pattern):
        """The first match of a pattern in the untagged lines."""
        for line in self.untagged:
            match = re.search(pattern, line, re.DOTALL)
            if match:
                return match
        return None


class Imap(Connection):
    def __init__(self, port, tls=True, timeout=GUARD * PATIENCE, context=None, greeting=True):
        super().__init__(port, tls, timeout, context)
        self.count = 0
        self.greeting = self.read_line() if greeting else None

    def start_tls(self):
        self.ok("STARTTLS")
        self._wrap()

    def read_response(self):
        """A whole response: a line together with the literals in it."""
        response = self.read_line()
        while True:
            match = LITERAL.search(response)
            if not match:
                return response
            response += b"\r\n" + self.read_exactly(int(match.group(1))) + self.read_line()

    def begin(self, command):
        self.count += 1
        tag = f"t{self.count}"
        self.send(tag.encode() + b" " + (command if isinstance(command, bytes) else command.encode()) + b"\r\n")
        return tag.encode()

    def finish(self, tag):
        untagged = []
        while True:
            response = self.read_response()
            if response.startswith(tag + b" "):
                status, _, text = response[len(tag) + 1 :].partition(b" ")
                return Reply(status, text, untagged)
            untagged.append(response)

    def command(self, command):
        return self.finish(self.begin(command))

    def ok(self, command):
        reply = self.command(command)
        assert reply.status == b"OK", f"{command!r}: {reply}"
        return reply

    def login(self, account):
        password = account.password.replace("\\", "\\\\").replace('"', '\\"')  # RFC 3501 section 9, quoted
        return self.ok(f'LOGIN "{account.address}" "{password}"')

    def append(self, mailbox, message, flags=""):
        tag = self.begin(f"APPEND {mailbox} {flags}{{{len(message)}}}")
        assert self.read_response().startswith(b"+")
        self.send(message + b"\r\n")
        return self.finish(tag)

    def uids(self):
        """UIDs of the selected mailbox."""
        found = self.ok("UID SEARCH ALL").find(rb"^\* SEARCH(.*)")
        return [int(n) for n in found.group(1).split()] if found else []

    def fetch(self, uids="1:*", what="BODY.PEEK[]"):
        """{uid: octets} of one literal item."""
        result = {}
        for line in self.ok(f"UID FETCH {uids} (UID {what})").untagged:
            match = re.match(rb"\* \d+ FETCH \(", line)
            uid = re.search(rb"UID (\d+)", line)
            literal = re.search(rb"\{(\d+)\}\r\n", line)
            if match and uid and literal:
                result[int(uid.group(1))] = line[literal.end() : literal.end() + int(literal.group(1))]
        return result

    def message_ids(self):
        """{uid: Message-ID} of the selected mailbox."""
        fields = self.fetch(what="BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]")
        return {uid: text.partition(b":")[2].strip().decode() for uid, text in fields.items()}

    def idle(self):
        """Begins IDLE; returns after the continuation."""
        tag = self.begin("IDLE")
        while not self.read_response().startswith(b"+ "):
            pass
        return tag

    def wait_exists(self, least=1):
        """Within IDLE: waits for an EXISTS of at least so many messages; returns the number."""
        while True:
            match = re.match(rb"\* (\d+) EXISTS", self.read_response())
            if match and int(match.group(1)) >= least:
                return int(match.group(1))

    def done(self, tag):
        self.send(b"DONE\r\n")
        return self.finish(tag)

    def wait_messages(self, least=1):
        """Selects INBOX and waits until it holds so many messages; returns {uid: octets}."""
        exists = int(self.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))
        if exists < least:
            tag = self.idle()
            self.wait_exists(least)
            self.done(tag)
        return self.fetch()


class Smtp(Connection):
    def __init__(self, port, tls=True, timeout=GUARD * PATIENCE, context=None, greeting=True, host="127.0.0.1"):
        super().__init__(port, tls, timeout, context, host)
        self.greeting = self.reply() if greeting else None
        self.extensions = []

    def reply(self):
        """(code, text); the lines of a long reply are joined by LF."""
        texts = []
        while True:
            line = self.read_line().decode("utf-8", "replace")
            texts.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(texts)

    def command(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def ehlo(self, name="[127.0.0.1]"):
        code, text = self.command(f"EHLO {name}")
        assert code == 250, (code, text)
        self.extensions = text.split("\n")[1:]
        return self.extensions

    def start_tls(self):
        self.ehlo()
        code, text = self.command("STARTTLS")
        assert code == 220, (code, text)
        self._wrap()

    def auth(self, account):
        secret = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
        return self.command(f"AUTH PLAIN {secret}")

    def login(self, account):
        self.ehlo()
        code, text = self.auth(account)
        assert code == 235, (code, text)

    def envelope(self, sender, recipients):
        """MAIL, RCPT and DATA in one flight, as clients do it; returns all replies."""
        lines = [f"MAIL FROM:<{sender}> BODY=8BITMIME SMTPUTF8", *(f"RCPT TO:<{r}>" for r in recipients), "DATA"]
        self.send("".join(line + "\r\n" for line in lines))
        return [self.reply() for _ in lines]

    def send_message(self, sender, recipients, message):
        """The reply to the end of DATA, or the first refusal before it; then nothing is sent."""
        replies = self.envelope(sender, recipients)
        refusals = [reply for reply in replies if reply[0] >= 400]
        if refusals:
            if replies[-1][0] == 354:
                self.close()
            else:
                self.command("RSET")
            return refusals[0]
        self.send(stuff(message) + b".\r\n")
        return self.reply()


def stuff(message):
    """Dots doubled at line starts; ends with CRLF."""
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", message)
