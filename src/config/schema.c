// SPDX-License-Identifier: MIT
#include "config/schema.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "config/meaning.h"
#include "config/network.h"
#include "config/url.h"
#include "config/value.h"

enum { SHOWN_MAX = 60 };

#define AT(member) offsetof(struct config, member)
#define KIB ((uint64_t)1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)
#define PIB (GIB * MIB)

// Local parts have 64 octets at most (RFC 5321 4.5.3.1.1), so a user name cannot be longer. A minimum above 128 would
// refuse the passwords that clients invent.
const struct config_field config_fields[CONFIG_N_FIELDS] = {
    {"mail_domain", CONFIG_TYPE_DOMAIN, AT(mail_domain), NULL, 0, 0},
    {"state_dir", CONFIG_TYPE_STRING, AT(state_dir), "/var/lib/martlet", 1, 0},
    {"tls_external_cert_and_key", CONFIG_TYPE_TLS_PAIR, AT(tls_cert_path), "", 0, 0},
    {"www_folder", CONFIG_TYPE_STRING, AT(www_folder), "", 0, 0},
    {"donate_url", CONFIG_TYPE_STRING, AT(donate_url), "", 0, 0},
    {"certificate", CONFIG_TYPE_CERTIFICATE, AT(certificate), "auto", 0, 0},
    {"acme_email", CONFIG_TYPE_STRING, AT(acme_email), "", 0, 0},
    {"acme_directory", CONFIG_TYPE_STRING, AT(acme_directory), "https://acme-v02.api.letsencrypt.org/directory", 1, 0},
    {"acme_dns_hook", CONFIG_TYPE_STRING, AT(acme_dns_hook), "", 0, 0},
    {"iroh_relay", CONFIG_TYPE_URL, AT(iroh_relay), "", 0, 0},
    {"metrics_address", CONFIG_TYPE_PRIVATE_ENDPOINT, AT(metrics_address), "", 0, 0},
    {"privacy_postal", CONFIG_TYPE_TEXT, AT(privacy_postal), "", 0, 0},
    {"privacy_mail", CONFIG_TYPE_STRING, AT(privacy_mail), "", 0, 0},
    {"privacy_pdo", CONFIG_TYPE_TEXT, AT(privacy_pdo), "", 0, 0},
    {"privacy_supervisor", CONFIG_TYPE_TEXT, AT(privacy_supervisor), "", 0, 0},
    {"mailboxes_dir", CONFIG_TYPE_STRING, AT(mailboxes_dir), NULL, 1, 0}, // default: see config.c
    {"nocreate_path", CONFIG_TYPE_STRING, AT(nocreate_path), "/etc/chatmail-nocreate", 0, 0},
    {"user", CONFIG_TYPE_STRING, AT(user), "martlet", 1, 0},
    {"max_user_send_per_minute", CONFIG_TYPE_U32, AT(max_user_send_per_minute), "60", 1, 1000000},
    {"max_user_send_burst_size", CONFIG_TYPE_U32, AT(max_user_send_burst_size), "10", 1, 1000000},
    {"max_mailbox_size", CONFIG_TYPE_SIZE_MB, AT(max_mailbox_size), "500M", 1, PIB},
    {"max_message_size", CONFIG_TYPE_SIZE, AT(max_message_size), "31457280", KIB, GIB},
    {"delete_mails_after", CONFIG_TYPE_U32, AT(delete_mails_after), "20", 1, 36500},
    {"delete_large_after", CONFIG_TYPE_U32, AT(delete_large_after), "7", 1, 36500},
    {"delete_inactive_users_after", CONFIG_TYPE_U32, AT(delete_inactive_users_after), "90", 1, 36500},
    {"username_min_length", CONFIG_TYPE_U32, AT(username_min_length), "9", 1, 64},
    {"username_max_length", CONFIG_TYPE_U32, AT(username_max_length), "9", 1, 64},
    {"password_min_length", CONFIG_TYPE_U32, AT(password_min_length), "9", 1, 128},
    {"max_load_1m", CONFIG_TYPE_NUMBER, AT(max_load_1m), "5", 0, 100000},
    {"min_available_memory", CONFIG_TYPE_SIZE_MB, AT(min_available_memory), "200M", 0, PIB},
    {"min_free_disk_space", CONFIG_TYPE_SIZE_MB, AT(min_free_disk_space), "1G", 0, PIB},
    {"max_memory", CONFIG_TYPE_SIZE_MB, AT(max_memory), "0", 0, PIB},
    {"busy_after_ms", CONFIG_TYPE_U32, AT(busy_after_ms), "500", 10, 3600000},
    {"max_imap_connections", CONFIG_TYPE_U32, AT(max_imap_connections), "10000", 1, 10000000},
    {"max_smtp_connections", CONFIG_TYPE_U32, AT(max_smtp_connections), "1000", 1, 10000000},
    {"max_http_connections", CONFIG_TYPE_U32, AT(max_http_connections), "2000", 1, 10000000},
    {"max_new_accounts_per_hour", CONFIG_TYPE_U32, AT(max_new_accounts_per_hour), "100", 0, 1000000},
    {"disable_ipv6", CONFIG_TYPE_BOOL, AT(disable_ipv6), "false", 0, 0},
    {"imap_rawlog", CONFIG_TYPE_BOOL, AT(imap_rawlog), "false", 0, 0},
    {"imap_compress", CONFIG_TYPE_BOOL, AT(imap_compress), "false", 0, 0},
    {"log_addresses", CONFIG_TYPE_BOOL, AT(log_addresses), "false", 0, 0},
    {"max_relay_sessions", CONFIG_TYPE_U32, AT(max_relay_sessions), "100", 1, 1000000},
    {"dkim_selector", CONFIG_TYPE_SELECTOR, AT(dkim_selector), "opendkim", 0, 0},
    {"queue_lifetime_hours", CONFIG_TYPE_U32, AT(queue_lifetime_hours), "48", 1, 720},
    {"queue_retry_min", CONFIG_TYPE_U32, AT(queue_retry_min), "300", 1, 86400},
    {"queue_retry_max", CONFIG_TYPE_U32, AT(queue_retry_max), "4000", 1, 86400},
    {"outbound_smtp_port", CONFIG_TYPE_U32, AT(outbound_smtp_port), "25", 1, 65535},
    {"outbound_https_port", CONFIG_TYPE_U32, AT(outbound_https_port), "443", 1, 65535},
    {"dns_forward", CONFIG_TYPE_FORWARDERS, AT(dns_forward), "", 0, 0},
    {"dns_root_hints", CONFIG_TYPE_STRING, AT(dns_root_hints), "", 0, 0},
    {"dns_trust_anchor", CONFIG_TYPE_STRING, AT(dns_trust_anchor), "", 0, 0},
    {"ca_file", CONFIG_TYPE_STRING, AT(ca_file), "", 0, 0},
    {"registration", CONFIG_TYPE_REGISTRATION, AT(registration), "open", 0, 0},
    {"push_gateway", CONFIG_TYPE_URL, AT(push_gateway), "https://notifications.delta.chat/notify", 0, 0},
    {"turn", CONFIG_TYPE_BOOL, AT(turn), "true", 0, 0},
    {"turn_external_address", CONFIG_TYPE_ADDRESSES, AT(turn_external_ipv4), "", 0, 0},
    {"turn_ports", CONFIG_TYPE_PORTS, AT(turn_port_min), "49152-65535", 1024, 65535},
    {"turn_allowed_peers", CONFIG_TYPE_NETWORKS, AT(turn_allowed_peers), "", 0, 0},
    {"max_turn_allocations", CONFIG_TYPE_U32, AT(max_turn_allocations), "1000", 1, 1000000},
    {"turn_allocations_per_user", CONFIG_TYPE_U32, AT(turn_allocations_per_user), "10", 1, 1000000},
    {"turn_allocations_per_address", CONFIG_TYPE_U32, AT(turn_allocations_per_address), "20", 1, 1000000},
    {"turn_bandwidth", CONFIG_TYPE_SIZE, AT(turn_bandwidth), "1M", 4 * KIB, GIB},
    {"turn_total_bandwidth", CONFIG_TYPE_SIZE, AT(turn_total_bandwidth), "0", 0, 1024 * GIB},
    {"max_iroh_connections", CONFIG_TYPE_U32, AT(max_iroh_connections), "10000", 1, 10000000},
    {"iroh_connections_per_address", CONFIG_TYPE_U32, AT(iroh_connections_per_address), "64", 1, 10000000},
    {"iroh_bandwidth", CONFIG_TYPE_SIZE, AT(iroh_bandwidth), "2M", 4 * KIB, 16 * GIB},
    {"iroh_relay_only", CONFIG_TYPE_BOOL, AT(iroh_relay_only), "false", 0, 0},
    {"appversions_file", CONFIG_TYPE_STRING, AT(appversions_file), "", 0, 0},
    {"appversions_hosts", CONFIG_TYPE_PLACES, AT(appversions_hosts), "", 0, 0},
};

