# SPDX-License-Identifier: MIT
"""docs/troubleshooting.md under a booted systemd: what it tells an operator to type is typed as it stands there, and
what it quotes is what is said. For tools/test-package; the relay of the site runs, with a certificate of its CA."""
import contextlib
import pathlib
import re
import shutil
import subprocess

import mail
import wire
from package_site import log_in, send_mail, step
from relay import wait_until

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/troubleshooting.md"
COMMAND = r"(systemctl|journalctl|runuser|tar|chown|mv|rm|df|martlet) .*|timedatectl.*|dmesg"
# What is about other machines, and what only begins a longer command.
ELSEWHERE = ("martlet dev", "martlet init", "martlet serve --dry-run --config chatmail.ini", "systemctl edit")
# A mail server that has the port already, to be found by the name that is its own.
MASTER = """
use Socket; $0 = "master"; socket(S, PF_INET, SOCK_STREAM, 0) or die; setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
bind(S, sockaddr_in(25, INADDR_ANY)) or die "bind: $!"; listen(S, 5); open(P, ">/run/master.pid"); print P $$; close P; sleep 600
"""


class Page:
    def __init__(self, site):
        self.site, self.tried, self.text = site, set(), PAGE.read_text()
        spans = re.findall(r"`([^`]+)`", self.text.replace("\n", " ")) + re.findall("^    (.+)$", self.text, re.MULTILINE)
        self.commands = {span for span in spans if re.fullmatch(COMMAND, span) and not span.startswith(ELSEWHERE)}

    def type(self, command, want=0):
        """`want`: the exit status, or several of which each is right. Returns what was said."""
        assert command in self.commands, f"{PAGE.name} does not say {command}"
        self.tried.add(command)
        typed = command.replace("chat.example.org", self.site.domain).replace("NAME", self.site.receiver.address)
        status, output = self.site.attempt("sh", "-c", typed)
        assert status in (want if isinstance(want, tuple) else (want,)), f"{typed}: exit status {status}\n{output}"
        return output

    def expect(self, quoted, said):
        """The page quotes it, and it is what is said."""
        assert f"`{quoted}" in self.text, f"{PAGE.name} does not quote {quoted}"
        assert quoted.strip(". ") in " ".join(said.split()), f"{quoted}: not in {said}"

    def expect_all_tried(self):
        assert self.tried == self.commands, f"not tried: {sorted(self.commands - self.tried)}"


@contextlib.contextmanager
def drop_in(site, lines):
    """As `systemctl edit` makes one."""
    folder = site.root / "etc/systemd/system/martlet.service.d"
    folder.mkdir(parents=True)
    (folder / "override.conf").write_text(f"[Service]\n{lines}\n")
    site.do("systemctl", "daemon-reload")
    yield
    shutil.rmtree(folder)
    site.do("systemctl", "daemon-reload")


def why_not(page):
    """What the last line of the program says about a start that fails."""
    assert page.site.attempt("systemctl", "restart", "martlet")[0] != 0
    said = page.type("journalctl -t martlet -n 1")
    page.site.do("systemctl", "stop", "martlet")
    return said


def starts(page):
    page.type("systemctl start martlet")
    assert page.site.is_active()


# ---- looking ----


