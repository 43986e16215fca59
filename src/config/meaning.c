// SPDX-License-Identifier: MIT
#include "config/meaning.h"

#include <stdio.h>
#include <string.h>

enum { AMOUNT_SIZE = 32 };

// In the order of config_fields.
static const struct config_meaning meanings[] = {
    {"mail_domain", NULL, "The domain of all addresses; the one key that is required."},
    {"state_dir", "a path", "Where accounts, messages, the queue and keys are kept."},
    {"tls_external_cert_and_key", NULL, "Certificate with its chain, and private key, from elsewhere; PEM."},
    {"www_folder", "a path", "Your own web pages, which take the place of the built-in ones file by file."},
    {"donate_url", "a URL", "A link on the pages for who wants to support the relay."},
    {"certificate", NULL, "Where the certificate comes from when no files are named."},
    {"acme_email", "a mail address", "Whom the certification authority may write to."},
    {"acme_directory", "a URL", "The certification authority."},
    {"acme_dns_hook", "a path", "A program that proves the domain by DNS instead of port 80."},
    {"iroh_relay", NULL, "The relay for direct connections that clients are told of; without the key it is this one."},
    {"metrics_address", NULL,
     "Where the figures are shown by HTTP; empty: nowhere. Its name in a chatmail.ini is mtail_address."},
    {"privacy_postal", NULL, "Postal address of who runs the relay, for the privacy page."},
    {"privacy_mail", NULL, "Mail address of who runs the relay, for the privacy page and for clients."},
    {"privacy_pdo", NULL, "Data protection officer, for the privacy page."},
    {"privacy_supervisor", NULL, "Supervisory authority, for the privacy page."},
    {"mailboxes_dir", "a path", "Of another program; without effect here."},
    {"nocreate_path", "a path", "While this file exists, no account is made."},
    {"user", "the name of a system user", "Who the relay becomes when it is started as root."},
    {"max_user_send_per_minute", "messages", "How many messages one account may send a minute."},
    {"max_user_send_burst_size", "messages", "How many messages one account may send at once."},
    {"max_mailbox_size", NULL, "Quota of an account; a bare number counts megabytes."},
    {"max_message_size", NULL, "The largest message."},
    {"delete_mails_after", "days", "How long a message is kept."},
    {"delete_large_after", "days", "How long a large message is kept that was seen."},
    {"delete_inactive_users_after", "days", "How long an account is kept that nobody logs in to."},
    {"username_min_length", "characters", "The shortest name of a new account, before the \"@\"."},
    {"username_max_length", "characters", "The longest name of a new account, before the \"@\"."},
    {"password_min_length", "characters", "The shortest password of a new account."},
    {"max_load_1m", NULL, "No account is made while the load average of one minute is above this."},
    {"min_available_memory", NULL, "No account is made while less memory is available; a bare number is megabytes."},
    {"min_free_disk_space", NULL, "No account is made while less of the disk is free; a bare number is megabytes."},
    {"max_memory", NULL, "Memory the relay may take before it refuses new work; 0: what the system allows."},
    {"busy_after_ms", "milliseconds", "How long work may wait for its turn before new accounts are refused."},
    {"max_imap_connections", "connections", "To both IMAP ports together."},
    {"max_smtp_connections", "connections", "To each submission port."},
    {"max_http_connections", "connections", "Of browsers and other HTTP clients to each of the ports 443 and 80."},
    {"max_new_accounts_per_hour", "accounts", "How many one client address may make in an hour; 0: any number."},
    {"disable_ipv6", NULL, "IPv4 only."},
    {"imap_rawlog", NULL, "Of another program; without effect here."},
    {"imap_compress", NULL, "Of another program; without effect here."},
    {"log_addresses", NULL, "Lets the log hold mail addresses, for a search for errors; the privacy page says so."},
    {"max_relay_sessions", "connections", "Of other mail servers to port 25, and messages by HTTPS at a time."},
    {"dkim_selector", NULL, "The name of the first key that signs outgoing mail."},
    {"queue_lifetime_hours", "hours", "How long a message for another server is tried."},
    {"queue_retry_min", "seconds", "Until the second attempt to hand a message over."},
    {"queue_retry_max", "seconds", "Between attempts at most."},
    {"outbound_smtp_port", NULL, "The SMTP port of other servers; for tests."},
    {"outbound_https_port", NULL, "The HTTPS port of other servers; for tests."},
    {"dns_forward", NULL, "Resolvers to ask; without them the relay resolves by itself."},
    {"dns_root_hints", "a path", "The root name servers, for closed networks."},
    {"dns_trust_anchor", "a path", "What DNSSEC signatures are traced to, in place of the root's keys."},
    {"ca_file", "a path", "Certification authorities for other servers, in place of the system's; PEM."},
    {"registration", NULL, "Who may make an account."},
    {"push_gateway", NULL, "The gateway that wakes phones; empty: no notifications."},
    {"turn", NULL, "Whether calls are passed on between devices that cannot reach each other."},
    {"turn_external_address", NULL, "How the world sees the relay when it is behind a NAT."},
    {"turn_ports", NULL, "The UDP ports for relayed packets."},
    {"turn_allowed_peers", NULL, "Networks to which packets may be relayed though they are not public."},
    {"max_turn_allocations", "allocations", "Relayed ports in use at a time."},
    {"turn_allocations_per_user", "allocations", "Of these, how many for the same credentials."},
    {"turn_allocations_per_address", "allocations", "Of these, how many for the same client address."},
    {"turn_bandwidth", NULL, "Octets a second that are relayed for one port, each way."},
    {"turn_total_bandwidth", NULL, "Octets a second for all relayed ports together; 0: no limit."},
    {"max_iroh_connections", "connections", "To the relay for direct connections."},
    {"iroh_connections_per_address", "connections", "Of these, how many from one client address."},
    {"iroh_bandwidth", NULL, "Octets a second that are taken from one client."},
    {"iroh_relay_only", NULL, "Lets nothing go past the relay; for tests."},
    {"appversions_file", "a path", "What client apps are told of their newest versions."},
    {"appversions_hosts", NULL, "More hosts that app downloads may lead to."},
};

