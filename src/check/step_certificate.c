// SPDX-License-Identifier: MIT
// The certificate as a client sees it (RFC 5280, RFC 9525).
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "check/step.h"
#include "net/certificate_life.h"
#include "net/certificate_read.h"

enum { DAY_S = 86400 };

// Clients that cannot check it know the relay by its key, and look at neither name nor time.
static enum check_verdict judge_self_signed(X509 *cert, const struct check *c, struct check_result *r) {
    if (!certificate_read_is_for(cert, c->name))
        return check_fail(r,
                          "it is self-signed and not for %s; clients that ask for the name refuse it: give one with "
                          "tls_external_cert_and_key, or remove STATE/tls for a new one, and restart",
                          c->name);
    return check_ok(r, "self-signed, as this relay's is meant to be");
}

// The names that other servers and browsers ask for; each is worth a word, none a failure.
static void list_missing(X509 *cert, const struct check *c, char *ret, size_t size) {
    static const char *const more[] = {"mta-sts", "www"};
    struct net_address a = {0};
    ret[0] = '\0';
    if (net_address_parse(slice_from_cstr(c->name), &a))
        return;
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        char name[CHECK_DOMAIN_SIZE + 16];
        (void)snprintf(name, sizeof(name), "%s.%s", more[i], c->name);
        size_t len = strlen(ret);
        if (!certificate_read_is_for(cert, name))
            (void)snprintf(ret + len, size - len, "%s%s", len == 0 ? "; not for " : ", ", name);
    }
}

static enum check_verdict judge_public(X509 *cert, long verified, const struct check *c, struct check_result *r) {
    int64_t now = clock_wall_s(), from = certificate_read_time(X509_get0_notBefore(cert)),
            until = certificate_read_time(X509_get0_notAfter(cert));
    if (now < from)
        return check_fail(r, "it is not valid yet; set this machine's clock, which may be slow");
    if (now >= until)
        return check_fail(r, "it expired %lld days ago; renew it: `martlet certificate` says what stands in the way",
                          (long long)((now - until) / DAY_S));
    if (!certificate_read_is_for(cert, c->name))
        return check_fail(r, "it is not for %s; get one for this name: see `martlet certificate`", c->name);
    if (verified != X509_V_OK)
        return check_fail(r, "clients cannot check it (%s); see `martlet certificate`",
                          X509_verify_cert_error_string(verified));
    char missing[2 * CHECK_DOMAIN_SIZE + 64];
    list_missing(cert, c, missing, sizeof(missing));
    long long days = (long long)((until - now) / DAY_S);
    if (now >= certificate_late_at(from, until))
        return check_fail(
            r, "it ends in %lld days and is not renewed; `martlet certificate` says what stands in the way", days);
    return check_ok(r, "for %s, %lld days left%s", c->name, days, missing);
}

// A relay elsewhere says nothing of itself: its domain tells (it begins with "_", or is an address).
static bool is_self_signed(const struct check *c) {
    if (c->status != NULL)
        return check_status_true(c, "certificate", "self_signed");
    return c->domain[0] == '_' || c->domain[0] == '[';
}

enum check_verdict check_step_certificate(struct check *c, struct check_result *r) {
    struct check_link l;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, "imaps");
    check_link_init(&l, &c->limit);
    enum check_verdict verdict;
    if (!check_link_connect(&l, &to) || !check_link_secure(&l, &tls)) {
        verdict = check_fail(r, "no TLS could be spoken: %s; see the relay's log", l.error);
    } else {
        X509 *cert = SSL_get0_peer_certificate(l.ssl);
        ASSERT(cert != NULL);
        verdict =
            is_self_signed(c) ? judge_self_signed(cert, c, r) : judge_public(cert, SSL_get_verify_result(l.ssl), c, r);
    }
    check_link_close(&l);
    return verdict;
}