def try_looking(page):
    site = page.site
    page.type("martlet status", (0, 1))
    for command in ("martlet certificate", "martlet dns", "martlet dns --check", "martlet check", "martlet dkim", "martlet queue",
                    "martlet invite list", "martlet expire --dry-run", "martlet account show NAME", "martlet help",
                    "martlet help max_imap_connections", "martlet help max_mailbox_size", "martlet serve --dry-run",
                    "df -h /var/lib/martlet", "df -i /var/lib/martlet", "dmesg", "timedatectl"):
        page.type(command)
    for command in ("martlet queue show example.org", "martlet queue retry example.org"):
        assert "example.org" in page.type(command, (0, 1))
    metrics = page.type("martlet metrics")
    for name in ("martlet_refused_accounts_total", 'martlet_imap_logins_total{verdict="unavailable"}'):
        page.expect(name, metrics)
    assert "martlet_inbound_messages_total{" in metrics
    wait_until(lambda: "Status: \"serving, " in page.type("systemctl status martlet"), 120, "the first sign of life")
    assert "parent.ready" in page.type("journalctl -u martlet")
    assert "support" not in page.type("journalctl -u martlet -g store", (0, 1))
    page.type("timedatectl set-ntp true")
    assert site.do("systemctl", "is-enabled", "systemd-timesyncd").strip() == "enabled"
    page.expect("only root and the relay's own user may speak to the relay",
                site.attempt("runuser", "-u", "nobody", "--", "martlet", "queue")[1])


def rejected_login(name):
    imap = wire.Imap(993)
    assert imap.command(f"LOGIN {name} hunter2").status == b"NO"
    imap.close()


def try_searching_an_error(page):
    site = page.site

    def debug_lines():
        with site.host.inside():
            rejected_login(f"x@{site.domain}")
        return site.journal().count("debug account.rejected")

    assert debug_lines() == 0
    site.configure(log_addresses="true")
    page.type("systemctl reload martlet")
    assert debug_lines() == 1
    site.configure(log_addresses=None)
    page.type("systemctl reload martlet")
    assert debug_lines() == 1


# ---- trouble ----


def try_what_keeps_it_from_starting(page):
    site = page.site
    site.configure(max_mailbox_size="lots")
    said = why_not(page)
    assert "max_mailbox_size: must be " in said and "max_mailbox_size: must be " in page.type("martlet serve --dry-run", 1)
    with drop_in(site, "RestartSec=100ms"):
        assert site.attempt("systemctl", "start", "martlet")[0] != 0
        wait_until(lambda: site.show("ActiveState") == "failed", 120, "a service that is given up")
        site.configure(max_mailbox_size="500M")
        page.type("systemctl start martlet", 1)
        page.expect("Start request repeated too quickly", site.do("journalctl", "-u", "martlet", "-n", "5"))
        page.type("systemctl reset-failed martlet")
        starts(page)
    (site.root / "etc/martlet/martlet.ini").rename(site.root / "root/martlet.ini")
    page.expect("there is no configuration at /etc/martlet/martlet.ini", why_not(page))
    (site.root / "root/martlet.ini").rename(site.root / "etc/martlet/martlet.ini")
    try_a_taken_port(page)
    try_files_of_others(page)
    starts(page)


def try_a_taken_port(page):
    site = page.site
    with subprocess.Popen(list(map(str, site.command("perl", "-e", MASTER))), env=site.env) as master:
        wait_until(lambda: site.attempt("test", "-s", "/run/master.pid")[0] == 0, 60, "another server")
        page.expect("taken by another process", why_not(page))
        assert "port 25 (smtp) is taken by master (pid " in page.type("martlet serve --dry-run", 1)
        site.do("sh", "-c", "kill $(cat /run/master.pid)")
        master.wait()


def try_files_of_others(page):
    """Who types what is said has a relay again, and its certificate."""
    site = page.site
    site.do("chown", "-R", "root:", "/var/lib/martlet")
    said = why_not(page)
    assert "belongs to the user root, and the relay runs as martlet: chown -R martlet /var/lib/martlet;" in said, said
    site.do("chown", "-R", "martlet", "/var/lib/martlet")
    starts(page)
    page.expect("... belongs to another user than the one that starts martlet", site.attempt("martlet", "certificate")[1])
    assert not site.presented(993)
    page.type("chown -R root: /var/lib/martlet/acme")
    page.type("systemctl reload martlet")
    wait_until(lambda: site.presented(993), 60, "its certificate")
    site.do("chown", "-R", "martlet:", "/var/lib/martlet")
    page.type("chown -R root: /var/lib/martlet/acme")