const struct config_field *config_field_find(const char *key) {
    if (strcmp(key, "mtail_address") == 0) // its name in an existing chatmail.ini
        key = "metrics_address";
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++)
        if (strcmp(config_fields[i].key, key) == 0)
            return &config_fields[i];
    return NULL;
}

bool config_key_is_foreign(const char *key) {
    static const char *const programs[] = {"filtermail_", "postfix_", "dovecot_", "mtail_", "opendkim_", "nginx_"};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++)
        if (strncmp(key, programs[i], strlen(programs[i])) == 0)
            return strstr(key, "_port") != NULL;
    return false;
}

PRINTF_LIKE(2, 3) static bool refuse(char reason[CONFIG_REASON_SIZE], const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(reason, CONFIG_REASON_SIZE, fmt, args);
    va_end(args);
    return false;
}

// The start of a value, as much as a complaint should repeat.
static struct slice shown(struct slice value) {
    return slice_sub(value, 0, SHOWN_MAX);
}

// What the key takes, what it was given, and what was perhaps meant.
static bool refuse_value(const struct config_field *f, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    static const char *const words[] = {"true",   "false",  "yes",  "no",   "open",
                                        "invite", "closed", "auto", "acme", "self-signed"};
    enum { BOOL_FROM = 0, REGISTRATION_FROM = 4, CERTIFICATE_FROM = 7, END = 10 };
    size_t from = f->type == CONFIG_TYPE_BOOL           ? BOOL_FROM
                  : f->type == CONFIG_TYPE_REGISTRATION ? REGISTRATION_FROM
                  : f->type == CONFIG_TYPE_CERTIFICATE  ? CERTIFICATE_FROM
                                                        : END;
    size_t to = from == BOOL_FROM ? REGISTRATION_FROM : from == REGISTRATION_FROM ? CERTIFICATE_FROM : END;
    char wanted[CONFIG_WANTED_SIZE], given[SHOWN_MAX + 1];
    config_meaning_wanted(f, wanted);
    (void)snprintf(given, sizeof(given), "%.*s", SLICE_FMT(shown(value)));
    const char *near = suggest(given, words + from, to - from);
    return refuse(reason, "must be %s, not \"%s\"%s%s%s", wanted, given, near != NULL ? "; did you mean " : "",
                  near != NULL ? near : "", near != NULL ? "?" : "");
}

