# SPDX-License-Identifier: MIT
"""Prometheus and its promtool (Debian's package, unpacked by tools/peers), and what a relay shows them."""
import contextlib
import gzip
import json
import re
import subprocess
import urllib.parse
import urllib.request

from peers import trees
from ports import free_port
from relay import METRICS_PORT, wait_until
from timelimit import GUARD, PATIENCE

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PLAIN = "text/plain; version=0.0.4; charset=utf-8"
SUFFIX = re.compile(r"_(total|bucket|sum|count)$")


def promtool(*args, text=None, cwd=None):
    """Everything that it says, after it was content."""
    tool = trees() / "prometheus" / "usr" / "bin" / "promtool"
    done = subprocess.run([tool, *args], input=text, capture_output=True, text=True, timeout=2 * GUARD * PATIENCE, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def url_of(relay, path="/metrics"):
    return f"http://127.0.0.1:{METRICS_PORT + relay.offset}{path}"


def get(relay, path="/metrics", method="GET", **fields):
    """(status, fields of the answer, text)"""
    request = urllib.request.Request(url_of(relay, path), method=method)
    for name, value in fields.items():
        request.add_header(name.replace("_", "-"), value)
    try:
        with urllib.request.urlopen(request, timeout=GUARD * PATIENCE) as answer:
            body = answer.read()
            if answer.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            return answer.status, answer.headers, body.decode("ascii")
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode("ascii")


def names_in(expression):
    """The metrics that a PromQL expression asks for, `up` and ALERTS left out: they are Prometheus' own."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    return {name for name in re.findall(r"\b([a-z][a-z0-9_]*)\{", bare)} - {"up"}


def family_of(name):
    return SUFFIX.sub("", name)


class Prometheus:
    """A server that looks every second, with rules of one's own."""

    def __init__(self, folder, relay, rules):
        self.folder = folder
        self.port = free_port()
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: ['{rules}']\n"
            "scrape_configs:\n"
            "  - job_name: martlet\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{METRICS_PORT + relay.offset}']}}]\n"
        )

    def __enter__(self):
        log = open(self.folder / "log", "wb")
        program = trees() / "prometheus" / "usr" / "bin" / "prometheus"
        self.process = subprocess.Popen(
            [program, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
             f"--web.listen-address=127.0.0.1:{self.port}", "--web.console.templates=/nonexistent"],
            stdout=log, stderr=log)
        log.close()
        wait_until(self.is_ready, GUARD, "Prometheus")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(GUARD * PATIENCE)

    def is_ready(self):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=GUARD).status == 200
        return False

    def api(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=GUARD * PATIENCE) as answer:
            found = json.load(answer)
        assert found["status"] == "success", found
        return found["data"]

    def ask(self, expression):
        """{value of the labels, without job and instance: number}"""
        rows = self.api("query", query=expression)["result"]
        return {
            tuple(v for k, v in sorted(row["metric"].items()) if k not in ("job", "instance", "__name__")): float(row["value"][1])
            for row in rows
        }
