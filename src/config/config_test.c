// SPDX-License-Identifier: MIT
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/reader.h"
#include "config/schema.h"

// Complaints of the last load, one a line, "E " or "W " before each.
static char complaints[8192];

static void on_complaint(void *arg, const struct config_complaint *c) {
    size_t len = strlen(complaints);
    (void)snprintf(complaints + len, sizeof(complaints) - len, "%c %s\n", c->is_warning ? 'W' : 'E', c->text);
}

static struct config *load_with(const char *text, const char *const *overrides) {
    complaints[0] = '\0';
    return config_parse(slice_from_cstr(text), "chatmail.ini", overrides, on_complaint, NULL);
}
static struct config *load(const char *text) {
    return load_with(text, NULL);
}

static void every_field_has_a_place(void **state) {
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++) {
        const struct config_field *f = &config_fields[i];
        assert_non_null(f->key);
        assert_ptr_equal(config_field_find(f->key), f); // also: no key twice
        assert_true(f->offset < sizeof(struct config));
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(config_fields[j].offset, f->offset);
        assert_false(config_key_is_foreign(f->key));
    }
}

static void defaults(void **state) {
    struct config *c = load("[params]\nmail_domain = chat.example.org\n");
    assert_string_equal(complaints, "");
    assert_non_null(c);
    assert_string_equal(c->mail_domain, "chat.example.org");
    assert_string_equal(c->state_dir, "/var/lib/martlet");
    assert_string_equal(c->mailboxes_dir, "/home/vmail/mail/chat.example.org");
    assert_string_equal(c->nocreate_path, "/etc/chatmail-nocreate");
    assert_string_equal(c->user, "martlet");
    const char *unset[] = {c->tls_cert_path, c->tls_key_path,      c->www_folder,     c->acme_email,
                           c->iroh_relay,    c->metrics_address,   c->privacy_postal, c->privacy_mail,
                           c->privacy_pdo,   c->privacy_supervisor};
    for (size_t i = 0; i < ARRAY_LEN(unset); i++)
        assert_string_equal(unset[i], "");
    assert_int_equal(c->max_user_send_per_minute, 60);
    assert_int_equal(c->max_user_send_burst_size, 10);
    assert_int_equal(c->max_mailbox_size, 524288000);
    assert_int_equal(c->max_message_size, 31457280);
    assert_int_equal(c->delete_mails_after, 20);
    assert_int_equal(c->delete_large_after, 7);
    assert_int_equal(c->delete_inactive_users_after, 90);
    assert_int_equal(c->username_min_length, 9);
    assert_int_equal(c->username_max_length, 9);
    assert_int_equal(c->password_min_length, 9);
    assert_true(c->max_load_1m >= 5 && c->max_load_1m <= 5);
    assert_int_equal(c->min_available_memory, 200 << 20);
    assert_int_equal(c->min_free_disk_space, 1 << 30);
    assert_int_equal(c->max_memory, 0);
    assert_int_equal(c->busy_after_ms, 500);
    assert_int_equal(c->max_imap_connections, 10000);
    assert_int_equal(c->max_smtp_connections, 1000);
    assert_int_equal(c->max_new_accounts_per_hour, 100);
    assert_string_equal(c->dkim_selector, "opendkim");
    const char *built_in[] = {c->dns_forward, c->dns_root_hints, c->dns_trust_anchor, c->ca_file};
    for (size_t i = 0; i < ARRAY_LEN(built_in); i++)
        assert_string_equal(built_in[i], "");
    assert_int_equal(c->max_relay_sessions, 100);
    assert_int_equal(c->queue_lifetime_hours, 48);
    assert_int_equal(c->queue_retry_min, 300);
    assert_int_equal(c->queue_retry_max, 4000);
    assert_int_equal(c->outbound_smtp_port, 25);
    assert_int_equal(c->outbound_https_port, 443);
    assert_false(c->iroh_relay_set || c->disable_ipv6 || c->imap_rawlog || c->imap_compress || c->log_addresses);
    assert_int_equal(c->registration, REGISTRATION_OPEN);
    assert_string_equal(c->push_gateway, "https://notifications.delta.chat/notify");
    assert_true(c->turn && !c->push_gateway_set && !c->iroh_relay_only);
    const char *none[] = {c->turn_external_ipv4, c->turn_external_ipv6, c->turn_allowed_peers, c->appversions_file,
                          c->appversions_hosts};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_string_equal(none[i], "");
    assert_int_equal(c->turn_port_min, 49152);
    assert_int_equal(c->turn_port_max, 65535);
    assert_int_equal(c->max_turn_allocations, 1000);
    assert_int_equal(c->turn_allocations_per_user, 10);
    assert_int_equal(c->turn_allocations_per_address, 20);
    assert_int_equal(c->turn_bandwidth, 1 << 20);
    assert_int_equal(c->turn_total_bandwidth, 0);
    assert_int_equal(c->max_iroh_connections, 10000);
    assert_int_equal(c->iroh_connections_per_address, 64);
    assert_int_equal(c->iroh_bandwidth, 2 << 20);
    assert_false(config_is_self_signed(c));
    config_free(c);
    config_free(NULL);
}

