// SPDX-License-Identifier: MIT
#include "martlet/dns/zone_facts.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "config/config.h"
#include "config/url.h"
#include "martlet/dkim/keys.h"

enum { PEM_MAX = 512 * 1024, TABLE_MAX = 256 * 1024 };

static const char tlsa_later[] =
    "the TLSA record comes with the certificate: once the relay has one, `martlet dns` prints it too";
static const char tlsa_kept_away[] =
    "the TLSA record is left out, because the certificate may not be read by you: try sudo";

// ---- keys ----

static bool have_keys(const char *state_dir, char ret_error[FILES_ERROR_MAX]) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%.4000s/dkim", state_dir);
    if (access(path, R_OK | X_OK) == 0)
        return true;
    if (errno == ENOENT)
        (void)snprintf(ret_error, FILES_ERROR_MAX,
                       "there are no keys in %.200s yet: `martlet init` makes them, and so does the first start",
                       state_dir);
    else
        (void)snprintf(ret_error, FILES_ERROR_MAX, "%.300s: %s%s", path, strerror(errno),
                       errno == EACCES ? "; try sudo" : "");
    return false;
}

// The selector whose record mail depends on: as the relay chooses before it has looked into the DNS.
static const char *signing_selector(const struct config *c, const struct dkim_keys *keys) {
    char rsa[DKIM_SELECTOR_SIZE], ed25519[DKIM_SELECTOR_SIZE];
    dkim_keys_read_active(c->state_dir, rsa, ed25519);
    const struct dkim_key_entry *e = dkim_keys_find(keys, rsa);
    if (e == NULL)
        e = dkim_keys_find(keys, c->dkim_selector);
    if (e == NULL || dkim_private_key_algorithm(e->key) != DKIM_RSA_SHA256)
        e = dkim_keys_oldest(keys, DKIM_RSA_SHA256);
    return e != NULL ? e->selector : "";
}

static bool read_keys(const struct config *c, struct dkim_keys *keys, struct zone_key list[ZONE_KEYS_MAX],
                      struct zone_facts *facts, char ret_error[FILES_ERROR_MAX]) {
    if (!have_keys(c->state_dir, ret_error) || !dkim_keys_load(c->state_dir, keys, ret_error))
        return false;
    const char *signing = signing_selector(c, keys);
    for (size_t i = 0; i < keys->n && i < ZONE_KEYS_MAX; i++)
        list[i] =
            (struct zone_key){keys->list[i].selector, keys->list[i].key, strcmp(keys->list[i].selector, signing) == 0};
    facts->keys = list;
    facts->n_keys = keys->n < ZONE_KEYS_MAX ? keys->n : ZONE_KEYS_MAX;
    return true;
}

// ---- the certificate ----

static bool read_file(const char *path, struct buf *ret) {
    char error[FILES_ERROR_MAX];
    return files_read(AT_FDCWD, path, false, ret, error);
}

// False, with errno, when it cannot be read.
static bool read_acme(const struct config *c, struct buf *ret) {
    char error[FILES_ERROR_MAX], name[ACME_PATH_SIZE];
    int fd = acme_dir_open(c->state_dir, false, error);
    if (fd < 0)
        return false;
    acme_cert_path(c->mail_domain, name);
    bool ok = files_read(fd, name, true, ret, error);
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return ok;
}

static bool read_certificate(const struct config *c, enum config_certificate_source source, struct buf *ret) {
    char path[PATH_MAX];
    switch (source) {
    case CERTIFICATE_FROM_FILES:
        return read_file(c->tls_cert_path, ret);
    case CERTIFICATE_FROM_SELF:
        (void)snprintf(path, sizeof(path), "%.4000s/tls/cert.pem", c->state_dir);
        return read_file(path, ret);
    default:
        return read_acme(c, ret);
    }
}

static bool look_at_certificate(const struct config *c, struct certificate_report *ret) {
    struct buf pem;
    buf_init(&pem, PEM_MAX);
    *ret = (struct certificate_report){0};
    enum config_certificate_source source = config_certificate_source(c);
    bool ok = read_certificate(c, source, &pem);
    int error = errno;
    if (ok) {
        struct certificate_question q = {buf_slice(&pem), SLICE_EMPTY, c->mail_domain, source, clock_wall_s()};
        certificate_check(&q, ret);
    }
    buf_done(&pem);
    errno = error;
    return ok;
}

// RFC 8659 4.2: the name that the authority gives itself. Those that are known by their directory.
static const char *find_ca(const struct config *c) {
    struct config_url url;
    bool is_acme = config_certificate_source(c) == CERTIFICATE_FROM_ACME;
    if (!is_acme || !config_url_parse(slice_from_cstr(c->acme_directory), &url))
        return "";
    struct slice host = slice_from_cstr(url.host);
    if (slice_ends_with(host, SLICE(".api.letsencrypt.org")))
        return "letsencrypt.org";
    if (slice_eq(host, SLICE("acme.zerossl.com")))
        return "sectigo.com";
    if (slice_eq(host, SLICE("dv.acme-v02.api.pki.goog")))
        return "pki.goog";
    return slice_ends_with(host, SLICE(".buypass.com")) ? "buypass.com" : "";
}

