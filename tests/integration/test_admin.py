# SPDX-License-Identifier: MIT
"""The operator's side: `martlet account` and `martlet invite`."""
import contextlib
import json
import os
import pathlib
import pty
import re
import subprocess
import tempfile
import threading
import time

import mail
from admin import Control, refused, run
from relay import DOMAIN, NO_RATE, Account, Relay, Service, binary_path, run_martlet
from timelimit import PATIENCE

INVITE = {**NO_RATE, "registration": "invite"}


def send_one(relay, sender, receiver):
    with relay.smtp(sender) as smtp:
        return smtp.send_message(sender.address, [receiver.address], mail.encrypted(sender.address))


def send_refused(relay, sender, receiver):
    """Either the login is refused or the message."""
    try:
        return send_one(relay, sender, receiver)[0] >= 500
    except Exception as error:  # of the login
        return "535" in str(error) or "55" in str(error)


def count(relay, account):
    with relay.imap(account) as imap:
        return int(imap.ok("SELECT INBOX").find(rb"\* (\d+) EXISTS").group(1))


# ---- accounts ----


def utc_day():
    return time.strftime("%Y-%m-%d", time.gmtime())


def test_account_commands():
    with Relay(settings=NO_RATE) as relay:
        assert run(relay, "account", "list").stdout == "there is no account yet\n"
        assert run(relay, "account", "list", "--json").stdout == ""
        before = utc_day()
        account, sender = relay.new_account(), relay.new_account()
        assert send_one(relay, sender, account)[0] == 250
        shown = json.loads(run(relay, "account", "show", account.address, "--json").stdout)
        today = shown["last_login"]
        assert shown["messages"] == 1 and shown["octets"] > 500 and before <= today <= utc_day()
        assert not shown["blocked"] and shown["quota"] == 500 << 20
        listed = [json.loads(line) for line in run(relay, "account", "list", "--json").stdout.splitlines()]
        assert listed[0] == {key: value for key, value in shown.items() if key != "quota"}
        table = run(relay, "account", "list").stdout.splitlines()
        assert len(table) == 3 and table[0].split() == ["address", "state", "last", "login", "messages", "size"]
        assert table[1].split()[:4] == [account.address, "active", today, "1"]
        text = run(relay, "account", "show", account.address.partition("@")[0]).stdout
        assert re.search(rf"(?m)^address +{account.address}$", text) and re.search("(?m)^messages +1$", text)
        assert re.search(r"(?m)^size +\S+ (B|KiB) of 500.0 MiB$", text)


def test_block():
    with Relay(settings=NO_RATE) as relay:
        account, other = relay.new_account(), relay.new_account()
        assert send_one(relay, other, account)[0] == 250
        held = relay.smtp(account)  # logged in before
        assert run(relay, "account", "block", account.address).stdout.startswith(f"{account.address} is blocked")
        assert json.loads(run(relay, "account", "show", account.address, "--json").stdout)["blocked"]
        assert re.search(rf"(?m)^{account.address} +blocked ", run(relay, "account", "list").stdout)
        send_one(relay, other, account)
        assert count(relay, account) == 1  # what it has, it can read; nothing new came
        assert count(relay, other) == 1  # but a bounce to the sender
        assert send_refused(relay, account, other)
        late = relay.smtp(account)  # logged in meanwhile
        assert held.send_message(account.address, [other.address], mail.encrypted(account.address))[0] >= 500
        held.close()
        run(relay, "account", "unblock", account.address)
        # A session keeps what it was told at login.
        assert late.send_message(account.address, [other.address], mail.encrypted(account.address))[0] == 550
        late.close()
        assert send_one(relay, other, account)[0] == 250
        assert send_one(relay, account, other)[0] == 250
        assert (count(relay, account), count(relay, other)) == (2, 2)


