# SPDX-License-Identifier: MIT
"""Classic mail servers of the lab: Debian's Postfix, Exim and OpenSMTPD, each on a host of its own.

A peer takes mail for users of its domain into Maildirs, and anything from its own host for anywhere. It offers STARTTLS
with a certificate of the test CA, and insists on STARTTLS and a good certificate of others. What it sends must be
signed: Exim signs itself, for the others the test does (sign()).
"""
import os
import pathlib
import shutil
import smtplib
import subprocess

import dkim
from fake_mx import TlsFront
from lab import PATH, LabError, dkim_record, run
from relay import TOP, binary_path, wait_until
from timelimit import GUARD, PATIENCE

USERS = ("bob", "carol", "grey")
MAIL_ID = 1501
SELECTOR = "s1"


def trees():
    """Where the servers are unpacked, fetched when they are not there yet."""
    folder = binary_path().parent / "peers"
    done = subprocess.run([TOP / "tools" / "peers", folder], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"tools/peers: {done.stderr}")
    return folder


class Peer:
    tree = None  # the name in tools/peers
    users = ()  # system users beyond MAIL_ID's: (name, id, home)
    signs_itself = False

    def __init__(self, lab, host):
        self.lab, self.host = lab, host
        self.domain = f"{self.tree}.test"
        self.mx = f"mx.{self.domain}"
        self.process = None
        self.shared = lab.folder / self.tree
        self.files = self.shared / "files"
        self.files.mkdir(parents=True)
        (self.shared / "log").mkdir(mode=0o777)
        (self.shared / "log").chmod(0o777)
        (self.shared / "mail").mkdir()
        os.chown(self.shared / "mail", MAIL_ID, MAIL_ID)
        lab.names_of(host, self.domain, self.mx)
        self.certificate = lab.ca.issue(self.mx)
        for source, name in ((lab.ca.file, "ca.pem"), (self.certificate[0], "mx.pem"), (self.certificate[1], "mx.key")):
            shutil.copy(source, self.shared / name)
        self.key = self.shared / "dkim.pem"
        run("openssl", "genrsa", "-traditional", "-out", self.key, "2048")
        self.key.chmod(0o644)
        lab.dns.add(f"{SELECTOR}._domainkey.{self.domain}. TXT {dkim_record(self.key)}")

    def lay(self, path, text):
        """A file of the server's root."""
        target = self.files / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def configure(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def start(self):
        """To be called by the main thread: the server ends with the thread that has started it."""
        tree = trees() / self.tree  # perhaps fetched now, while this thread is still in the world outside
        accounts = [*((u, MAIL_ID, "/nonexistent") for u in USERS), *self.users]
        shells = "".join(f"{name}:x:{number}:{number}::{home}:/bin/false\n" for name, number, home in accounts)
        groups = {name: number for name, number, _ in accounts if name not in USERS}
        groups["labmail"] = MAIL_ID
        (self.shared / "passwd").write_text(shells)
        (self.shared / "group").write_text("".join(f"{n}:x:{i}:\n" for n, i in groups.items()) + self.more_groups)
        self.lay("/etc/resolv.conf", "nameserver 10.77.0.53\noptions timeout:2 attempts:2\n")
        self.lay("/etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{self.host.ipv4} {self.mx}\n")
        self.lay("/etc/mailname", self.domain + "\n")
        self.configure()
        with self.host.inside(), open(self.shared / "log" / "output", "ab") as output:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--uts", "--fork", "--kill-child",
                 "--propagation", "private", "sh", "-c", 'hostname "$0"; exec "$@"', self.mx,
                 "sh", TOP / "tests" / "lib" / "peer_root.sh", tree, self.shared, *self.command()],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={"PATH": PATH, "LANG": "C"},
            )

    def wait_ready(self):
        wait_until(self.answers, 3 * GUARD, f"{self.tree} to answer")
        return self

    more_groups = ""

    def answers(self):
        if self.process.poll() is not None:
            raise LabError(f"{self.tree} ended with {self.process.returncode}\n{self.log()}")
        try:
            with self.host.inside(), smtplib.SMTP("127.0.0.1", timeout=GUARD):
                return True
        except (OSError, smtplib.SMTPException):
            return False

    def log(self):
        return "".join(p.read_text("utf-8", "replace") for p in sorted((self.shared / "log").iterdir()))

    def run_inside(self, *args):
        """A command in the server's root."""
        inner = int(
            pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]
        )
        return run("nsenter", "-t", inner, "--mount", "--pid", "--net", "--root", *args)

    def close(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    # ---- mail ----

    def address(self, user="bob"):
        return f"{user}@{self.domain}"

    def sign(self, message, domain=None):
        """With this server's key, as its domain or another one."""
        signature = dkim.sign(
            message,
            SELECTOR.encode(),
            (domain or self.domain).encode(),
            self.key.read_bytes(),
            canonicalize=(b"relaxed", b"relaxed"),
            include_headers=[b"from", b"to", b"subject", b"date", b"message-id", b"content-type"],
        )
        return signature + message

    def submit(self, sender, recipients, message, options=(), sign=True):
        """Hands a message to the server as a program on its host does."""
        if sign and not self.signs_itself:
            message = self.sign(message)
        with self.host.inside(), smtplib.SMTP("127.0.0.1", timeout=GUARD * PATIENCE) as smtp:
            smtp.sendmail(sender, recipients, message, mail_options=list(options))

    def mailbox(self, user="bob"):
        """The messages in a user's Maildir, by file name, with CRLF again."""
        return {p.name: p.read_bytes().replace(b"\n", b"\r\n") for p in (self.shared / "mail" / user / "new").glob("*")}

    def count(self, message_id, user="bob"):
        """How many copies are there."""
        return sum(message_id.encode() in m for m in self.mailbox(user).values())

    def wait_mail(self, containing, user="bob", timeout=GUARD):
        """The message with these octets in it."""
        if isinstance(containing, str):
            containing = containing.encode()
        try:
            return wait_until(
                lambda: next((m for m in self.mailbox(user).values() if containing in m), None),
                timeout,
                f"{containing!r} at {self.address(user)}",
            )
        except TimeoutError as error:
            raise TimeoutError(f"{error}\n{self.log()[-6000:]}") from None


class Postfix(Peer):
    tree = "postfix"
    users = (("postfix", 901, "/var/spool/postfix"), ("postdrop", 902, "/nonexistent"))

    def configure(self):
        mailboxes = " ".join(f"{{{u}@{self.domain} = {u}/}}" for u in USERS)
        self.lay(
            "/etc/postfix/main.cf",
            f"""compatibility_level = 3.6
myhostname = {self.mx}
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = {self.domain}
virtual_mailbox_base = /lab/mail
virtual_mailbox_maps = inline:{{ {mailboxes} }}
virtual_uid_maps = static:{MAIL_ID}
virtual_gid_maps = static:{MAIL_ID}
alias_maps =
alias_database =
maillog_file_prefixes = /lab
maillog_file = /lab/log/maillog
message_size_limit = 41943040
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_security_level = may
smtpd_tls_cert_file = /lab/mx.pem
smtpd_tls_key_file = /lab/mx.key
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtpd_recipient_restrictions = permit_mynetworks, reject_unauth_destination
smtp_tls_security_level = verify
smtp_tls_CAfile = /lab/ca.pem
smtp_tls_loglevel = 1
smtp_host_lookup = dns
smtputf8_enable = yes
queue_run_delay = 2s
minimal_backoff_time = 1s
maximal_backoff_time = 3s
""",
        )
        services = """smtp inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 2 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""
        self.lay("/etc/postfix/master.cf", services)

    def command(self):
        prepare = (
            "mkdir -p /var/spool/postfix /var/lib/postfix && chown postfix /var/lib/postfix && "
            "cp /usr/share/postfix/dynamicmaps.cf /etc/postfix/ && "
            "postfix set-permissions >/dev/null 2>&1; postfix start-fg & wait"
        )
        return ["sh", "-c", prepare]


class Exim(Peer):
    tree = "exim"
    users = (("Debian-exim", 905, "/var/spool/exim4"),)
    signs_itself = True

    def configure(self):
        users = " : ".join(USERS)
        self.lay(
            "/etc/exim4/exim4.conf",
            f"""primary_hostname = {self.mx}
qualify_domain = {self.domain}
domainlist local_domains = {self.domain}
daemon_smtp_ports = 25
local_interfaces = <; 0.0.0.0 ; ::0
keep_environment =
tls_advertise_hosts = *
tls_certificate = /lab/mx.pem
tls_privatekey = /lab/mx.key
exim_user = Debian-exim
exim_group = Debian-exim
log_file_path = /lab/log/exim-%slog
log_selector = +tls_peerdn +tls_certificate_verified
spool_directory = /var/spool/exim4
message_size_limit = 40M
host_lookup =
rfc1413_hosts =
never_users = root
smtp_accept_max = 100
ignore_bounce_errors_after = 1h
dkim_verify_signers =
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
begin acl
check_rcpt:
  defer local_parts = grey
    domains = +local_domains
    !condition = ${{if exists{{/lab/open}}}}
    message = 4.2.0 Greylisted, come again
  deny domains = +local_domains
    ! local_parts = {users}
    message = 5.1.1 no such user here
  accept domains = +local_domains
  accept hosts = 127.0.0.1
  deny message = relay not permitted
begin routers
elsewhere:
  driver = dnslookup
  domains = ! +local_domains
  transport = remote
  ignore_target_hosts = 127.0.0.0/8
  no_more
here:
  driver = accept
  domains = +local_domains
  local_parts = {users}
  transport = maildir
begin transports
remote:
  driver = smtp
  hosts_require_tls = *
  tls_verify_certificates = /lab/ca.pem
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
  dkim_domain = {self.domain}
  dkim_selector = {SELECTOR}
  dkim_private_key = /lab/dkim.pem
  dkim_canon = relaxed
maildir:
  driver = appendfile
  directory = /lab/mail/$local_part_data
  maildir_format
  create_directory
  user = {MAIL_ID}
  group = {MAIL_ID}
  delivery_date_add
  envelope_to_add
  return_path_add
begin retry
* * F,1h,1s
""",
        )

    def grey(self, refuses):
        """Refuses grey@ for now with a 451, or not any more."""
        if refuses:
            (self.shared / "open").unlink(missing_ok=True)
        else:
            (self.shared / "open").write_text("")

    def command(self):
        prepare = (
            "mkdir -p /var/spool/exim4 && chown Debian-exim:Debian-exim /var/spool/exim4 /lab/log /lab/mx.key; "
            "exec /usr/sbin/exim4 -bdf -q2s & wait"
        )
        return ["sh", "-c", prepare]


class OpenSmtpd(Peer):
    """Debian 12's OpenSMTPD cannot serve TLS: its engine that keeps private keys in another process finds none under
    OpenSSL 3. So a front speaks STARTTLS for it; as a client it does TLS itself."""

    INNER_PORT = 2525
    fronts = ()  # until it has started
    tree = "opensmtpd"
    users = (("opensmtpd", 903, "/var/lib/opensmtpd/empty"), ("opensmtpq", 904, "/var/lib/opensmtpd/empty"))
    fronts = ()  # until it has started

    def configure(self):
        self.lay(
            "/etc/smtpd.conf",
            f"""ca lab cert "/lab/ca.pem"
smtp max-message-size 40M
listen on lo port 25 hostname {self.mx}
listen on {self.host.ipv4} port {self.INNER_PORT} hostname {self.mx}
listen on {self.host.ipv6} port {self.INNER_PORT} hostname {self.mx}
action "local" maildir "/lab/mail/%{{rcpt.user}}"
action "elsewhere" relay helo {self.mx} tls ca lab
match from any for domain "{self.domain}" action "local"
match from local for any action "elsewhere"
""",
        )

    def command(self):
        prepare = (
            "mkdir -p /var/spool/smtpd && chmod 711 /var/spool/smtpd; "
            "exec smtpd -d -v & wait"
        )
        return ["sh", "-c", prepare]

    fronts = ()

    def start(self):
        super().start()
        self.fronts = [
            TlsFront(self.host, a, self.certificate, self.INNER_PORT) for a in (self.host.ipv4, self.host.ipv6)
        ]

    def close(self):
        super().close()
        for front in self.fronts:
            front.close()
