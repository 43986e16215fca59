// SPDX-License-Identifier: MIT
// For tests: the zone of a.org with its keys, and answers made of text.
#pragma once

#include "zone/compare.h"
#include "zone/record.h"

struct fixture {
    struct zone zone;
    struct dkim_private_key *rsa, *ed25519;
};

#define FIXTURE_TLSA "8cb0fc6c527506a053f4f14c8464bebbd6dede2738d11468dd953d7d6a3021f1"

// An RSA key that signs ("opendkim"), an Ed25519 key, an issued certificate; `address`: of this machine, NULL:
// placeholders.
void fixture_init(struct fixture *f, const char *address);
void fixture_done(struct fixture *f);
// The first record of a kind and owner ("": any).
const struct zone_record *fixture_find(const struct fixture *f, enum zone_kind kind, const char *owner);

// Rdata from a line: "A 192.0.2.1", "AAAA ::1", "CNAME a.org", "MX 10 a.org", "SRV 0 1 587 a.org", "TLSA 3 1 1 HEX",
// "CAA 0 issue ca.org", "TXT one|two" (strings are separated by "|"). Returns its length.
size_t fixture_rdata(const char *line, char *ret, size_t size);

struct fixture_answer {
    struct dns_answer answer;
    struct slice records[16];
    char space[16 * 1024];
    size_t used;
};
// An answer about `owner` of those of `lines` (NULL-terminated) that are of this type; "-> NAME" moves its name there.
void fixture_answer(struct fixture_answer *a, const char *owner, const char *const *lines, const char *type);
