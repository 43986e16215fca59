// SPDX-License-Identifier: MIT
// Certificates and keys from anywhere: every report is in bounds and fit for a terminal, and one that can be used has
// no unreadable part. The first octet says whether what follows is PEM or the DER in it, so that the octets behind the
// base64 are reached, and picks domain and source.
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "martlet/acme/certificate_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { IS_DER = 1, HAS_KEY = 2, DER_MAX = 16 * 1024 };

static const char head[] = "-----BEGIN CERTIFICATE-----\n", tail[] = "\n-----END CERTIFICATE-----\n";

// In lines, as PEM wants them (RFC 7468 section 2).
static char *to_pem(const uint8_t *der, size_t size) {
    char *pem = mem_alloc((size / 48 + 1) * 66), *to = pem;
    for (size_t at = 0; at < size; at += 48) {
        to += EVP_EncodeBlock((unsigned char *)to, der + at, (int)(size - at < 48 ? size - at : 48));
        *to++ = '\n';
    }
    *to = '\0';
    size_t len = strlen(head) + (size_t)(to - pem) + strlen(tail) + 1;
    char *whole = mem_alloc(len);
    (void)snprintf(whole, len, "%s%.*s%s", head, to > pem ? (int)(to - pem) - 1 : 0, pem, tail);
    free(pem);
    return whole;
}

static void check_text(const char *text, size_t size) {
    ASSERT(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++)
        ASSERT(*text >= ' ' && *text <= '~');
}

static void check_report(const struct certificate_report *r, const struct certificate_question *q) {
    check_text(r->names, sizeof(r->names));
    check_text(r->issuer, sizeof(r->issuer));
    check_text(r->key_sha256, sizeof(r->key_sha256));
    ASSERT(r->n_findings <= CERTIFICATE_FINDINGS_MAX);
    for (size_t i = 0; i < r->n_findings; i++)
        check_text(r->findings[i].text, sizeof(r->findings[i].text));
    ASSERT(r->is_readable || certificate_refusal(r) != NULL);
    ASSERT(!r->is_public || (r->is_readable && r->covers_domain && certificate_days_left(r, q->now_s) >= 0));
    if (r->is_readable && q->domain[0] != '[')
        ASSERT(r->covers_domain == certificate_covers(q->cert_pem, q->domain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const domains[] = {"chat.example.org", "[192.0.2.1]", "[IPv6:2001:db8::1]", "[]"};
    static const enum config_certificate_source sources[] = {CERTIFICATE_FROM_FILES, CERTIFICATE_FROM_SELF};
    if (size == 0 || size > DER_MAX)
        return 0;
    char *pem = data[0] & IS_DER ? to_pem(data + 1, size - 1) : NULL;
    struct slice text = pem != NULL ? slice_from_cstr(pem) : slice_make((const char *)data + 1, size - 1);
    struct certificate_question q = {.cert_pem = text,
                                     .key_pem = data[0] & HAS_KEY ? text : SLICE_EMPTY,
                                     .domain = domains[data[0] >> 2 & 3],
                                     .source = sources[data[0] >> 4 & 1],
                                     .now_s = 1800000000};
    static struct certificate_report report;
    certificate_check(&q, &report);
    check_report(&report, &q);
    free(pem);
    return 0;
}
