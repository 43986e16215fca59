# SPDX-License-Identifier: MIT
"""Runs `martlet web --preview`. It sends the Content-Security-Policy of the relay, so that the browser enforces here what
it enforces there."""
import http.client
import socket
import subprocess
import time
import urllib.parse

import relay
from ports import free_port
from timelimit import GUARD, PATIENCE


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def text(self):
        return self.body.decode("utf-8")


class Preview:
    """The pages of one configuration. `url` is where the browser finds them."""

    def __init__(self, **settings):
        self.settings = settings
        self.port = free_port()
        self.process = None

    def __enter__(self):
        command = [str(relay.binary_path()), "web", "--preview", "--port", str(self.port)]
        for key, value in self.settings.items():
            command += ["--set", f"{key}={value}"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._wait_until_it_answers()
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    def __exit__(self, *exception):
        self.process.terminate()
        output, _ = self.process.communicate(timeout=GUARD * PATIENCE)
        assert not relay.SANITIZER.search(output), output

    def _wait_until_it_answers(self):
        deadline = time.monotonic() + GUARD * PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=GUARD).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    raise AssertionError(f"the preview ended: {self.process.stdout.read()}") from None
                if time.monotonic() > deadline:
                    self.process.kill()
                    raise
                time.sleep(0.02)

    def fetch(self, path, accept_language=""):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=GUARD * PATIENCE)
        try:
            connection.request(
                "GET", urllib.parse.quote(path, safe="/?=&%#"), headers={"Accept-Language": accept_language}
            )
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()