static void what_operators_write(void **state) {
    struct config *c = load("\xef\xbb\xbf[params] # a mark and a comment\r\n"
                            "# comment\r\n"
                            "; comment\r\n"
                            "mail_domain = _Test.Example.ORG\r\n"
                            "\r\n"
                            "max_mailbox_size=2G\r\n"
                            "max_message_size : 1000000\r\n"
                            "min_available_memory = 300\r\n"
                            "max_load_1m = 2.5\r\n"
                            "imap_compress = True\r\n"
                            "disable_ipv6 = FALSE\r\n"
                            "iroh_relay =\r\n"
                            "acme_email = a=b#c;d # not a comment\r\n"
                            "registration = Closed\r\n"
                            "tls_external_cert_and_key = /etc/ssl/a.pem   /etc/ssl/b.pem\r\n"
                            "dkim_selector = 2026.Mail\r\n"
                            "dns_forward = 192.0.2.1, 2001:db8::1@5353\r\n"
                            "ca_file = /etc/ssl/ours.pem\r\n"
                            "queue_lifetime_hours = 120\r\n"
                            "queue_retry_min = 60\r\n"
                            "queue_retry_max = 60\r\n"
                            "outbound_smtp_port = 2525\r\n"
                            "filtermail_smtp_port = 10080\r\n"
                            "postfix_reinject_port_incoming = 10026\r\n"
                            "filtermail_lmtp_port_transport = 1\r\n"
                            "privacy_postal =\r\n"
                            "   Street 1\r\n"
                            "   # not part of it\r\n"
                            "   \r\n"
                            "   Town: x = y\r\n"
                            "privacy_pdo = one\r\n"
                            "\ttwo");
    assert_string_equal(complaints, "");
    assert_non_null(c);
    assert_string_equal(c->mail_domain, "_test.example.org");
    assert_int_equal(config_certificate_source(c), CERTIFICATE_FROM_FILES);
    assert_int_equal(c->max_mailbox_size, (uint64_t)2 << 30);
    assert_int_equal(c->max_message_size, 1000000);
    assert_int_equal(c->min_available_memory, 300 << 20);
    assert_true(c->max_load_1m >= 2.5 && c->max_load_1m <= 2.5);
    assert_true(c->imap_compress && !c->disable_ipv6 && c->iroh_relay_set);
    assert_string_equal(c->iroh_relay, "");
    assert_string_equal(c->acme_email, "a=b#c;d # not a comment");
    assert_int_equal(c->registration, REGISTRATION_CLOSED);
    assert_string_equal(c->tls_cert_path, "/etc/ssl/a.pem");
    assert_string_equal(c->tls_key_path, "/etc/ssl/b.pem");
    assert_string_equal(c->dkim_selector, "2026.mail");
    assert_string_equal(c->dns_forward, "192.0.2.1, 2001:db8::1@5353");
    assert_string_equal(c->ca_file, "/etc/ssl/ours.pem");
    assert_int_equal(c->queue_lifetime_hours, 120);
    assert_int_equal(c->queue_retry_min, 60);
    assert_int_equal(c->queue_retry_max, 60);
    assert_int_equal(c->outbound_smtp_port, 2525);
    assert_string_equal(c->privacy_postal, "Street 1\nTown: x = y");
    assert_string_equal(c->privacy_pdo, "one\ntwo");
    config_free(c);
}