static bool is_within(const struct config_field *f, double value) {
    return value >= (double)f->min && value <= (double)f->max;
}

static void replace(char **owned, struct slice value) {
    free(*owned);
    *owned = slice_dup(value);
}

// RFC 3629 section 4, without the shortest-form and surrogate rules of the second octet: enough to tell it from another
// encoding, which is what an editor may have saved.
static bool is_utf8(struct slice text) {
    for (size_t i = 0; i < text.len;) {
        unsigned char c = (unsigned char)text.ptr[i++];
        size_t more = c < 0x80                ? 0
                      : c >= 0xc2 && c < 0xe0 ? 1
                      : c >= 0xe0 && c < 0xf0 ? 2
                      : c >= 0xf0 && c < 0xf5 ? 3
                                              : 4;
        if (more == 4)
            return false;
        for (; more > 0; more--, i++)
            if (i == text.len || ((unsigned char)text.ptr[i] & 0xc0) != 0x80)
                return false;
    }
    return true;
}

static bool set_text(const struct config_field *f, char **member, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c == '\n' && f->type != CONFIG_TYPE_TEXT)
            return refuse(reason, "must be one line (an indented line continues the value above it)");
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
            return refuse(reason, "holds a control character");
    }
    if (!is_utf8(value))
        return refuse(reason, "is not text in UTF-8; save the file with that encoding");
    if (value.len < f->min)
        return refuse(reason, "must not be empty");
    replace(member, value);
    return true;
}

