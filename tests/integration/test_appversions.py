# SPDX-License-Identifier: MIT
"""The file of app versions: what is taken, what is refused and how it is said, and that a running relay follows it."""
import json
import os

import pytest
from relay import Relay, Service, wait_until
from test_metadata import VENDOR, ask, values

DOWNLOAD = "https://github.com/deltachat/deltachat-android/releases/download/v2.62.0/deltachat-gplay-release-2.62.0.apk"


def source(**other):
    return {
        "sourceId": "gplay",
        "versionInteger": 758,
        "versionString": "2.62.0",
        "downloadUrl": DOWNLOAD,
        **other,
    }


def file_of(*sources, client="deltachat"):
    return {"clients": [{"clientId": client, "sources": list(sources)}]}


def put(path, content):
    """As careful operators do: whole or not at all."""
    text = content if isinstance(content, str) else json.dumps(content, indent=2)
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text)
    os.replace(fresh, path)


@pytest.fixture(scope="module")
def service():
    with Service() as relay:
        relay.account = relay.new_account()
        relay.versions = relay.config_path.parent / "appversions.json"
        yield relay


def told(relay):
    return ask(relay, relay.account)["appversions"]


def await_told(relay, want):
    compact = want if want is None else json.dumps(want, separators=(",", ":"), ensure_ascii=False)
    wait_until(lambda: told(relay) == compact, 10, f"app versions {compact}")


def test_follows_the_file(service):
    relay = service
    assert told(relay) is None
    put(relay.versions, file_of(source()))
    await_told(relay, file_of(source()))
    with relay.imap(relay.account) as imap:
        # Changed while a client is there, and written in place.
        relay.versions.write_text(json.dumps(file_of(source(versionInteger=759, versionString="2.63.0 \u00e4"))))
        await_told(relay, file_of(source(versionInteger=759, versionString="2.63.0 \u00e4")))
        line = values(imap.ok(f'GETMETADATA "" ({VENDOR}appversions)'))[1][VENDOR + "appversions"]
        assert "\n" not in line and json.loads(line)["clients"][0]["sources"][0]["versionInteger"] == 759
    before = len(relay.log())
    relay.versions.unlink()
    await_told(relay, None)
    # Not there is not wrong. What stood there before may have been read half-written.
    assert "appversions.json" not in relay.log()[before:]


INVALID = {
    "not JSON": ("hello", "line 1, column 5: '[' or '{' expected near 'hello'"),
    "cut off": ('{"clients": [', "line 1, column 13: ']' expected near end of file"),
    "empty": ("", "line 1, column 0: '[' or '{' expected near end of file"),
    "too large": (" " * 32769, "File too large"),
    "no clients": ("{}", "clients: is missing"),
    "twice the same client": (
        {"clients": [{"clientId": "a", "sources": []}, {"clientId": "a", "sources": []}]},
        'clients[1].clientId: "a" is there twice',
    ),
    "twice the same source": (file_of(source(), source()), 'clients[0].sources[1].sourceId: "gplay" is there twice'),
    "no id": (file_of(source(sourceId="")), "clients[0].sources[0].sourceId: must have 1 to 64 octets"),
    "a number in words": (
        file_of(source(versionInteger="758")),
        "clients[0].sources[0].versionInteger: must be a whole number from 0 to 4294967295",
    ),
    "a number too large": (
        file_of(source(versionInteger=2**32)),
        "clients[0].sources[0].versionInteger: must be a whole number from 0 to 4294967295",
    ),
    "a number below zero": (
        file_of(source(versionInteger=-1)),
        "clients[0].sources[0].versionInteger: must be a whole number from 0 to 4294967295",
    ),
    "a download from elsewhere": (
        file_of(source(downloadUrl="https://evil.example/app.apk")),
        "clients[0].sources[0].downloadUrl: https://evil.example/app.apk is not allowed; "
        "appversions_hosts may name more hosts",
    ),
    "a download in clear": (
        file_of(source(downloadUrl="http://delta.chat/app.apk")),
        "clients[0].sources[0].downloadUrl: must be a URL that begins with https://",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_what_is_invalid_is_said_and_the_last_good_file_stays(service, name):
    relay = service
    content, sentence = INVALID[name]
    good = file_of(source(sourceId=name.replace(" ", "-")))
    put(relay.versions, good)
    await_told(relay, good)
    before = len(relay.log())
    put(relay.versions, content)
    want = f"warning parent.config {relay.versions}: {sentence}; the versions in use stay"
    wait_until(lambda: want in relay.log()[before:], 10, want)
    await_told(relay, good)
    # Neither a new relay process nor a reload makes it forget.
    relay.wait_for_child(other_than=relay.kill_child())
    await_told(relay, good)
    relay.reload()
    wait_until(lambda: relay.log()[before:].count(want) == 2, 10, "the sentence once more")
    await_told(relay, good)


def test_hosts_and_file_are_configured(service, tmp_path):
    relay = service
    other = file_of(source(downloadUrl="https://apps.example.net/x.apk"))
    put(tmp_path / "elsewhere.json", other)
    put(relay.versions, file_of(source()))
    await_told(relay, file_of(source()))
    relay.reload(appversions_file=tmp_path / "elsewhere.json", appversions_hosts="apps.example.net")
    await_told(relay, other)
    # And that one is followed.
    put(tmp_path / "elsewhere.json", file_of())
    await_told(relay, file_of())
    # A name without a folder is meant beside the configuration.
    put(relay.versions.with_name("versions.json"), file_of(client="other"))
    relay.reload(appversions_file="versions.json")
    await_told(relay, file_of(client="other"))
    # One that is named should be there.
    before = len(relay.log())
    relay.versions.with_name("versions.json").unlink()
    await_told(relay, None)
    assert f"{relay.versions.with_name('versions.json')}: No such file or directory" in relay.log()[before:]


def test_what_is_there_at_the_start(tmp_path):
    (tmp_path / "appversions.json").write_text(json.dumps(file_of(source())))
    with Relay(state=tmp_path) as relay:
        relay.account = relay.new_account()
        await_told(relay, file_of(source()))
    (tmp_path / "appversions.json").write_text("{}")
    with Relay(state=tmp_path) as relay:
        assert told_by(relay) is None
        assert f"{tmp_path}/appversions.json: clients: is missing" in relay.log()


def told_by(relay):
    return ask(relay)["appversions"]


def test_a_configuration_that_is_broken_meanwhile():
    """The new versions wait until it can be read again, and need no further change of their own file."""
    with Service() as relay:
        relay.account = relay.new_account()
        versions, good = relay.config_path.parent / "appversions.json", relay.config_path.read_text()
        relay.config_path.write_text(good + "\nno_shared_folder\n")
        put(versions, file_of(source()))
        wait_until(lambda: "error parent.config" in relay.log(), 10, "a complaint about the configuration")
        assert told(relay) is None
        relay.config_path.write_text(good)
        await_told(relay, file_of(source()))