static void real_time(void **state) {
    struct config *c = load("[params]\nmail_domain = a.org\n"
                            "push_gateway = http://127.0.0.1:8080/notify\n"
                            "iroh_relay = https://relay.example:8443\n"
                            "turn = no\n"
                            "turn_external_address = 2001:db8::1, 203.0.113.9\n"
                            "turn_ports = 50000 - 50999\n"
                            "turn_allowed_peers = 10.0.0.0/8 fd00::/8\n"
                            "turn_bandwidth = 256K\n"
                            "turn_total_bandwidth = 1G\n"
                            "iroh_bandwidth = 500000\n"
                            "iroh_relay_only = true\n"
                            "appversions_file = /etc/martlet/versions.json\n"
                            "appversions_hosts = apps.example.org github.com/example/\n");
    assert_string_equal(complaints, "");
    assert_non_null(c);
    assert_string_equal(c->push_gateway, "http://127.0.0.1:8080/notify");
    assert_string_equal(c->iroh_relay, "https://relay.example:8443");
    assert_true(c->push_gateway_set && c->iroh_relay_set && !c->turn && c->iroh_relay_only);
    assert_string_equal(c->turn_external_ipv4, "203.0.113.9");
    assert_string_equal(c->turn_external_ipv6, "2001:db8::1");
    assert_int_equal(c->turn_port_min, 50000);
    assert_int_equal(c->turn_port_max, 50999);
    assert_string_equal(c->turn_allowed_peers, "10.0.0.0/8 fd00::/8");
    assert_int_equal(c->turn_bandwidth, 256 << 10);
    assert_int_equal(c->turn_total_bandwidth, 1 << 30);
    assert_int_equal(c->iroh_bandwidth, 500000);
    assert_string_equal(c->appversions_file, "/etc/martlet/versions.json");
    assert_string_equal(c->appversions_hosts, "apps.example.org github.com/example/");
    config_free(c);
    c = load_with("[params]\nmail_domain = a.org\n", (const char *const[]){"push_gateway=", "iroh_relay=", NULL});
    assert_non_null(c);
    assert_true(c->push_gateway_set && c->iroh_relay_set);
    assert_string_equal(c->push_gateway, "");
    assert_string_equal(c->iroh_relay, "");
    config_free(c);
}

static void an_address_as_domain(void **state) {
    struct config *c = load("[params]\nmail_domain = 192.0.2.1\n");
    assert_string_equal(c->mail_domain, "[192.0.2.1]");
    assert_string_equal(c->mailboxes_dir, "/home/vmail/mail/192.0.2.1");
    assert_true(config_is_self_signed(c));
    config_free(c);
}

#define REQUIRED "E chatmail.ini: mail_domain: is required; it names the domain of the addresses\n"
#define HEAD "[params]\nmail_domain = a.org\n"