static bool set_domain(const struct config_field *f, char **member, struct slice value,
                       char reason[CONFIG_REASON_SIZE]) {
    char domain[CONFIG_DOMAIN_SIZE];
    if (!config_domain_parse(value, domain))
        return refuse_value(f, value, reason);
    replace(member, slice_from_cstr(domain));
    return true;
}

static bool set_selector(const struct config_field *f, char **member, struct slice value,
                         char reason[CONFIG_REASON_SIZE]) {
    char selector[CONFIG_SELECTOR_SIZE];
    if (!config_selector_parse(value, selector))
        return refuse_value(f, value, reason);
    replace(member, slice_from_cstr(selector));
    return true;
}

static bool set_forwarders(char **member, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    struct slice rest = value;
    struct config_forwarder one;
    size_t n = 0;
    while (slice_trim(rest).len > 0) {
        if (!config_forwarder_next(&rest, &one))
            return refuse(reason, "must be IP addresses, each with an optional @PORT, not \"%.*s\"",
                          SLICE_FMT(shown(slice_trim(rest))));
        if (++n > CONFIG_FORWARDERS_MAX)
            return refuse(reason, "more than %d addresses", CONFIG_FORWARDERS_MAX);
    }
    replace(member, value);
    return true;
}

static bool set_url(const struct config_field *f, char **member, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    struct config_url url;
    if (value.len > 0 && !config_url_parse(value, &url))
        return refuse_value(f, value, reason);
    replace(member, value);
    return true;
}

static bool set_private_endpoint(const struct config_field *f, char **member, struct slice value,
                                 char reason[CONFIG_REASON_SIZE]) {
    struct config_endpoint endpoint;
    if (value.len > 0 && !config_endpoint_parse(value, 0, &endpoint))
        return refuse_value(f, value, reason);
    if (value.len > 0 && !config_endpoint_is_private(&endpoint))
        return refuse(reason, "must be a loopback or private address, which no stranger reaches, not \"%.*s\"",
                      SLICE_FMT(shown(value)));
    replace(member, value);
    return true;
}

static bool set_networks(char **member, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    struct slice rest = value;
    struct config_network network;
    size_t n = 0;
    for (struct slice one; one = config_list_next(&rest), one.len > 0;) {
        struct slice copy = one;
        if (!config_network_next(&copy, &network))
            return refuse(reason, "must be IP addresses and networks such as 10.0.0.0/8, not \"%.*s\"",
                          SLICE_FMT(shown(one)));
        if (++n > CONFIG_NETWORKS_MAX)
            return refuse(reason, "more than %d networks", CONFIG_NETWORKS_MAX);
    }
    replace(member, value);
    return true;
}

