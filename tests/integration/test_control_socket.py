# SPDX-License-Identifier: MIT
"""The control socket: who may use it, how it lives with the relay, and what nonsense gets."""
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import tempfile

import pytest
from admin import Control, refused, run
from relay import NO_RATE, Relay, RelayError, Service, is_running, public_binary, wait_until
from timelimit import PATIENCE

NOBODY = 65534


def test_socket_is_the_owners(relay):
    st = os.lstat(relay.state / "control")
    assert stat.S_ISSOCK(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o600
    assert st.st_uid == os.stat(relay.state).st_uid


def test_ping(relay):
    with Control(relay) as control:
        (answer,) = control.ask(command="ping")
        assert answer["ok"] is True and re.fullmatch(r"\d+\.\d+\.\d+", answer["version"]) and answer["uptime_s"] >= 0


def test_others_are_refused():
    """Also when somebody has opened the directory and the socket to them."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    other = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]

    def list_accounts(relay):
        command = [*other, str(public_binary()), "account", "list", "--dir", str(relay.state)]
        env = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE, env=env)

    with Relay() as relay:
        relay.new_account()
        sentence = f"martlet: only root and the relay's own user may speak to the relay of {relay.state}; try sudo\n"
        done = list_accounts(relay)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
        os.chmod(relay.state, 0o755)
        done = list_accounts(relay)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", sentence)
        os.chmod(relay.state / "control", 0o666)
        done = list_accounts(relay)
        assert done.returncode == 1 and done.stdout == "" and "closed the connection" in done.stderr
        run(relay, "account", "list")


def test_long_state_directory():
    """A socket's address has 108 octets; a directory may have more."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="martlet-"))
    try:
        with Relay(state=top / ("x" * 150) / ("y" * 100)) as relay:
            account = relay.new_account()
            assert account.address in run(relay, "account", "list").stdout
    finally:
        shutil.rmtree(top)


def test_something_in_the_way():
    state = pathlib.Path(tempfile.mkdtemp(prefix="martlet-"))
    try:
        (state / "precious").write_text("x")
        (state / "control").symlink_to("precious")
        with pytest.raises(RelayError, match='"control" in the state directory is something else; remove it'):
            Relay(state=state).start()
        assert (state / "precious").read_text() == "x"
        (state / "control").unlink()
        with Relay(state=state) as relay:
            run(relay, "account", "list")
    finally:
        shutil.rmtree(state)


def test_two_relays_on_one_state():
    with Relay() as first:
        second = Relay(state=first.state)
        with pytest.raises(RelayError, match=rf"another relay runs with this state directory \(process {first.process.pid}\)"):
            second.start()
        run(first, "account", "list")  # the first is not disturbed


def test_relay_that_dies_keeps_its_socket():
    """The parent holds it: what is asked meanwhile waits."""
    with Relay() as relay:
        account = relay.new_account()
        for _ in range(3):
            relay.kill_child()
            assert account.address in run(relay, "account", "list").stdout


def test_killed_parent():
    relay = Relay()
    try:
        relay.start()
        child = relay.child_pid()
        account = relay.new_account()
        relay.process.kill()
        relay.process.wait()
        wait_until(lambda: not is_running(child), 20, "the end of the relay process")
        assert os.path.lexists(relay.state / "control")
        assert refused(relay, "account", "list") == f"no relay runs with the state directory {relay.state}; start it first"
        relay.start()
        assert account.address in run(relay, "account", "list").stdout
        relay.stop()
    finally:
        relay.kill()
        relay.remove()


def test_reload_keeps_the_socket():
    with Service(settings={**NO_RATE, "registration": "invite"}) as relay:
        with Control(relay) as control:
            assert control.ask(command="ping")[-1]["ok"]
            relay.reload(registration="closed")
            wait_until(lambda: "parent.reloaded" in relay.log(), 10, "the reload")
            assert control.ask(command="ping")[-1]["ok"]
            assert "registration is closed" in control.ask(command="invitation-add", uses=1, days=1)[-1]["error"]


def test_requests_in_a_row_and_nonsense(relay):
    with Control(relay) as control:
        control.socket.sendall(b'{"command":"ping"}\n' * 500 + b"nonsense\n" + b'{"command":"pong"}\n{"command":"ping"}\n')
        for _ in range(500):
            assert control.answer()[-1]["ok"]
        assert "one line of JSON" in control.answer()[-1]["error"]
        assert "no command of that name" in control.answer()[-1]["error"]
        assert control.answer()[-1]["ok"]
        control.socket.sendall(b"x" * 70000)
        assert control.answer()[-1] == {"error": "a request has at most 65536 octets", "ok": False}
        assert control.file.read() == b""


def test_client_that_closes_its_side(relay):
    """As `printf ... | nc -U` does: the answer comes whole."""
    with Control(relay) as control:
        control.send(command="account-list")
        control.socket.shutdown(socket.SHUT_WR)
        assert control.answer()[-1] == {"ok": True}
        assert control.file.read() == b""