static void complaints_name_file_line_and_key(void **state) {
    static const struct {
        const char *text, *want;
        bool loads;
    } cases[] = {
        {"", REQUIRED, false},
        {"[params]\n", REQUIRED, false},
        {"mail_domain = a.org\nfoo = 1\n", "E chatmail.ini:1: the line [params] is missing above this one\n", false},
        {"[server]\nfoo = 1\nmail_domain = a.org\n",
         "W chatmail.ini:2: only section [params] is read, not [server]\n"
         "E chatmail.ini:3: mail_domain: stands in [server]; only section [params] is read\n",
         false},
        {HEAD "max_mailbx_size = 1\n",
         "W chatmail.ini:3: max_mailbx_size: unknown key, ignored; did you mean max_mailbox_size?\n", true},
        {HEAD "imap_rawlog = ture\n",
         "E chatmail.ini:3: imap_rawlog: must be true or false, not \"ture\"; did you mean true?\n", false},
        {HEAD "registration = inviet\n",
         "E chatmail.ini:3: registration: must be open, invite or closed, not \"inviet\"; did you mean invite?\n",
         false},
        {HEAD "delete_mails_after = 20d\n",
         "E chatmail.ini:3: delete_mails_after: must be a whole number of days from 1 to 36500, not \"20d\"\n", false},
        {HEAD "privacy_postal = Stra\xdf\x65 1\n",
         "E chatmail.ini:3: privacy_postal: is not text in UTF-8; save the file with that encoding\n", false},
        {HEAD "privacy_postal = Straße 1\n", "", true},
        {"\xff\xfe[", "E chatmail.ini:1: the file is in UTF-16; save it as UTF-8\n", false},
        {"[params]\nmail_domain =\n",
         "E chatmail.ini:2: mail_domain: must be a domain name such as chat.example.org, or an IPv4 address, not "
         "\"\"\n",
         false},
        {HEAD "max_mailbox_size = 5x\n",
         "E chatmail.ini:3: max_mailbox_size: must be a size such as 500M, from 1 to 1024T, not \"5x\"\n", false},
        {HEAD "\n\n#\nfoo = 1\n", "W chatmail.ini:6: foo: unknown key, ignored\n", true},
        {HEAD "passthrough_senders =\n", "W chatmail.ini:3: passthrough_senders: unknown key, ignored\n", true},
        {HEAD "Mail_Domain = b.org\n",
         "W chatmail.ini:3: Mail_Domain: unknown key, ignored; did you mean mail_domain?\n", true},
        {HEAD "[other]\na = 1\nb = 2\n[more]\na = 1\n",
         "W chatmail.ini:4: only section [params] is read, not [other]\n"
         "W chatmail.ini:7: only section [params] is read, not [more]\n",
         true},
        {HEAD "mail_domain = b.org\n",
         "E chatmail.ini:3: mail_domain: is set twice, first in line 2; remove one of them\n", false},
        {HEAD "[params]\nacme_email = a\nacme_email = b\n",
         "E chatmail.ini:5: acme_email: is set twice, first in line 4; remove one of them\n", false},
        {HEAD "what\n", "E chatmail.ini:3: neither \"key = value\" nor a section nor a comment\n", false},
        {HEAD "[open\n", "E chatmail.ini:3: neither \"key = value\" nor a section nor a comment\n", false},
        {HEAD "acme_email = x\n  username_min_length = 3\n",
         "E chatmail.ini:3: acme_email: must be one line (an indented line continues the value above it)\n", false},
        {HEAD "acme_email = a\x01z\n", "E chatmail.ini:3: acme_email: holds a control character\n", false},
        {HEAD "foo\x1b[31m = 1\n", "W chatmail.ini:3: foo?[31m: unknown key, ignored\n", true},
        {HEAD "state_dir =\n", "E chatmail.ini:3: state_dir: must not be empty\n", false},
        {HEAD "imap_rawlog = maybe\n", "E chatmail.ini:3: imap_rawlog: must be true or false, not \"maybe\"\n", false},
        {HEAD "registration = ajar\n", "E chatmail.ini:3: registration: must be open, invite or closed, not \"ajar\"\n",
         false},
        {HEAD "tls_external_cert_and_key = /a\n",
         "E chatmail.ini:3: tls_external_cert_and_key: must be two paths: CERTIFICATE KEY\n", false},
        {HEAD "tls_external_cert_and_key = /a /b /c\n",
         "E chatmail.ini:3: tls_external_cert_and_key: must be two paths: CERTIFICATE KEY\n", false},
        {HEAD "password_min_length = 129\n",
         "E chatmail.ini:3: password_min_length: must be a whole number of characters from 1 to 128, not \"129\"\n",
         false},
        {HEAD "password_min_length = 0\n",
         "E chatmail.ini:3: password_min_length: must be a whole number of characters from 1 to 128, not \"0\"\n",
         false},
        {HEAD "delete_mails_after = -1\n",
         "E chatmail.ini:3: delete_mails_after: must be a whole number of days from 1 to 36500, not \"-1\"\n", false},
        {HEAD "delete_mails_after = 40\n", "", true},
        {HEAD "delete_mails_after = 41\n",
         "W chatmail.ini: delete_mails_after: 41 days are too many; messages are deleted after 40 days\n", true},
        {HEAD "max_load_1m = high\n",
         "E chatmail.ini:3: max_load_1m: must be a number from 0 to 100000, not \"high\"\n", false},
        {HEAD "username_min_length = 10\n",
         "E chatmail.ini: username_min_length: is above username_max_length (10 > 9)\n", false},
        {HEAD "username_min_length = 10\nusername_max_length = 12\n", "", true},
        {HEAD "queue_retry_min = 500\nqueue_retry_max = 400\n",
         "E chatmail.ini: queue_retry_min: is above queue_retry_max (500 > 400)\n", false},
        {HEAD "queue_lifetime_hours = 721\n",
         "E chatmail.ini:3: queue_lifetime_hours: must be a whole number of hours from 1 to 720, not \"721\"\n", false},
        {HEAD "max_relay_sessions = 0\n",
         "E chatmail.ini:3: max_relay_sessions: must be a whole number of connections from 1 to 1000000, not \"0\"\n",
         false},
        {HEAD "outbound_https_port = 65536\n",
         "E chatmail.ini:3: outbound_https_port: must be a whole number from 1 to 65535, not \"65536\"\n", false},
        {HEAD "dkim_selector = ../key\n",
         "E chatmail.ini:3: dkim_selector: must be a DKIM selector: letters, digits and -, not \"../key\"\n", false},
        {HEAD "dkim_selector =\n",
         "E chatmail.ini:3: dkim_selector: must be a DKIM selector: letters, digits and -, not \"\"\n", false},
        {HEAD "dns_forward = 192.0.2.1 dns.example\n",
         "E chatmail.ini:3: dns_forward: must be IP addresses, each with an optional @PORT, not \"dns.example\"\n",
         false},
        {HEAD "dns_forward = ::1 ::2 ::3 ::4 ::5 ::6 ::7 ::8 ::9\n",
         "E chatmail.ini:3: dns_forward: more than 8 addresses\n", false},
        {HEAD "push_gateway = notifications.delta.chat\n",
         "E chatmail.ini:3: push_gateway: must be an http or https URL, or nothing, not \"notifications.delta.chat\"\n",
         false},
        {HEAD "iroh_relay = true\n",
         "E chatmail.ini:3: iroh_relay: must be an http or https URL, or nothing, not \"true\"\n", false},
        {HEAD "turn_external_address = 192.0.2.1 192.0.2.2\n",
         "E chatmail.ini:3: turn_external_address: more than one IPv4 address\n", false},
        {HEAD "turn_external_address = ::1,::2\n",
         "E chatmail.ini:3: turn_external_address: more than one IPv6 address\n", false},
        {HEAD "turn_external_address = relay.example\n",
         "E chatmail.ini:3: turn_external_address: must be IP addresses, not \"relay.example\"\n", false},
        {HEAD "turn_external_address = 192.0.2.0/24\n",
         "E chatmail.ini:3: turn_external_address: must be IP addresses, not \"192.0.2.0/24\"\n", false},
        {HEAD "mtail_address = 0.0.0.0\n",
         "E chatmail.ini:3: mtail_address: must be a loopback or private address, which no stranger reaches, not "
         "\"0.0.0.0\"\n",
         false},
        {HEAD "metrics_address = localhost\n",
         "E chatmail.ini:3: metrics_address: must be a loopback or private IP address, with a port if not 3903, or "
         "nothing, not \"localhost\"\n",
         false},
        {HEAD "metrics_address = ::1\nmtail_address = 127.0.0.1\n",
         "E chatmail.ini:4: mtail_address: is set twice, first in line 3; remove one of them\n", false},
        {HEAD "turn_ports = 65535-49152\n",
         "E chatmail.ini:3: turn_ports: must be a range of ports such as 49152-65535, within 1024 to 65535, not "
         "\"65535-49152\"\n",
         false},
        {HEAD "turn_ports = 80-90\n",
         "E chatmail.ini:3: turn_ports: must be a range of ports such as 49152-65535, within 1024 to 65535, not "
         "\"80-90\"\n",
         false},
        {HEAD "turn_allowed_peers = 10.0.0.0/8, lan\n",
         "E chatmail.ini:3: turn_allowed_peers: must be IP addresses and networks such as 10.0.0.0/8, not \"lan\"\n",
         false},
        {HEAD "turn_bandwidth = 1\n",
         "E chatmail.ini:3: turn_bandwidth: must be a size such as 30M, from 4K to 1G, not \"1\"\n", false},
        {HEAD "max_turn_allocations = 0\n",
         "E chatmail.ini:3: max_turn_allocations: must be a whole number of allocations from 1 to 1000000, not \"0\"\n",
         false},
        {HEAD "iroh_connections_per_address = 0\n",
         "E chatmail.ini:3: iroh_connections_per_address: must be a whole number of connections from 1 to 10000000, "
         "not \"0\"\n",
         false},
        {HEAD "appversions_file = a\n b\n",
         "E chatmail.ini:3: appversions_file: must be one line (an indented line continues the value above it)\n",
         false},
        {HEAD "appversions_hosts = a.org https://b.org\n",
         "E chatmail.ini:3: appversions_hosts: must be hosts, each with an optional /path/, not \"https://b.org\"\n",
         false},
        // All of them at once.
        {"[params]\nmail_domain = a b\nimap_rawlog = 2\nfoo = 1\nmax_message_size = 1\n",
         "E chatmail.ini:2: mail_domain: must be a domain name such as chat.example.org, or an IPv4 address, not \"a "
         "b\"\n"
         "E chatmail.ini:3: imap_rawlog: must be true or false, not \"2\"\n"
         "W chatmail.ini:4: foo: unknown key, ignored\n"
         "E chatmail.ini:5: max_message_size: must be a size such as 30M, from 1K to 1G, not \"1\"\n",
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = load(cases[i].text);
        assert_string_equal(complaints, cases[i].want);
        assert_int_equal(c != NULL, cases[i].loads);
        config_free(c);
    }
}

static void overrides_win(void **state) {
    struct config *c =
        load_with("[params]\nmail_domain = a.org\nacme_email = x\ntls_external_cert_and_key = /a /b\n",
                  (const char *const[]){"mail_domain=192.0.2.7", "acme_email= y = z ", "user = one", "user = two",
                                        "tls_external_cert_and_key=", "bar=1", "postfix_reinject_port=3", NULL});
    assert_string_equal(complaints, "W --set bar: unknown key, ignored\n");
    assert_non_null(c);
    assert_string_equal(c->mail_domain, "[192.0.2.7]");
    assert_string_equal(c->acme_email, "y = z");
    assert_string_equal(c->user, "two");
    assert_string_equal(c->tls_cert_path, "");
    config_free(c);
    c = load_with("", (const char *const[]){"mail_domain=a.org", NULL});
    assert_string_equal(complaints, "");
    assert_non_null(c);
    config_free(c);
    assert_null(load_with(HEAD, (const char *const[]){"max_load_1m", "password_min_length=x", NULL}));
    assert_string_equal(complaints,
                        "E --set: not key=value: max_load_1m\n"
                        "E --set password_min_length: must be a whole number of characters from 1 to 128, not \"x\"\n");
}

static void limits_of_the_text(void **state) {
    char *text = mem_zalloc(1, CONFIG_TEXT_MAX + 10);
    memset(text, '\n', CONFIG_TEXT_MAX + 1);
    assert_null(load(text));
    assert_string_equal(complaints, "E chatmail.ini:1: the file has more than 1 MiB\n");

    // The longest line that is taken, and one octet more.
    int head = snprintf(text, 100, HEAD "privacy_mail = ");
    memset(text + head, 'x', CONFIG_LINE_MAX);
    size_t longest = CONFIG_LINE_MAX - strlen("privacy_mail = ") - 1;
    text[(size_t)head + longest] = '\n';
    text[(size_t)head + longest + 1] = '\0';
    struct config *c = load(text);
    assert_string_equal(complaints, "");
    assert_non_null(c);
    assert_int_equal(strlen(c->privacy_mail), longest);
    config_free(c);
    text[(size_t)head + longest] = 'x';
    text[(size_t)head + longest + 1] = '\n';
    text[(size_t)head + longest + 2] = '\0';
    assert_null(load(text));
    assert_string_equal(complaints, "E chatmail.ini:3: the line has more than 8192 octets\n");

    // Many continuation lines.
    size_t len = (size_t)snprintf(text, 100, HEAD "privacy_mail = x");
    while (len < CONFIG_VALUE_MAX + 2000)
        len += (size_t)snprintf(text + len, 100, "\n  0123456789012345678901234567890123456789");
    assert_null(load(text));
    assert_string_equal(complaints, "E chatmail.ini:3: the value has more than 16384 octets\n");
    free(text);

    complaints[0] = '\0';
    assert_null(config_parse(SLICE(HEAD "acme_email = a\0b\n"), "chatmail.ini", NULL, on_complaint, NULL));
    assert_string_equal(complaints, "E chatmail.ini:3: the line holds a NUL octet\n");
    assert_null(config_parse((struct slice){NULL, 0}, "chatmail.ini", NULL, NULL, NULL));
}

// What stands in a complaint has a limit, whatever the path.
static void a_long_path(void **state) {
    static const char *const texts[] = {"", "[params]\n", "[params]\nmail_domain = a..b\n",
                                        "[params]\nno_such_key = 1\n",
                                        "[params]\nmail_domain = a.org\ndelete_mails_after = 50\n"};
    char path[4096];
    memset(path, 'p', sizeof(path));
    (void)snprintf(path + sizeof(path) - sizeof("/chatmail.ini"), sizeof("/chatmail.ini"), "/chatmail.ini");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        complaints[0] = '\0';
        config_free(config_parse(slice_from_cstr(texts[i]), path, NULL, on_complaint, NULL));
        if (strstr(complaints, "/chatmail.ini:") == NULL)
            fail_msg("case %zu: \"%s\"", i, complaints);
    }
}