// Of this very authority.
static void find_account(const struct config *c, char ret[ACME_URL_MAX]) {
    char error[FILES_ERROR_MAX];
    struct acme_status status = {0};
    ret[0] = '\0';
    int fd = acme_dir_open(c->state_dir, false, error);
    if (fd < 0)
        return;
    acme_status_read(fd, &status);
    (void)close(fd);
    if (strcmp(status.account_at, c->acme_directory) == 0)
        (void)snprintf(ret, ACME_URL_MAX, "%s", status.account);
}

void zone_certificate_read(const struct config *c, struct zone_certificate *ret) {
    find_account(c, ret->account);
    ret->is_kept_away = !look_at_certificate(c, &ret->report) && errno == EACCES;
}

bool zone_facts_read(const struct config *c, const struct zone_certificate *certificate,
                     const struct net_address *addresses, size_t n_addresses, struct zone_reading *ret,
                     char ret_error[FILES_ERROR_MAX]) {
    struct dkim_keys keys = {0};
    struct zone_key list[ZONE_KEYS_MAX];
    const struct certificate_report *report = &certificate->report;
    enum config_certificate_source source = config_certificate_source(c);
    struct zone_facts facts = {
        .domain = c->mail_domain,
        .addresses = addresses,
        .n_addresses = n_addresses,
        .ca = find_ca(c),
        .account = certificate->account,
        .challenge = c->acme_dns_hook[0] != '\0' ? "dns-01" : "http-01",
        .tlsa_sha256 = report->is_readable ? report->key_sha256 : "",
        .has_public_certificate = source == CERTIFICATE_FROM_ACME ||
                                  (source == CERTIFICATE_FROM_FILES && (!report->is_readable || report->is_public)),
    };
    if (!read_keys(c, &keys, list, &facts, ret_error))
        return false;
    ret->tlsa_note = report->is_readable ? "" : certificate->is_kept_away ? tlsa_kept_away : tlsa_later;
    zone_init(&facts, &ret->zone);
    dkim_keys_done(&keys);
    return true;
}

// ---- addresses ----

// Not those that are for a host, a link, a private network, or for books alone (RFC 6890).
static bool is_public_ipv4(const uint8_t *a) {
    static const struct {
        uint8_t net[3], mask[3];
    } special[] = {
        {{0}, {255}},
        {{10}, {255}},
        {{100, 64}, {255, 192}},
        {{127}, {255}},
        {{169, 254}, {255, 255}},
        {{172, 16}, {255, 240}},
        {{192}, {255, 255, 255}},
        {{192, 0, 2}, {255, 255, 255}},
        {{192, 168}, {255, 255}},
        {{198, 18}, {255, 254}},
        {{198, 51, 100}, {255, 255, 255}},
        {{203, 0, 113}, {255, 255, 255}},
        {{224}, {224}},
    };
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        bool is_in = true;
        for (size_t j = 0; j < sizeof(special[i].net); j++)
            is_in = is_in && (a[j] & special[i].mask[j]) == special[i].net[j];
        if (is_in)
            return false;
    }
    return true;
}

static bool is_public(const struct net_address *a) {
    static const uint8_t books[] = {0x20, 0x01, 0x0d, 0xb8};
    if (net_address_is_ipv4(a))
        return is_public_ipv4(a->ip + 12);
    return (a->ip[0] & 0xe0) == 0x20 && memcmp(a->ip, books, sizeof(books)) != 0; // 2000::/3 (RFC 4291 2.4)
}

// A line of /proc/net/if_inet6: the address, and the number, prefix, scope and flags of its interface, hexadecimal.
static bool reads_as(struct slice line, const struct net_address *a, uint8_t *ret_flags) {
    uint8_t ip[sizeof(a->ip)];
    if (!hex_decode(slice_next_word(&line), ip, sizeof(ip)) || memcmp(ip, a->ip, sizeof(ip)) != 0)
        return false;
    for (int i = 0; i < 3; i++)
        (void)slice_next_word(&line);
    return hex_decode(slice_next_word(&line), ret_flags, 1);
}

// An address that the machine has for a day only, to hide behind (RFC 8981), or does not begin to use any more.
static bool is_passing(struct slice table, const struct net_address *a) {
    static const uint8_t passing = IFA_F_TEMPORARY | IFA_F_DADFAILED | IFA_F_DEPRECATED;
    struct slice line;
    uint8_t flags;
    while (slice_cut(table, '\n', &line, &table))
        if (reads_as(line, a, &flags))
            return (flags & passing) != 0;
    return false;
}

size_t zone_facts_interfaces(struct net_address *ret, size_t max) {
    struct ifaddrs *all;
    struct buf table;
    size_t n = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    buf_init(&table, TABLE_MAX);
    (void)!read_file("/proc/net/if_inet6", &table); // without it, none is known to pass
    for (const struct ifaddrs *i = all; i != NULL && n < max; i = i->ifa_next) {
        if (i->ifa_addr == NULL || (i->ifa_flags & IFF_UP) == 0 || (i->ifa_flags & IFF_LOOPBACK) != 0)
            continue;
        struct net_address a = net_address_from_sockaddr(i->ifa_addr);
        if (!net_address_is_none(&a) && is_public(&a) && !is_passing(buf_slice(&table), &a))
            ret[n++] = a;
    }
    buf_done(&table);
    freeifaddrs(all);
    return n;
}