const struct config_meaning *config_meaning_find(const char *key) {
    const struct config_field *f = config_field_find(key); // which knows other names of a key
    for (size_t i = 0; f != NULL && i < ARRAY_LEN(meanings); i++)
        if (strcmp(meanings[i].key, f->key) == 0)
            return &meanings[i];
    return NULL;
}

size_t config_meaning_keys(const char **ret, size_t max) {
    size_t n = 0;
    for (; n < ARRAY_LEN(meanings) && n < max; n++)
        ret[n] = meanings[n].key;
    return n;
}

// 1K, 500M; what is no round figure in octets.
static void write_amount(uint64_t octets, char ret[AMOUNT_SIZE]) {
    static const char *const units[] = {"", "K", "M", "G", "T"}; // those that a value may have
    size_t unit = 0;
    while (unit + 1 < ARRAY_LEN(units) && octets >= 1024 && octets % 1024 == 0) {
        octets /= 1024;
        unit++;
    }
    (void)snprintf(ret, AMOUNT_SIZE, "%llu%s", (unsigned long long)octets, units[unit]);
}

static const char *of_type(enum config_type type) {
    switch (type) {
    case CONFIG_TYPE_STRING:
        return "one line of text";
    case CONFIG_TYPE_TEXT:
        return "text, whose further lines are indented";
    case CONFIG_TYPE_DOMAIN:
        return "a domain name such as chat.example.org, or an IPv4 address";
    case CONFIG_TYPE_SELECTOR:
        return "a DKIM selector: letters, digits and -";
    case CONFIG_TYPE_FORWARDERS:
        return "IP addresses, each with @PORT unless that is 53";
    case CONFIG_TYPE_TLS_PAIR:
        return "two paths: CERTIFICATE KEY";
    case CONFIG_TYPE_URL:
        return "an http or https URL, or nothing";
    case CONFIG_TYPE_PRIVATE_ENDPOINT:
        return "a loopback or private IP address, with a port if not 3903, or nothing";
    case CONFIG_TYPE_NETWORKS:
        return "IP addresses and networks such as 10.0.0.0/8";
    case CONFIG_TYPE_PLACES:
        return "hosts, each with an optional /path/";
    case CONFIG_TYPE_ADDRESSES:
        return "an IPv4 and an IPv6 address at most";
    case CONFIG_TYPE_REGISTRATION:
        return "open, invite or closed";
    case CONFIG_TYPE_CERTIFICATE:
        return "auto, acme or self-signed";
    default:
        return "true or false";
    }
}

void config_meaning_wanted(const struct config_field *f, char ret[CONFIG_WANTED_SIZE]) {
    const struct config_meaning *m = config_meaning_find(f->key);
    const char *is = m != NULL ? m->is : NULL;
    unsigned long long min = f->min, max = f->max;
    char low[AMOUNT_SIZE], high[AMOUNT_SIZE];
    switch (f->type) {
    case CONFIG_TYPE_U32:
        (void)snprintf(ret, CONFIG_WANTED_SIZE, "a whole number%s%s from %llu to %llu", is != NULL ? " of " : "",
                       is != NULL ? is : "", min, max);
        break;
    case CONFIG_TYPE_NUMBER:
        (void)snprintf(ret, CONFIG_WANTED_SIZE, "a number from %llu to %llu", min, max);
        break;
    case CONFIG_TYPE_PORTS:
        (void)snprintf(ret, CONFIG_WANTED_SIZE, "a range of ports such as %s, within %llu to %llu", f->default_text,
                       min, max);
        break;
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_SIZE_MB:
        write_amount(f->min, low);
        write_amount(f->max, high);
        (void)snprintf(ret, CONFIG_WANTED_SIZE, "a size such as %s, from %s to %s",
                       f->type == CONFIG_TYPE_SIZE_MB ? "500M" : "30M", low, high);
        break;
    default:
        (void)snprintf(ret, CONFIG_WANTED_SIZE, "%s", is != NULL ? is : of_type(f->type));
        break;
    }
}

void config_meaning_explain(const struct config_meaning *m, char ret[CONFIG_EXPLANATION_SIZE]) {
    const struct config_field *f = config_field_find(m->key);
    char wanted[CONFIG_WANTED_SIZE];
    config_meaning_wanted(f, wanted);
    bool has_default = f->default_text != NULL && f->default_text[0] != '\0';
    (void)snprintf(ret, CONFIG_EXPLANATION_SIZE, "%s: %s\n\n  takes    %s\n  default  %s\n\nManual: man martlet.ini",
                   m->key, m->text, wanted, has_default ? f->default_text : "none");
}