static void where_the_certificate_comes_from(void **state) {
    static const struct {
        const char *text;
        enum config_certificate_source want;
    } cases[] = {
        {"mail_domain = a.org\n", CERTIFICATE_FROM_ACME},
        {"mail_domain = _a.org\n", CERTIFICATE_FROM_SELF},
        {"mail_domain = 192.0.2.1\n", CERTIFICATE_FROM_SELF},
        {"mail_domain = 192.0.2.1\ncertificate = acme\n", CERTIFICATE_FROM_ACME},
        {"mail_domain = a.org\ncertificate = Self-Signed\n", CERTIFICATE_FROM_SELF},
        {"mail_domain = a.org\ncertificate = auto\n", CERTIFICATE_FROM_ACME},
        {"mail_domain = _a.org\ntls_external_cert_and_key = /a /b\n", CERTIFICATE_FROM_FILES},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "[params]\n%s", cases[i].text);
        struct config *c = config_parse(slice_from_cstr(text), "x", NULL, NULL, NULL);
        if (c == NULL || config_certificate_source(c) != cases[i].want)
            fail_msg("case %zu: %s", i, cases[i].text);
        config_free(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_a_place),
        cmocka_unit_test(defaults),
        cmocka_unit_test(what_operators_write),
        cmocka_unit_test(real_time),
        cmocka_unit_test(an_address_as_domain),
        cmocka_unit_test(complaints_name_file_line_and_key),
        cmocka_unit_test(overrides_win),
        cmocka_unit_test(limits_of_the_text),
        cmocka_unit_test(a_long_path),
        cmocka_unit_test(where_the_certificate_comes_from),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
