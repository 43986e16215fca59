# SPDX-License-Identifier: MIT
"""OpenDKIM's library (libopendkim.so.11), with key records from a file of lines "query-name text"."""
import ctypes
import re

ED25519_FEATURE = 11
OK = 0
_SETOPT, _QUERYMETHOD, _QUERYINFO, _SIGNHDRS, _OVERSIGNHDRS = 1, 6, 7, 4, 5
_QUERY_FILE = 1
CANON = {"simple": 0, "relaxed": 1}
ALGORITHM = {"rsa-sha256": 1, "ed25519-sha256": 2}

_lib = ctypes.CDLL("libopendkim.so.11")
_pointer, _text, _int = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
for _name, _result, _arguments in (
    ("dkim_init", _pointer, [_pointer, _pointer]),
    ("dkim_close", None, [_pointer]),
    ("dkim_options", _int, [_pointer, _int, _int, _pointer, ctypes.c_size_t]),
    ("dkim_libfeature", ctypes.c_bool, [_pointer, ctypes.c_uint]),
    ("dkim_verify", _pointer, [_pointer, _text, _pointer, ctypes.POINTER(_int)]),
    (
        "dkim_sign",
        _pointer,
        [_pointer, _text, _pointer, _text, _text, _text, _int, _int, _int, ctypes.c_ssize_t, ctypes.POINTER(_int)],
    ),
    ("dkim_header", _int, [_pointer, _text, ctypes.c_size_t]),
    ("dkim_eoh", _int, [_pointer]),
    ("dkim_body", _int, [_pointer, _text, ctypes.c_size_t]),
    ("dkim_eom", _int, [_pointer, ctypes.POINTER(ctypes.c_bool)]),
    ("dkim_getsighdr_d", _int, [_pointer, ctypes.c_size_t, ctypes.POINTER(_pointer), ctypes.POINTER(ctypes.c_size_t)]),
    ("dkim_getresultstr", _text, [_int]),
    ("dkim_geterror", _text, [_pointer]),
    ("dkim_free", _int, [_pointer]),
):
    _function = getattr(_lib, _name)
    _function.restype, _function.argtypes = _result, _arguments


class OpenDkim:
    def __init__(self, keys_path):
        self.lib = _lib.dkim_init(None, None)
        method = _int(_QUERY_FILE)
        path = ctypes.create_string_buffer(str(keys_path).encode())
        assert _lib.dkim_options(self.lib, _SETOPT, _QUERYMETHOD, ctypes.byref(method), ctypes.sizeof(method)) == OK
        assert _lib.dkim_options(self.lib, _SETOPT, _QUERYINFO, path, len(path)) == OK

    def close(self):
        _lib.dkim_close(self.lib)

    def has_ed25519(self):
        return _lib.dkim_libfeature(self.lib, ED25519_FEATURE)

    def sign_only(self, names):
        """Which fields are signed, and how often one more than there are: names ending in "+" are oversigned."""
        for option, chosen in (
            (_SIGNHDRS, [n.rstrip("+") for n in names]),
            (_OVERSIGNHDRS, [n[:-1] for n in names if n.endswith("+")]),
        ):
            array = (_text * (len(chosen) + 1))(*[n.encode() for n in chosen], None)
            assert _lib.dkim_options(self.lib, _SETOPT, option, array, ctypes.sizeof(_pointer)) == OK

    def _feed(self, dkim, message):
        header, _, body = message.partition(b"\r\n\r\n")
        if body and not body.endswith(b"\r\n"):
            body += b"\r\n"  # relaxed, it insists on what SMTP always sends
        for field in re.split(rb"\r\n(?![ \t])", header):
            assert _lib.dkim_header(dkim, field, len(field)) == OK, field
        status = _lib.dkim_eoh(dkim)
        if status == OK and body:
            status = _lib.dkim_body(dkim, body, len(body))
        return status if status != OK else _lib.dkim_eom(dkim, None)

    def verify(self, message):
        """"ok" or what is wrong."""
        status = _int()
        dkim = _lib.dkim_verify(self.lib, b"test", None, ctypes.byref(status))
        assert dkim
        result = self._feed(dkim, message)
        error = _lib.dkim_geterror(dkim)
        _lib.dkim_free(dkim)
        return "ok" if result == OK else f"{_lib.dkim_getresultstr(result)} {error}"

    def sign(self, message, pem, domain, selector, canon, algorithm="rsa-sha256", length=-1):
        """The DKIM-Signature field. `length` is l=: -1 for none, 0 for the whole body."""
        status = _int()
        header, body = (CANON[name] for name in canon.split("/"))
        dkim = _lib.dkim_sign(
            self.lib, b"test", None, pem, selector.encode(), domain.encode(), header, body, ALGORITHM[algorithm],
            length, ctypes.byref(status),
        )
        assert dkim, status.value
        result = self._feed(dkim, message)
        assert result == OK, (_lib.dkim_getresultstr(result), _lib.dkim_geterror(dkim))
        text, size = _pointer(), ctypes.c_size_t()
        assert _lib.dkim_getsighdr_d(dkim, len("DKIM-Signature: "), ctypes.byref(text), ctypes.byref(size)) == OK
        value = ctypes.string_at(text, size.value)
        _lib.dkim_free(dkim)
        return b"DKIM-Signature: " + re.sub(rb"\r?\n", b"\r\n", value) + b"\r\n"
