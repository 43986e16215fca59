# SPDX-License-Identifier: MIT
"""A machine for tools/test-package that is on a network: booted, with a name of its own in a DNS, and a certification
authority in reach (Debian's pebble). All of it is reached over an Ethernet, as on a genuine one."""
import contextlib
import json
import re
import socket
import ssl

from acme_ca import Authority
from lab import NET4, UNSIGNED_SERVER, GuestHost, Lab
from package_site import BootedSite
from relay import wait_until

# In the zone of the lab that is a zone of its own, as a domain that somebody has registered. Its server is asked for all.
NAME, CA_NAME = "chat.insecure.test", "ca.insecure.test"
RESOLVER = f"{NET4}{UNSIGNED_SERVER}"
MACHINE, CA = 1, 60


class NetworkedSite(BootedSite):
    """The relay is not installed yet."""

    def __init__(self, folder, deb, packages):
        super().__init__(folder, deb, packages, domain=NAME)
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        with self.stack:
            self.lab = self.stack.enter_context(Lab())
            self.boot()
            # Before the lab ends, and with a look at why.
            self.stack.push(super().__exit__)
            self.host = self.lab.take_in(GuestHost("machine", MACHINE, self.leader))
            self.begin_authority()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *why):
        self.stack.__exit__(*why)

    def begin_authority(self):
        self.ca_host = self.lab.host("ca", CA)
        self.lab.dns.add(f"{CA_NAME}. A {self.ca_host.ipv4}")
        self.lab.dns.publish()
        with self.ca_host.inside():
            self.ca = self.stack.enter_context(
                Authority(80, address=self.ca_host.ipv4, name=CA_NAME, name_server=f"{RESOLVER}:53")
            )
        (self.root / "etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
        self.trust((self.ca.folder / "ca.pem").read_text(), "ca")

    def restart_authority(self, **settings):
        """With other settings; it has forgotten everything."""
        self.ca.stop()
        self.ca.settings.update(settings)
        with self.ca_host.inside():
            self.ca.start()
            return self.ca.root()

    def trust(self, certificate, name):
        """As an operator does with a CA that the system does not know."""
        (self.root / f"usr/local/share/ca-certificates/{name}.crt").write_text(certificate)
        self.do("update-ca-certificates")

    def set_up(self, **settings):
        etc = self.root / "etc/martlet"
        super().set_up(
            acme_directory=self.ca.url, dns_root_hints="/etc/martlet/hints", dns_trust_anchor="/etc/martlet/anchor",
            push_gateway=f"https://{CA_NAME}:{self.ca.port}/notify", **settings,
        )
        (etc / "hints").write_text(self.lab.dns.hints.read_text())
        (etc / "anchor").write_text(self.lab.dns.anchor.read_text())

    def paste_zone(self):
        """What `martlet dns` prints goes into the zone, whatever was there."""
        zone = self.do("martlet", "dns", "--address", self.host.ipv4, "--address", self.host.ipv6)
        records = [line for line in zone.splitlines() if line and not line.startswith(";")]
        for record in records:
            name, _, _, kind, _ = record.split(None, 4)
            self.lab.dns.remove(f"{name} {kind} ")
        self.lab.dns.add(*(re.sub(r"^(\S+) \d+ IN ", r"\1 ", record) for record in records))
        self.lab.dns.publish()

    # ---- looking ----

    def presented(self, port):
        """The certificate that a client gets who trusts nobody but the CA, by the name of the relay; None: refused."""
        with self.ca_host.inside():
            trust = ssl.create_default_context(cadata=self.ca.root())
            with contextlib.suppress(ssl.SSLError, OSError):
                with socket.create_connection((self.host.ipv4, port), 20) as s:
                    with trust.wrap_socket(s, server_hostname=NAME) as tls:
                        return tls.getpeercert()
        return None

    def certificate(self):
        """As `martlet certificate` tells it."""
        return json.loads(self.attempt("martlet", "certificate", "--json")[1])

    def status(self):
        return json.loads(self.attempt("martlet", "status", "--json")[1])

    def wait_log(self, event, times=1):
        """So often in all."""
        try:
            wait_until(lambda: self.journal().count(event) >= times, 120, f"{event}, {times} times")
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.ca.story()}") from None