def test_delete():
    with Relay(settings=NO_RATE) as relay:
        account, other = relay.new_account(), relay.new_account()
        for _ in range(3):
            assert send_one(relay, other, account)[0] == 250
        idle = relay.imap(account)
        idle.ok("SELECT INBOX")
        idle.idle()
        bare, by_stander = relay.imap(account), relay.imap(other)
        done = run(relay, "account", "delete", account.address, "--yes").stdout
        assert done == f"{account.address} is deleted; its 3 messages are being erased\n"
        assert b"BYE" in idle.read_to_end()
        assert b"BYE" in bare.read_to_end()
        by_stander.ok("NOOP")
        by_stander.close()
        assert refused(relay, "account", "show", account.address) == f"there is no account {account.address}"
        send_one(relay, other, account)
        assert count(relay, other) == 1  # a bounce
        assert [json.loads(line)["address"] for line in run(relay, "account", "list", "--json").stdout.splitlines()] == [
            other.address
        ]
        relay.imap(Account(account.address, "another-password-1")).close()  # a new one may have the name
        with relay.imap(Account(account.address, "another-password-1")) as imap:
            assert imap.ok("SELECT INBOX").find(rb"\* 0 EXISTS")
        relay.stop()
        done = run_martlet("verify", relay.state)
        assert done.returncode == 0, done.stdout


def on_terminal(relay, *args, answer):
    """Runs a subcommand at a terminal, answers its question; its exit status and all that it showed."""
    main, side = pty.openpty()
    env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
    process = subprocess.Popen(
        [str(binary_path()), *args, "--dir", str(relay.state)], stdin=side, stdout=side, stderr=side, env=env
    )
    os.close(side)
    shown = b""
    answered = False
    with contextlib.suppress(OSError):  # the end of a terminal
        while piece := os.read(main, 4096):
            shown += piece
            if b"[y/N]" in shown and not answered:
                os.write(main, answer)
                answered = True
    os.close(main)
    return process.wait(), shown.decode()


def test_delete_asks():
    with Relay(settings=NO_RATE) as relay:
        account = relay.new_account()
        assert refused(relay, "account", "delete", account.address) == (
            "deleting cannot be undone; nobody can be asked here, so say --yes"
        )
        for no in (b"\n", b"n\n", b"\x04"):
            status, shown = on_terminal(relay, "account", "delete", account.address, answer=no)
            assert status == 1 and "nothing was deleted" in shown
            assert f"Delete {account.address} with 0 messages (0 B)?" in shown
        run(relay, "account", "show", account.address)
        status, shown = on_terminal(relay, "account", "delete", account.address, answer=b"y\n")
        assert status == 0 and f"{account.address} is deleted" in shown
        status, shown = on_terminal(relay, "account", "delete", account.address, answer=b"y\n")
        assert status == 1 and "there is no account" in shown


