// SPDX-License-Identifier: MIT
// What a certificate says and what is wrong with it, in sentences for the operator. Pure: no files, no clock.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "config/config.h"

enum {
    CERTIFICATE_SENTENCE_MAX = 640,
    CERTIFICATE_FINDINGS_MAX = 6,
    CERTIFICATE_NAMES_MAX = 1024,
    CERTIFICATE_ISSUER_MAX = 128,
    CERTIFICATE_FINGERPRINT_SIZE = 65,
};

enum certificate_weight {
    CERTIFICATE_NOTE,    // something that some operators want otherwise
    CERTIFICATE_WARNING, // clients will notice; serving goes on, because those that remember the key still accept it
    CERTIFICATE_REFUSE,  // no TLS can be spoken with it
};

struct certificate_report {
    bool is_readable;                  // what follows up to `findings` is valid
    char names[CERTIFICATE_NAMES_MAX]; // DNS names and addresses, separated by blanks; the last ones may be left off
    char issuer[CERTIFICATE_ISSUER_MAX];
    char key_sha256[CERTIFICATE_FINGERPRINT_SIZE]; // of the SubjectPublicKeyInfo, which clients remember; hexadecimal
    int64_t not_before_s, not_after_s;
    bool covers_domain;
    bool is_public; // clients can verify it: issued by somebody else, for this domain, and in its time

    struct {
        enum certificate_weight weight;
        char text[CERTIFICATE_SENTENCE_MAX];
    } findings[CERTIFICATE_FINDINGS_MAX];
    size_t n_findings;
};

struct certificate_question {
    struct slice cert_pem;
    struct slice key_pem; // empty: not looked at
    const char *domain;   // as in struct config, with brackets around an address
    enum config_certificate_source source;
    int64_t now_s;
};

void certificate_check(const struct certificate_question *q, struct certificate_report *ret);

// The first finding of CERTIFICATE_REFUSE, or NULL: the pair can be used.
const char *certificate_refusal(const struct certificate_report *r);
// Whether the certificate is for `name`, a DNS name or a bare address. False too when it cannot be read.
bool certificate_covers(struct slice cert_pem, const char *name);
// Whole days of life left; negative once it has expired.
int64_t certificate_days_left(const struct certificate_report *r, int64_t now_s);

enum { CERTIFICATE_ADDRESS_SIZE = 46 };
// The address in "[192.0.2.1]" or "[IPv6:2001:db8::1]" without its brackets. False: the domain is a name.
bool certificate_literal(const char *domain, char ret[CERTIFICATE_ADDRESS_SIZE]);