static bool set_places(char **member, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    struct slice rest = value;
    struct config_url place;
    size_t n = 0;
    for (struct slice one; one = config_list_next(&rest), one.len > 0;) {
        struct slice copy = one;
        if (!config_place_next(&copy, &place))
            return refuse(reason, "must be hosts, each with an optional /path/, not \"%.*s\"", SLICE_FMT(shown(one)));
        if (++n > CONFIG_PLACES_MAX)
            return refuse(reason, "more than %d hosts", CONFIG_PLACES_MAX);
    }
    replace(member, value);
    return true;
}

static bool set_external_addresses(struct config *c, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    struct slice rest = value, ipv4 = SLICE_EMPTY, ipv6 = SLICE_EMPTY;
    for (struct slice one; one = config_list_next(&rest), one.len > 0;) {
        struct slice copy = one;
        struct config_network address;
        if (slice_find(one, '/') < one.len || !config_network_next(&copy, &address))
            return refuse(reason, "must be IP addresses, not \"%.*s\"", SLICE_FMT(shown(one)));
        struct slice *of_family = address.is_ipv6 ? &ipv6 : &ipv4;
        if (of_family->len > 0)
            return refuse(reason, "more than one %s address", address.is_ipv6 ? "IPv6" : "IPv4");
        *of_family = one;
    }
    replace(&c->turn_external_ipv4, ipv4);
    replace(&c->turn_external_ipv6, ipv6);
    return true;
}

static bool set_ports(const struct config_field *f, struct config *c, struct slice value,
                      char reason[CONFIG_REASON_SIZE]) {
    uint16_t first, last;
    if (!config_ports_parse(value, &first, &last))
        return refuse_value(f, value, reason);
    if (!is_within(f, first))
        return refuse_value(f, value, reason);
    c->turn_port_min = first;
    c->turn_port_max = last;
    return true;
}

static bool set_tls_pair(struct config *c, struct slice value, char reason[CONFIG_REASON_SIZE]) {
    struct slice rest = value;
    struct slice cert = slice_next_word(&rest), key = slice_next_word(&rest);
    if (slice_find(value, '\n') < value.len || slice_trim(rest).len > 0 || (cert.len > 0 && key.len == 0))
        return refuse(reason, "must be two paths: CERTIFICATE KEY");
    replace(&c->tls_cert_path, cert);
    replace(&c->tls_key_path, key);
    return true;
}

static bool set_u32(const struct config_field *f, uint32_t *member, struct slice value,
                    char reason[CONFIG_REASON_SIZE]) {
    uint64_t number;
    if (!slice_to_u64(value, &number) || !is_within(f, (double)number))
        return refuse_value(f, value, reason);
    *member = (uint32_t)number;
    return true;
}

static bool set_size(const struct config_field *f, uint64_t *member, struct slice value,
                     char reason[CONFIG_REASON_SIZE]) {
    uint64_t octets;
    if (!config_size_parse(value, f->type == CONFIG_TYPE_SIZE_MB ? MIB : 1, &octets) || !is_within(f, (double)octets))
        return refuse_value(f, value, reason);
    *member = octets;
    return true;
}

static bool set_number(const struct config_field *f, double *member, struct slice value,
                       char reason[CONFIG_REASON_SIZE]) {
    double number;
    if (!config_number_parse(value, &number) || !is_within(f, number))
        return refuse_value(f, value, reason);
    *member = number;
    return true;
}

// One of a few words; the value is the index.
static bool set_word(const char *const *words, size_t n, int *ret, struct slice value) {
    for (size_t i = 0; i < n; i++) {
        if (slice_eq_ci(value, slice_from_cstr(words[i]))) {
            *ret = (int)i;
            return true;
        }
    }
    return false;
}