def try_what_happens_to_one_that_runs(page):
    site = page.site
    before = site.relay_pid()
    site.do("sh", "-c", f"kill -9 {before}")
    wait_until(lambda: site.relay_pid() not in (None, before), 60, "another relay")
    wait_until(lambda: "signal=9" in page.type("journalctl -u martlet | grep relay_died", (0, 1)), 60, "its death")
    wait_until(lambda: site.attempt("martlet", "queue")[0] == 0, 60, "a relay that answers")
    site.configure(mail_domain="other.test")
    page.type("systemctl reload martlet")
    page.expect("cannot change while the relay runs; restart it instead", site.journal("-n", "5"))
    site.configure(mail_domain=site.domain)
    page.type("systemctl reload martlet")
    with drop_in(site, "LimitNOFILE=1024"):
        page.type("systemctl restart martlet")
        page.expect("the system allows 1024", site.journal("-n", "10"))
    page.type("systemctl restart martlet")


def try_a_renewal(page):
    site = page.site
    before = site.presented(993)
    page.type("mv /var/lib/martlet/acme/chat.example.org/cert.pem /root/")
    page.type("systemctl reload martlet")
    wait_until(lambda: site.presented(993) not in (None, before), 120, "another certificate")


# ---- backup and restore ----


def leave_a_large_message(site):
    """So large that its body is a file."""
    with site.host.inside():
        imap = log_in(wire.Imap, 993, site.receiver)
        assert imap.append("INBOX", mail.encrypted(site.receiver.address, size=100_000)).status == b"OK"
        imap.close()


def numbers_of(site):
    """Of the receiver's messages, and the number that the next would get."""
    with site.host.inside():
        imap = log_in(wire.Imap, 993, site.receiver)
        answer = imap.ok("SELECT INBOX")
        numbers = imap.uids(), int(answer.find(rb"UIDNEXT (\d+)").group(1))
        imap.close()
    return numbers


def try_backup_and_restore(page):
    site = page.site
    leave_a_large_message(site)
    uids, next_uid = numbers_of(site)
    page.type("systemctl stop martlet")
    page.expect("control: socket ignored", page.type("tar -C / -czf /root/martlet.tar.gz etc/martlet var/lib/martlet"))
    starts(page)
    page.type("systemctl stop martlet")
    page.type("martlet status", 3)
    page.expect("no relay runs with the state directory /var/lib/martlet; start it first",
                site.attempt("martlet", "queue")[1])
    site.do("sh", "-c", "rm /var/lib/martlet/martlet.db*")
    page.expect("the database is missing or empty, and there are bodies of messages", why_not(page))
    page.type("rm -r /var/lib/martlet/bodies")
    starts(page)
    page.type("systemctl stop martlet")
    site.do("sh", "-c", "rm -r /var/lib/martlet/* /etc/martlet/*")
    page.type("tar -C / -xzpf /root/martlet.tar.gz")
    page.type("chown -R martlet: /var/lib/martlet")
    page.type("chown -R root: /var/lib/martlet/acme")
    page.type("martlet verify /var/lib/martlet")
    page.type('runuser -u martlet -- sqlite3 /var/lib/martlet/martlet.db "UPDATE mailbox SET uid_next = uid_next + 100000"')
    starts(page)
    assert numbers_of(site) == (uids, next_uid + 100000)
    wait_until(lambda: site.presented(993), 60, "its certificate")


def try_the_page(site):
    page = Page(site)
    step("the troubleshooting page: looking")
    site.client(send_mail, site.sender, site.receiver, 1)
    try_looking(page)
    try_searching_an_error(page)
    step("the troubleshooting page: what keeps it from starting")
    try_what_keeps_it_from_starting(page)
    step("the troubleshooting page: what happens to one that runs")
    try_what_happens_to_one_that_runs(page)
    try_a_renewal(page)
    step("the troubleshooting page: backup and restore")
    try_backup_and_restore(page)
    page.expect_all_tried()
