# SPDX-License-Identifier: MIT
"""Makes messages as Delta Chat writes them, from random octets: a PGP/MIME message needs no key to look like one.

OpenPGP packets follow RFC 9580 (sections 4.2, 5.1, 5.13), the armor section 6, PGP/MIME RFC 3156.
"""
import base64
import secrets
import uuid

CRLF = "\r\n"


def packet(kind, body):
    """A packet with a new format header."""
    n = len(body)
    if n < 192:
        length = bytes([n])
    elif n < 8384:
        length = bytes([((n - 192) >> 8) + 192, (n - 192) & 0xFF])
    else:
        length = b"\xff" + n.to_bytes(4, "big")
    return bytes([0xC0 | kind]) + length + body


def partial_packet(kind, body, chunk_power=9):
    """The same body in partial chunks of 2**chunk_power octets and a last one with a definite length."""
    chunk = 1 << chunk_power
    out = bytes([0xC0 | kind])
    while len(body) > chunk:
        out += bytes([224 + chunk_power]) + body[:chunk]
        body = body[chunk:]
    return out + packet(kind, body)[1:]


def mpi(octets):
    value = int.from_bytes(octets, "big")
    return value.bit_length().to_bytes(2, "big") + value.to_bytes((value.bit_length() + 7) // 8, "big")


def pkesk():
    """A public-key encrypted session key packet, version 3, for ECDH on Curve25519."""
    point = b"\x40" + secrets.token_bytes(32)
    wrapped = secrets.token_bytes(48)
    return packet(1, b"\x03" + secrets.token_bytes(8) + bytes([18]) + mpi(point) + bytes([len(wrapped)]) + wrapped)


def skesk():
    """A symmetric-key encrypted session key packet, version 4: AES-256, iterated and salted S2K."""
    return packet(3, bytes([4, 9, 3, 8]) + secrets.token_bytes(8) + b"\x60")


def seipd(payload):
    """Symmetrically encrypted, integrity protected data, version 1."""
    return packet(18, b"\x01" + payload)


def encrypted_octets(payload_size=1200, recipients=1, payload=None):
    payload = secrets.token_bytes(payload_size) if payload is None else payload
    return b"".join(pkesk() for _ in range(recipients)) + seipd(payload)


def crc24(octets):
    crc = 0xB704CE
    for octet in octets:
        crc ^= octet << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc & 0xFFFFFF


def armor(octets, crc=True):
    text = base64.b64encode(octets).decode()
    lines = ["-----BEGIN PGP MESSAGE-----", ""]
    lines += [text[i : i + 64] for i in range(0, len(text), 64)]
    if crc:
        lines.append("=" + base64.b64encode(crc24(octets).to_bytes(3, "big")).decode())
    lines.append("-----END PGP MESSAGE-----")
    return CRLF.join(lines) + CRLF


def new_id():
    return f"<{uuid.uuid4()}@localhost>"


def header(sender, message_id=None, subject="[...]", extra=()):
    lines = [
        f"From: <{sender}>",
        "Date: Sat, 14 Nov 2026 08:15:42 +0000",
        f"Message-ID: {message_id or new_id()}",
        "MIME-Version: 1.0",
        'To: "hidden-recipients": ;',
        f"Subject: {subject}",
        "Chat-Version: 1.0",
        *extra,
    ]
    return CRLF.join(lines) + CRLF


def encrypted(sender, message_id=None, size=1200, crc=None, octets=None, subject="[...]", extra=(), epilogue=""):
    """A PGP/MIME message whose ciphertext is random. By default the armor has a CRC line unless that costs too much."""
    octets = encrypted_octets(size) if octets is None else octets
    crc = len(octets) < 100_000 if crc is None else crc
    boundary = secrets.token_hex(16)
    return (
        header(sender, message_id, subject, extra)
        + 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; \r\n'
        + f'\tboundary="{boundary}"\r\n\r\n\r\n'
        + f"--{boundary}\r\n"
        + 'Content-Type: application/pgp-encrypted; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n'
        + "Version: 1\r\n\r\n"
        + f"--{boundary}\r\n"
        + 'Content-Type: application/octet-stream; charset="utf-8"\r\nContent-Transfer-Encoding: 7bit\r\n\r\n'
        + armor(octets, crc)
        + f"\r\n--{boundary}--\r\n{epilogue}"
    ).encode()


def securejoin_request(sender, recipient, step="vc-request"):
    """The one thing that may be said in clear text: the first step of the older handshake."""
    boundary = secrets.token_hex(16)
    return (
        f"Subject: [...]\r\nFrom: <{sender}>\r\nTo: <{recipient}>\r\nMessage-ID: {new_id()}\r\n"
        "Date: Sat, 14 Nov 2026 08:15:42 +0000\r\nChat-Version: 1.0\r\n"
        f"Secure-Join: {step}\r\nSecure-Join-Invitenumber: {secrets.token_urlsafe(18)}\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSecure-Join: {step}\r\n\r\n"
        f"--{boundary}--\r\n"
    ).encode()


def plain(sender, recipient="someone", text="Nothing is hidden here."):
    return (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nMessage-ID: {new_id()}\r\nSubject: Clear text\r\n"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n"
    ).encode()


def read_receipt(sender, recipient):
    """A clear text read receipt (RFC 8098), which no relay takes."""
    boundary = secrets.token_hex(16)
    return (
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nMessage-ID: {new_id()}\r\nSubject: Read\r\nMIME-Version: 1.0\r\n"
        "Auto-Submitted: auto-replied\r\n"
        f'Content-Type: multipart/report; report-type=disposition-notification; boundary="{boundary}"\r\n\r\n'
        f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nIt was read.\r\n"
        f"--{boundary}\r\nContent-Type: message/disposition-notification\r\n\r\n"
        f"Original-Message-ID: {new_id()}\r\nDisposition: manual-action/MDN-sent-automatically; displayed\r\n"
        f"--{boundary}--\r\n"
    ).encode()


def setup_message(sender):
    """An Autocrypt Setup Message, which one may send to oneself."""
    boundary = secrets.token_hex(16)
    return (
        f"From: <{sender}>\r\nTo: <{sender}>\r\nMessage-ID: {new_id()}\r\nSubject: Autocrypt Setup Message\r\n"
        "Autocrypt-Setup-Message: v1\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n"
        f"--{boundary}\r\nContent-Type: text/plain\r\n\r\nKeep this message.\r\n"
        f"--{boundary}\r\nContent-Type: application/autocrypt-setup\r\n\r\n<html><body><pre>\r\n"
        + armor(skesk() + seipd(secrets.token_bytes(800)))
        + f"</pre></body></html>\r\n--{boundary}--\r\n"
    ).encode()


def parse_header(message):
    """[(name, value)] of the header of a message, unfolded."""
    head = message.partition(b"\r\n\r\n")[0].decode("utf-8", "replace")
    fields = []
    for line in head.split("\r\n"):
        if line[:1] in (" ", "\t") and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + line)
        else:
            name, _, value = line.partition(":")
            fields.append((name, value.strip()))
    return fields


def header_values(message, name):
    return [value for n, value in parse_header(message) if n.lower() == name.lower()]


def body_of(message):
    return message.partition(b"\r\n\r\n")[2]