static bool set_registration(struct config *c, struct slice value) {
    static const char *const words[] = {
        [REGISTRATION_OPEN] = "open", [REGISTRATION_INVITE] = "invite", [REGISTRATION_CLOSED] = "closed"};
    int word = 0;
    bool ok = set_word(words, ARRAY_LEN(words), &word, value);
    if (ok)
        c->registration = (enum config_registration)word;
    return ok;
}

static bool set_certificate(struct config *c, struct slice value) {
    static const char *const words[] = {
        [CERTIFICATE_AUTO] = "auto", [CERTIFICATE_ACME] = "acme", [CERTIFICATE_SELF_SIGNED] = "self-signed"};
    int word = 0;
    bool ok = set_word(words, ARRAY_LEN(words), &word, value);
    if (ok)
        c->certificate = (enum config_certificate)word;
    return ok;
}

bool config_field_set(const struct config_field *f, struct config *c, struct slice value,
                      char ret_reason[CONFIG_REASON_SIZE]) {
    void *member = (char *)c + f->offset;
    switch (f->type) {
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_TEXT:
        return set_text(f, member, value, ret_reason);
    case CONFIG_TYPE_DOMAIN:
        return set_domain(f, member, value, ret_reason);
    case CONFIG_TYPE_SELECTOR:
        return set_selector(f, member, value, ret_reason);
    case CONFIG_TYPE_FORWARDERS:
        return set_forwarders(member, value, ret_reason);
    case CONFIG_TYPE_URL:
        return set_url(f, member, value, ret_reason);
    case CONFIG_TYPE_PRIVATE_ENDPOINT:
        return set_private_endpoint(f, member, value, ret_reason);
    case CONFIG_TYPE_NETWORKS:
        return set_networks(member, value, ret_reason);
    case CONFIG_TYPE_PLACES:
        return set_places(member, value, ret_reason);
    case CONFIG_TYPE_ADDRESSES:
        return set_external_addresses(c, value, ret_reason);
    case CONFIG_TYPE_PORTS:
        return set_ports(f, c, value, ret_reason);
    case CONFIG_TYPE_TLS_PAIR:
        return set_tls_pair(c, value, ret_reason);
    case CONFIG_TYPE_BOOL:
        return config_bool_parse(value, member) || refuse_value(f, value, ret_reason);
    case CONFIG_TYPE_U32:
        return set_u32(f, member, value, ret_reason);
    case CONFIG_TYPE_SIZE:
    case CONFIG_TYPE_SIZE_MB:
        return set_size(f, member, value, ret_reason);
    case CONFIG_TYPE_NUMBER:
        return set_number(f, member, value, ret_reason);
    case CONFIG_TYPE_REGISTRATION:
        return set_registration(c, value) || refuse_value(f, value, ret_reason);
    case CONFIG_TYPE_CERTIFICATE:
        return set_certificate(c, value) || refuse_value(f, value, ret_reason);
    }
    UNREACHABLE();
}

void config_field_clear(const struct config_field *f, struct config *c) {
    switch (f->type) {
    case CONFIG_TYPE_STRING:
    case CONFIG_TYPE_TEXT:
    case CONFIG_TYPE_DOMAIN:
    case CONFIG_TYPE_SELECTOR:
    case CONFIG_TYPE_FORWARDERS:
    case CONFIG_TYPE_URL:
    case CONFIG_TYPE_PRIVATE_ENDPOINT:
    case CONFIG_TYPE_NETWORKS:
    case CONFIG_TYPE_PLACES: {
        char **owned = (char **)((char *)c + f->offset);
        free(*owned);
        *owned = NULL;
        break;
    }
    case CONFIG_TYPE_TLS_PAIR:
        free(c->tls_cert_path);
        free(c->tls_key_path);
        c->tls_cert_path = c->tls_key_path = NULL;
        break;
    case CONFIG_TYPE_ADDRESSES:
        free(c->turn_external_ipv4);
        free(c->turn_external_ipv6);
        c->turn_external_ipv4 = c->turn_external_ipv6 = NULL;
        break;
    default:
        break;
    }
}
