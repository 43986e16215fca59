# SPDX-License-Identifier: MIT
"""The web over real sockets: every route, every refusal, rude clients, and what the log keeps to itself."""
import concurrent.futures
import gzip
import json
import os
import re
import subprocess
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

import pytest
import wire
from relay import DOMAIN, NO_RATE, Account, Relay, Service, run_martlet, wait_until
from test_operation import certificate
from timelimit import PATIENCE

PUBLIC = "relay.example"
HSTS = "Strict-Transport-Security"


def signed_certificate(folder, name):
    """One that somebody else has signed: as far as a server can tell, clients can verify it."""
    (folder / "authority").mkdir()
    issuer, issuer_key = certificate(folder / "authority", "Some Authority")
    cert, key, request, names = (folder / n for n in ("cert.pem", "key.pem", "request.pem", "names"))
    names.write_text(f"subjectAltName=DNS:{name}\n")
    make_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key]
    sign = ["-CA", issuer, "-CAkey", issuer_key, "-CAcreateserial", "-days", "30", "-extfile", names]
    for command in (
        ["openssl", "req", *make_key, "-subj", f"/CN={name}", "-out", request],
        ["openssl", "x509", "-req", "-in", request, *sign, "-out", cert],
    ):
        subprocess.run(command, check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def public(tmp_path_factory):
    cert, key = signed_certificate(tmp_path_factory.mktemp("public"), PUBLIC)
    settings = {**NO_RATE, "mail_domain": PUBLIC, "tls_external_cert_and_key": f"{cert} {key}"}
    with Service(settings=settings) as relay:
        yield relay
        relay.check_log()


def ask(relay, target, method="GET", host=PUBLIC, port=443, **headers):
    """(status, headers, body); header names with _ for -."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return relay.request(target, method=method, port=port, host=host, headers=named)


def post_new(relay, query="", host=DOMAIN):
    status, headers, body = relay.request("/new" + query, method="POST", host=host)
    assert headers["Content-Type"] == "application/json" and headers["Cache-Control"] == "no-store"
    return status, json.loads(body), headers


# ---- an account ----


def test_new(relay):
    """What clients get opens: the account exists from its first login."""
    status, offer, _ = post_new(relay)
    assert status == 200 and set(offer) == {"email", "password", "dclogin_url"}
    assert re.fullmatch(r"[a-z0-9]{9}@" + re.escape(DOMAIN), offer["email"]) and len(offer["password"]) >= 12
    with relay.imap(Account(offer["email"], offer["password"])) as imap:
        imap.ok("SELECT INBOX")
    link = urllib.parse.urlsplit(offer["dclogin_url"])
    query = dict(urllib.parse.parse_qsl(link.query))
    assert link.scheme == "dclogin" and link.path == offer["email"] and query["p"] == offer["password"]
    assert (query["ih"], query["sh"], query["ic"], query["v"]) == ("127.0.0.1", "127.0.0.1", "3", "1")
    assert (int(query["ip"]), int(query["sp"])) == (relay.port(993), relay.port(465))


@pytest.mark.parametrize("target", ["/new", f"https://{DOMAIN}/new", "/cgi-bin/newemail.py"])
def test_new_as_clients_ask(relay, target):
    """Octet for octet: no length, no body, no other field; it is answered, and no body waited for, which would end in 408."""
    time.sleep(0.6)
    with relay.front() as c:
        c.send(f"POST {target} HTTP/1.1\r\nhost: {DOMAIN}\r\n\r\n")
        assert c.read_line() == b"HTTP/1.1 200 OK"


def test_new_get_with_a_self_signed_certificate(relay):
    time.sleep(0.6)
    status, headers, body = relay.request("/new")
    assert status == 200 and headers["Cache-Control"] == "no-store" and "dclogin_url" in json.loads(body)


def test_new_of_a_public_relay(public):
    status, offer, _ = post_new(public, host=PUBLIC)
    assert status == 200 and set(offer) == {"email", "password"}
    token = "A" * 22
    for target, link in (
        ("/new", f"dcaccount:https://{PUBLIC}:{public.port(443)}/new"),
        (f"/new?t={token}", f"dcaccount:https://{PUBLIC}:{public.port(443)}/new?t={token}"),
        ("/new?t=..", f"dcaccount:https://{PUBLIC}:{public.port(443)}/new"),
    ):
        status, headers, _ = ask(public, target)
        assert (status, headers["Location"], headers["Cache-Control"]) == (301, link, "no-store")


def test_flood_of_new():
    """Five at once, then two a second; whoever asks more hears when to come back, and mail goes on."""
    with Relay(settings=NO_RATE) as relay:
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            began = time.monotonic()
            results = list(pool.map(lambda _: post_new(relay), range(200)))
            took = time.monotonic() - began
        made = [offer for status, offer, _ in results if status == 200]
        refused = [(offer, headers) for status, offer, headers in results if status == 429]
        assert len(made) + len(refused) == 200
        assert 5 <= len(made) <= 6 + 2 * took
        assert len({offer["email"] for offer in made}) == len(made)
        for offer, headers in refused:
            assert int(headers["Retry-After"]) >= 1 and "Please try again in" in offer["reason"]
        relay.new_account()
        time.sleep(1.2)
        assert [post_new(relay)[0] for _ in range(2)] == [200, 200]


def test_closed():
    with Relay(settings={**NO_RATE, "registration": "closed"}) as relay:
        status, offer, _ = post_new(relay)
        assert status == 403 and offer == {"reason": "This relay does not take new accounts."}
        status, _, body = relay.request("/")
        assert status == 200 and b"dclogin:" not in body and b"DCACCOUNT:" not in body


def test_short_of_memory():
    with Relay(settings={**NO_RATE, "min_available_memory": "100000G"}) as relay:
        status, offer, headers = post_new(relay)
        assert status == 503 and "later" in offer["reason"] and int(headers["Retry-After"]) > 0


def test_by_invitation():
    """The token is in links and in requests, and nowhere in the log."""
    with Relay(settings={**NO_RATE, "registration": "invite"}) as relay:
        done = run_martlet("invite", "--dir", relay.state, "--uses", 1, "--json")
        token = json.loads(done.stdout)["token"]
        status, offer, _ = post_new(relay)
        assert status == 403 and "by invitation only" in offer["reason"]
        for wrong in ("A" * 22, "x", "%00", "A" * 3000):
            status, offer, _ = post_new(relay, f"?t={wrong}")
            assert status == 403 and "reason" in offer
            time.sleep(0.5)
        status, _, body = relay.request(f"/?t={token}")
        assert status == 200 and b"dclogin:" in body and f'href="/de/?t={token}"'.encode() in body
        status, offer, _ = post_new(relay, f"?t={token}")
        assert status == 200
        time.sleep(1)
        relay.imap(Account(offer["email"], offer["password"])).close()
        status, offer, _ = post_new(relay, f"?t={token}")
        assert status == 403 and "not valid" in offer["reason"]
        assert token not in relay.log() and "?t=" not in relay.log()


# ---- pages ----


def test_pages(public):
    etags = set()
    for path in ("/", "/info", "/privacy", "/index.html", "/info.html", "/de/", "/fa/info", "/ru/privacy"):
        status, headers, body = ask(public, path)
        assert status == 200 and headers["Content-Type"] == "text/html; charset=utf-8", path
        assert b"</html>" in body and b"<script" not in body and b" style=" not in body
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers[HSTS] == "max-age=31536000"
        etags.add(headers["ETag"])
    assert len(etags) >= 6


@pytest.mark.parametrize(
    "wish,language",
    [("de", "de"), ("fr-CH, fr;q=0.9, en;q=0.8", "fr"), ("xx", "en"), ("", "en"), ("fa;q=0.5, ru", "ru"), ("*", "en")],
)
def test_languages(public, wish, language):
    _, headers, body = ask(public, "/", Accept_Language=wish)
    assert headers["Content-Language"] == language and f'lang="{language}"'.encode() in body
    assert "Accept-Language" in headers["Vary"]


def test_gzip_and_etag(public):
    _, plain_headers, plain = ask(public, "/info")
    _, packed_headers, packed = ask(public, "/info", Accept_Encoding="br, gzip")
    assert packed_headers["Content-Encoding"] == "gzip" and gzip.decompress(packed) == plain
    assert len(packed) < len(plain) and packed_headers["ETag"] != plain_headers["ETag"]
    assert "Accept-Encoding" in plain_headers["Vary"] and "Accept-Encoding" in packed_headers["Vary"]
    assert "Content-Encoding" not in ask(public, "/info", Accept_Encoding="gzip;q=0")[1]
    for method in ("GET", "HEAD"):
        tags = f'"x", W/{plain_headers["ETag"]}'
        status, headers, body = ask(public, "/info", method=method, If_None_Match=tags)
        assert (status, body, headers["ETag"]) == (304, b"", plain_headers["ETag"])
        assert ask(public, "/info", method=method, If_None_Match=packed_headers["ETag"])[0] == 200


def test_head(public):
    for path in ("/", "/info", "/style.css", "/robots.txt", "/none", f"/qr-chatmail-invite-{PUBLIC}.png"):
        status, headers, body = ask(public, path)
        head_status, head_headers, head_body = ask(public, path, method="HEAD")
        assert (head_status, head_body, head_headers["Content-Length"]) == (status, b"", str(len(body)))
        assert {k for k, _ in head_headers.items()} == {k for k, _ in headers.items()}


def test_not_found_and_not_allowed(public):
    status, headers, body = ask(public, "/nowhere")
    assert status == 404 and headers["Content-Type"].startswith("text/html") and b"</html>" in body
    for method, path, allow in (
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/info", "GET, HEAD"),
        ("OPTIONS", "/new", "GET, HEAD, POST"),
        ("PUT", "/robots.txt", "GET, HEAD"),
    ):
        status, headers, _ = ask(public, path, method=method)
        assert (status, headers["Allow"]) == (405, allow)


def test_codes(public, tmp_path):
    """Both pictures are read back; a camera sees the link and nothing else."""
    link = f"DCACCOUNT:https://{PUBLIC}:{public.port(443)}/new"
    for name, kind in (("png", "image/png"), ("svg", "image/svg+xml")):
        status, headers, body = ask(public, f"/qr-chatmail-invite-{PUBLIC}.{name}")
        assert status == 200 and headers["Content-Type"] == kind
        picture = tmp_path / f"code.{name}"
        picture.write_bytes(body)
        if name == "svg":
            assert ElementTree.fromstring(body).tag == "{http://www.w3.org/2000/svg}svg"
            continue
        done = subprocess.run(["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, timeout=60 * PATIENCE)
        assert done.stdout.strip() == link
    assert link.encode() in ask(public, "/")[2]


def test_home_in_development(relay):
    """Nothing leads to this domain, so each visitor gets a login of his own that works as it stands."""
    time.sleep(1)
    status, headers, body = relay.request("/")
    assert status == 200 and headers["Cache-Control"] == "no-store" and HSTS not in headers
    link = re.search(rb'href="(dclogin:[^"]+)"', body)[1].decode().replace("&amp;", "&")
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(link).query))
    assert int(query["ip"]) == relay.port(993)
    relay.imap(Account(urllib.parse.urlsplit(link).path, query["p"])).close()
    assert relay.request(f"/qr-chatmail-invite-{DOMAIN}.png")[0] == 404


# ---- hosts and small files ----


def test_hosts(public):
    home = f"https://{PUBLIC}:{public.port(443)}"
    for host, target, location in (
        (f"www.{PUBLIC}", "/info?x=1", f"{home}/info?x=1"),
        (f"mta-sts.{PUBLIC}", "/info", f"{home}/"),
        (f"autoconfig.{PUBLIC}", "/", f"{home}/"),
    ):
        status, headers, _ = ask(public, target, host=host)
        assert (status, headers["Location"]) == (301, location)
    for host in ("mx.example", "192.0.2.7", f"sub.{PUBLIC}", PUBLIC.upper()):
        assert ask(public, "/info", host=host)[0] == 200
    wanted = "version: STSv1\r\nmode: enforce\r\nmx: relay.example\r\nmax_age: 2419200\r\n"
    for host in (PUBLIC, f"mta-sts.{PUBLIC}"):
        assert ask(public, "/.well-known/mta-sts.txt", host=host)[2].decode() == wanted


def test_no_policy_without_a_public_certificate(relay):
    assert relay.request("/.well-known/mta-sts.txt")[0] == 404
    for path in ("/info", "/style.css", "/nowhere"):
        assert HSTS not in relay.request(path)[1]


@pytest.mark.parametrize(
    "host,target",
    [
        (PUBLIC, "/.well-known/autoconfig/mail/config-v1.1.xml"),
        (f"autoconfig.{PUBLIC}", "/mail/config-v1.1.xml?emailaddress=a%40relay.example"),
    ],
)
def test_autoconfig(public, host, target):
    status, headers, body = ask(public, target, host=host)
    assert status == 200 and headers["Content-Type"].startswith("text/xml")
    provider = ElementTree.fromstring(body).find("emailProvider")
    assert provider.get("id") == provider.findtext("domain") == provider.findtext("displayShortName") == PUBLIC
    servers = [
        (s.tag, s.get("type"), s.findtext("hostname"), int(s.findtext("port")), s.findtext("socketType"))
        for s in provider
        if s.tag.endswith("Server")
    ]
    incoming, outgoing = ("incomingServer", "imap", PUBLIC), ("outgoingServer", "smtp", PUBLIC)
    assert servers == [
        (*incoming, public.port(993), "SSL"),
        (*incoming, public.port(143), "STARTTLS"),
        (*incoming, public.port(443), "SSL"),
        (*outgoing, public.port(465), "SSL"),
        (*outgoing, public.port(587), "STARTTLS"),
        (*outgoing, public.port(443), "SSL"),
    ]
    assert {s.findtext("username") for s in provider if s.tag.endswith("Server")} == {"%EMAILADDRESS%"}


@pytest.mark.parametrize("port", [80, 443])
def test_captive_portal_probe(public, port):
    status, headers, body = ask(
        public, "/generate_204", port=port, X_Tailscale_Challenge="ts_1", X_Iroh_Challenge="a b"
    )
    assert (status, body, headers["X-Tailscale-Response"]) == (204, b"", "response ts_1")
    assert "X-Iroh-Response" not in headers


def test_port_80(public):
    secure = f":{public.port(443)}"
    for host, target, location in (
        (PUBLIC, "/info?x", f"https://{PUBLIC}{secure}/info?x"),
        (f"www.{PUBLIC}", "/", f"https://www.{PUBLIC}{secure}/"),
        ("evil.example", "/x", f"https://{PUBLIC}{secure}/x"),
        (f"{PUBLIC}.evil.example", "/", f"https://{PUBLIC}{secure}/"),
    ):
        for method in ("GET", "HEAD", "POST", "DELETE"):
            status, headers, _ = ask(public, target, method=method, host=host, port=80)
            assert (status, headers["Location"]) == (301, location)
            assert HSTS not in headers
    assert ask(public, "/.well-known/acme-challenge/none", port=80)[0] == 404


# ---- rude clients ----


def exchange(relay, request, port=443):
    """All that the relay says to these octets until it closes."""
    c = relay.front() if port == 443 else wire.Connection(relay.port(port), tls=False)
    with c:
        c.send(request)
        return c.read_to_end()


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/info/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "/%2e%2e%5cetc%5cpasswd",
        "/..\\..\\etc\\passwd",
        "//etc/passwd",
        "/./info",
        "/info%00.html",
        "/style.css/../strings/en.json",
        "/strings/en.json",
        "/_head.html",
        "/etc/passwd",
        "/file:///etc/passwd",
        "/%c0%ae%c0%ae/etc/passwd",
    ],
)
def test_traversal(public, target):
    answer = exchange(public, f"GET {target} HTTP/1.1\r\nHost: {PUBLIC}\r\nConnection: close\r\n\r\n")
    assert re.match(rb"HTTP/1.1 (400|404) ", answer), answer[:200]
    assert b"root:" not in answer


HOST = f"Host: {PUBLIC}\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
SECOND = f"GET /smuggled HTTP/1.1\r\n{HOST}\r\n"


@pytest.mark.parametrize(
    "request_text",
    [
        f"POST /new HTTP/1.1\r\n{HOST}Content-Length: 4\r\n{CHUNKED}\r\n0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Content-Length: 0\r\nContent-Length: 5\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Content-Length: 0, 5\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Content-Length: +0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Content-Length: 0x0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Content-Length : 0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Transfer-Encoding: xchunked\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.0\r\n{HOST}{CHUNKED}\r\n0\r\n\r\n{SECOND}",
        f"POST /new HTTP/1.1\r\n{HOST}X: a\r\n Content-Length: 5\r\n\r\n{SECOND}",
        f"GET / HTTP/1.1\r\n{HOST}{HOST}\r\n{SECOND}",
        f"GET / HTTP/1.1\r\n{HOST}X: a\x00b\r\n\r\n{SECOND}",
        f"GET / HTTP/1.1\r\n{HOST}X: a\rContent-Length: 3\r\n\r\n{SECOND}",
        f"GET / HTTP/1.1\r\n\r\n{SECOND}",
        f"GET  / HTTP/1.1\r\n{HOST}\r\n{SECOND}",
        f"GET / HTTP/1.1 \r\n{HOST}\r\n{SECOND}",
        f"GET / HTTP/2.0\r\n{HOST}\r\n{SECOND}",
        f"GET /\r\n{HOST}\r\n{SECOND}",
        f"GET http://{PUBLIC}@evil.example/ HTTP/1.1\r\n{HOST}\r\n{SECOND}",
        f"CONNECT {PUBLIC}:443 HTTP/1.1\r\n{HOST}\r\n{SECOND}",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        "EHLO mail.example\r\n\r\n",
    ],
)
@pytest.mark.parametrize("port", [80, 443])
def test_smuggling(public, port, request_text):
    """One refusal and the end of the connection: what came behind is never a request."""
    answer = exchange(public, request_text.encode("latin-1"), port)
    assert re.match(rb"HTTP/1.1 (4\d\d|50[15]) ", answer), answer[:300]
    assert answer.count(b"HTTP/1.1 ") == 1 and b"smuggled" not in answer


@pytest.mark.parametrize(
    "head,status",
    [
        (f"GET /{'a' * 9000} HTTP/1.1\r\n{HOST}\r\n", b"414"),
        (f"GET / HTTP/1.1\r\n{HOST}X: {'a' * 9000}\r\n\r\n", b"431"),
        (f"GET / HTTP/1.1\r\n{HOST}" + "X: y\r\n" * 1200 + "\r\n", b"431"),
        (f"GET / HTTP/1.1\r\n{HOST}" + f"X: {'a' * 4000}\r\n" * 20 + "\r\n", b"431"),
    ],
)
def test_too_much(public, head, status):
    assert exchange(public, head).split(b" ")[1] == status


def test_pipelining_and_keep_alive(public):
    """Many requests on one connection, answers in their order, bodies read away."""
    with public.front() as c:
        get = f"GET /robots.txt HTTP/1.1\r\n{HOST}\r\n"
        post = f"POST /robots.txt HTTP/1.1\r\n{HOST}Content-Length: 22\r\n\r\nGET /evil HTTP/1.1\r\n\r\n"
        c.send((get + post) * 10 + f"GET /none HTTP/1.1\r\n{HOST}Connection: close\r\n\r\n")
        answer = c.read_to_end()
    assert re.findall(rb"HTTP/1.1 (\d\d\d) ", answer) == [b"200", b"405"] * 10 + [b"404"]


def test_slow_clients(public):
    """An octet now and then holds nothing for long, however many come; others do not notice."""
    slow = [public.front() for _ in range(10)]
    silent = public.front()
    for c in slow:
        c.send("GET / HT")
    octets = iter(f"TP/1.1\r\n{HOST}" + "X: y\r\n" * 40)
    open_ones = set(slow)
    while open_ones:
        octet = next(octets)  # it does not come to the end
        for c in list(open_ones):
            try:
                c.send(octet)
            except OSError:
                open_ones.discard(c)
                continue
            if not c.is_silent(0.01) or c.buffer:
                assert c.read_to_end().startswith(b"HTTP/1.1 408 ")
                open_ones.discard(c)
        assert ask(public, "/robots.txt")[0] == 200
        time.sleep(0.5)
    for c in (*slow, silent):
        c.close()


def test_clients_that_leave(relay):
    """Gone before the answer: nothing is left behind (the sanitizers would say so at the end)."""
    for _ in range(30):
        with relay.front() as c:
            c.send(f"POST /new HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\nGET / HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
    assert relay.request("/robots.txt")[0] == 200


# ---- operation ----


def test_reload_changes_pages_and_registration():
    with Service(settings=NO_RATE) as relay:
        assert b"operator@example.org" not in relay.request("/privacy")[2]
        before = relay.request("/privacy")[1]["ETag"]
        with relay.front() as held:
            held.send(f"GET /privacy HTTP/1.1\r\nHost: {DOMAIN}\r\n\r\n")
            assert held.read_line() == b"HTTP/1.1 200 OK"
            relay.reload(privacy_mail="operator@example.org", registration="closed")
            wait_until(lambda: b"operator@example.org" in relay.request("/privacy")[2], 10, "the new page")
            time.sleep(0.6)
        assert relay.request("/privacy")[1]["ETag"] != before
        assert post_new(relay)[0] == 403
        assert relay.request(f"/qr-chatmail-invite-{DOMAIN}.png")[0] == 404


def test_own_files(tmp_path):
    """www_folder: a file of one's own is served, a broken one is named and ours takes its place."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "hello.txt").write_text("hello from the operator\n")
    (folder / "robots.txt").write_text("User-agent: *\nAllow: /\n")
    (folder / "info.html").write_text("{{#never_closed}} broken")
    os.symlink("/etc/passwd", folder / "link.txt")
    with Relay(settings={**NO_RATE, "www_folder": str(folder)}) as relay:
        assert relay.request("/hello.txt")[2] == b"hello from the operator\n"
        assert relay.request("/robots.txt")[2] == b"User-agent: *\nAllow: /\n"
        status, _, body = relay.request("/info")
        assert status == 200 and b"</html>" in body and b"never_closed" not in body
        assert "info.html" in relay.log()
        assert b"root:" not in relay.request("/link.txt")[2]


def test_log_keeps_requests_to_itself(relay):
    token = "B" * 22
    for target in (f"/?t={token}", f"/new?t={token}", f"/secret-{token}", f"/..{token}"):
        exchange(relay, f"GET {target} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n")
        exchange(relay, f"GET {target} HTTP/1.1\r\nHost: {DOMAIN}\r\nConnection: close\r\n\r\n", 80)
    assert token not in relay.log()