def test_long_list():
    """More than two pages, each account once; and a reader that stops costs no memory."""
    with Relay(settings={**NO_RATE, "max_imap_connections": "5000"}) as relay:
        accounts = set()
        lock = threading.Lock()

        def make(n):
            for _ in range(n):
                account = Account.invent()
                with relay.imap(account):
                    with lock:
                        accounts.add(account.address)

        threads = [threading.Thread(target=make, args=(300,)) for _ in range(7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        began = time.monotonic()
        lines = run(relay, "account", "list").stdout.splitlines()
        print(f"{len(lines)} lines in {time.monotonic() - began:.2f} s")
        listed = [line.split()[0] for line in lines[1:]]
        assert len(listed) == len(set(listed)) == 2100 and set(listed) == accounts
        with Control(relay) as slow:
            for _ in range(40):
                slow.send(command="account-list")
            time.sleep(1)
            with Control(relay) as control:
                assert control.ask(command="ping")[-1]["ok"]
            rss = int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{relay.child_pid()}/status").read_text())[1])
            for _ in range(40):
                assert len(slow.answer()) == 2101
            print(f"relay at {rss} KiB while a reader of 40 lists stood still")
        with Control(relay) as slow:  # does not keep the relay from ending
            for _ in range(40):
                slow.send(command="account-list")
            time.sleep(0.5)
            relay.stop()
            assert "relay.connections_cut" not in relay.log()


# ---- invitations ----


def test_invite():
    with Relay(settings=INVITE) as relay:
        done = run(relay, "invite", "--uses", "3", "--days", "2")
        link, token = re.search(rf"(?m)^(dcaccount:https://{DOMAIN}(?::\d+)?/new\?t=([\w-]{{22}}))$", done.stdout).groups()
        assert re.search(rf"(?m)^https://\S+/\?t={re.escape(token)}$", done.stdout)
        assert "good for 3 accounts, until 20" in done.stdout
        assert "█" in done.stdout
        made = json.loads(run(relay, "invite", "--json").stdout)
        assert made["uses"] == 1 and set(made) == {"token", "uses", "last_day", "link", "page"}
        listed = [json.loads(line) for line in run(relay, "invite", "list", "--json").stdout.splitlines()]
        assert {row["token"]: row["uses"] for row in listed} == {token: 3, made["token"]: 1}
        table = run(relay, "invite", "list").stdout.splitlines()
        assert len(table) == 3 and any(line.split()[0] == token and line.split()[2] == "3" for line in table)
        run(relay, "invite", "revoke", link)  # the whole link is as good
        gone = "there is no such invitation: it is used up, has expired or was revoked"
        assert refused(relay, "invite", "revoke", token) == gone
        relay.stop()
        relay.start()  # they are kept
        assert made["token"] in run(relay, "invite", "list").stdout
        run(relay, "invite", "revoke", made["token"])
        assert run(relay, "invite", "list").stdout == "there is no invitation\n"


def offer(relay, token):
    """POST /new as a client does: the account that is offered, or None."""
    status, _, body = relay.request(f"/new?t={token}", "POST")
    if status != 200:
        assert json.loads(body)["reason"]
        return None
    made = json.loads(body)
    return Account(made["email"], made["password"])


def may_log_in(relay, account):
    try:
        relay.imap(account).close()
        return True
    except Exception as error:
        assert "AUTHENTICATIONFAILED" in str(error), error
        return False


def test_invitation_makes_accounts():
    """As many as it is good for, by those who have it and by nobody else; what exists is not touched by its end."""
    with Relay(settings=INVITE) as relay:
        assert not may_log_in(relay, Account.invent())
        made = json.loads(run(relay, "invite", "--uses", "2", "--json").stdout)
        first, second, third = (offer(relay, made["token"]) for _ in range(3))
        assert may_log_in(relay, first) and may_log_in(relay, second) and may_log_in(relay, second)
        assert not may_log_in(relay, third)  # offered, but two accounts exist by now
        assert offer(relay, made["token"]) is None
        assert run(relay, "invite", "list").stdout == "there is no invitation\n"
        # Revoked between the offer and the first login.
        made = json.loads(run(relay, "invite", "--json").stdout)
        late = offer(relay, made["token"])
        run(relay, "invite", "revoke", made["token"])
        assert not may_log_in(relay, late)
        assert offer(relay, made["token"]) is None
        assert may_log_in(relay, first)
        assert len(run(relay, "account", "list", "--json").stdout.splitlines()) == 2


def test_page_of_an_invitation():
    """The link to a page leads to one, in development on this machine's own address."""
    with Relay(settings=INVITE) as relay:
        made = json.loads(run(relay, "invite", "--json").stdout)
        assert made["page"] == f"https://127.0.0.1:{relay.port(443)}/?t={made['token']}"
        status, _, body = relay.request(f"/?t={made['token']}")
        assert status == 200 and b"<html" in body.lower()


def test_challenge():
    """What the parent's helper asks for over the socket is answered on port 80 (RFC 8555 section 8.3)."""
    with Relay(settings=NO_RATE) as relay, Control(relay) as control:
        path = "/.well-known/acme-challenge/tok-en_1"
        assert relay.request(path, port=80)[0] == 404
        assert control.ask(command="challenge-set", token="tok-en_1", authorization="tok-en_1.print")[-1]["ok"]
        status, _, body = relay.request(path, port=80)
        assert (status, body.strip()) == (200, b"tok-en_1.print")
        assert control.ask(command="challenge-clear", token="tok-en_1")[-1]["ok"]
        assert relay.request(path, port=80)[0] == 404
        for token in ("", "a/b", "../x", "x" * 200):
            assert not control.ask(command="challenge-set", token=token, authorization="x")[-1]["ok"]


def test_qr_is_the_link(tmp_path):
    """The code in the terminal is decoded again."""
    with Relay(settings=INVITE) as relay:
        text = run(relay, "invite").stdout
    rows = [line for line in text.splitlines() if line and set(line) <= set("█▀▄ ")]
    scale = 6
    pixels = []
    for row in rows:
        for light in ("█▀", "█▄"):
            pixels += [" ".join(("255 " if c in light else "0 ") * scale for c in row)] * scale
    picture = tmp_path / "code.pgm"
    picture.write_text(f"P2\n{len(rows[0]) * scale} {len(pixels)}\n255\n" + "\n".join(pixels) + "\n")
    done = subprocess.run(["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, timeout=60 * PATIENCE)
    assert done.stdout.strip() == text.splitlines()[0]


def test_invitation_that_would_be_idle():
    with Relay(settings={**NO_RATE, "registration": "open"}) as relay:
        assert "no invitation is needed: registration is open" in refused(relay, "invite")
    with Relay(settings={**NO_RATE, "registration": "closed"}) as relay:
        assert "would not work: registration is closed" in refused(relay, "invite")


def test_invitation_to_an_address():
    """Clients cannot use a link to an address literal: the page is what works."""
    with Service(settings={**INVITE, "mail_domain": "127.0.0.1"}) as relay:
        done = run(relay, "invite")
        assert "dcaccount:" not in done.stdout and re.match(r"https://127\.0\.0\.1(:\d+)?/\?t=[\w-]{22}\n", done.stdout)
        assert "open this page in a browser" in done.stdout and "█" in done.stdout


# ---- mistakes ----


def test_mistakes(relay):
    cases = [
        (["account", "show", "nobodyyyy"], f"there is no account nobodyyyy@{DOMAIN}"),
        (["account", "block", "x@elsewhere.example"], f"not an address of this relay, which end with @{DOMAIN}"),
        (["account", "delete", "nobodyyyy", "--yes"], f"there is no account nobodyyyy@{DOMAIN}"),
        (["invite", "--uses", "0"], "an invitation is good for 1 to 1000000 accounts"),
        (["invite", "--days", "4000"], "an invitation lasts 1 to 3650 days"),
        (["invite", "revoke", "x"], "that is not a token"),
    ]
    for args, want in cases:
        assert want in refused(relay, *args), args


def test_misuse():
    cases = [
        (["acount", "list"], "no command acount; did you mean `martlet account`?"),
        (["invitation"], "no command invitation"),
        (["account"], "list, show, block, unblock or delete is wanted"),
        (["account", "lst"], 'no "lst" here, did you mean "list"'),
        (["account", "frobnicate"], 'what is "frobnicate"?'),
        (["account", "list", "--jsn"], "unknown option --jsn, did you mean --json"),
        (["account", "list", "--frobnicate"], "unknown option --frobnicate"),
        (["account", "show"], "show wants an address"),
        (["account", "show", "a", "b"], 'what is "b"?'),
        (["account", "list", "--dir", "a", "--config", "b"], "--config and --dir mean two different relays"),
        (["invite", "--uses", "many"], '--uses wants a number, not "many"'),
        (["invite", "--days"], "option --days wants a value"),
        (["invite", "revok", "x"], 'no "revok" here, did you mean "revoke"'),
        (["invite", "revoke"], "revoke wants a token"),
        (["invite", "list", "--uses", "3"], "--uses and --days are for a new invitation"),
    ]
    for args, want in cases:
        done = run_martlet(*args)
        assert done.returncode == 2 and done.stdout == "" and want in done.stderr, (args, done.stderr)
        assert done.stderr.count("\n") == 1


def test_no_relay():
    with tempfile.TemporaryDirectory() as empty:
        for where in (empty, empty + "/nowhere"):
            done = run_martlet("account", "list", "--dir", where)
            assert (done.returncode, done.stderr) == (
                1,
                f"martlet: no relay runs with the state directory {where}; start it first\n",
            )
        done = run_martlet("invite", "--config", empty + "/martlet.ini")
        assert done.returncode == 1 and f"there is no configuration at {empty}/martlet.ini" in done.stderr


def test_config_names_the_relay():
    with Service(settings=INVITE) as relay:
        done = run_martlet("invite", "--config", relay.config_path, "--json")
        assert done.returncode == 0 and "token" in json.loads(done.stdout), done.stderr


def test_output_that_cannot_be_written(relay):
    command = f"exec {binary_path()} account list --dir {relay.state} > /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60 * PATIENCE)
    assert done.returncode == 1 and "the output could not be written" in done.stderr


def test_help():
    for name in ("account", "invite"):
        done = run_martlet("help", name)
        assert done.returncode == 0 and f"usage: martlet {name}" in done.stdout and "--dir DIRECTORY" in done.stdout
    assert " invite " in run_martlet("help").stdout


def test_nothing_of_it_is_in_the_log():
    """The harness fails on an address in the log; this one looks for tokens as well."""
    with Relay(settings=INVITE) as relay:
        token = json.loads(run(relay, "invite", "--json").stdout)["token"]
        refused(relay, "account", "delete", "nobodyyyy", "--yes")
        assert "admin.command name=invitation-add ok=1" in relay.log()
        assert "admin.command name=account-delete ok=0" in relay.log()
        assert token not in relay.log() and "nobodyyyy" not in relay.log()
