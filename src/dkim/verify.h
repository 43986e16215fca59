// SPDX-License-Identifier: MIT
// The verifier of one message (RFC 6376 section 6), strictly aligned: a signature counts only when its d= is the domain
// of the From address itself. Pure: it says which key records it needs, the caller fetches them.
//
//     v = dkim_verifier_new(from_domain, now, cache)
//     dkim_verifier_header(v, header)          once, before the body
//     dkim_verifier_body(v, octets)            in any pieces
//     dkim_verifier_end(v)                     body hashes are compared, cached keys are tried
//     while dkim_verifier_verdict(v) is OPEN:  dkim_verifier_questions(), then dkim_verifier_answer() for each
//
// One message may come with two bodies of which either will do (a peer that may or may not have doubled leading dots):
// they share the header and, until they differ, the hashing. A signature whose body hash fits neither costs no
// question.
//
// The work for one message is bounded: DKIM_SIGNATURES_MAX signature fields are parsed, DKIM_ATTEMPTS_MAX of the
// aligned are tried, each with DKIM_RECORDS_MAX keys at most.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "dkim/key_cache.h"

enum {
    DKIM_SIGNATURES_MAX = 32,
    DKIM_ATTEMPTS_MAX = 5,
    DKIM_RECORDS_MAX = 3,
    DKIM_HEADER_LEN_MAX = 256 * 1024,
    DKIM_FIELDS_MAX = 4096,
    DKIM_CLOCK_SKEW_S = 300, // how far t= may lie in the future
};

enum dkim_verdict {
    DKIM_OPEN,      // answers are missing
    DKIM_PASS,      // at least one signature is valid and aligned
    DKIM_NONE,      // there is no DKIM-Signature field
    DKIM_FAIL,      // there are some, none valid and aligned
    DKIM_TEMPERROR, // none passed for the whole body, but a key record could not be fetched: ask the sender to try
                    // again
};

// Which of the two bodies.
enum dkim_variant { DKIM_BODY_MAIN, DKIM_BODY_OTHER };

struct dkim_verifier;

// `from_domain` is copied; compared case-insensitively. `now_s` is Unix time. `cache` may be NULL; it outlives the
// verifier.
struct dkim_verifier *dkim_verifier_new(struct slice from_domain, int64_t now_s, struct dkim_key_cache *cache);
// At any time, also with questions open. NULL is accepted.
void dkim_verifier_free(struct dkim_verifier *v);

// The whole header as it came, with or without the blank line that ends it; not kept. A header over DKIM_HEADER_LEN_MAX
// or DKIM_FIELDS_MAX counts as one whose signatures are invalid.
void dkim_verifier_header(struct dkim_verifier *v, struct slice header);

// The next octets of the body. Goes into both bodies once they were told apart.
void dkim_verifier_body(struct dkim_verifier *v, struct slice octets);
// Octets of one of two bodies alone. The first call makes two of one: what came before belongs to both. Where a leading
// dot was taken away, dkim_verifier_body_of(v, DKIM_BODY_OTHER, ".") keeps the form that came in as the other body.
void dkim_verifier_body_of(struct dkim_verifier *v, enum dkim_variant variant, struct slice octets);
void dkim_verifier_end(struct dkim_verifier *v);

// After the end. Never OPEN again once it was something else.
enum dkim_verdict dkim_verifier_verdict(const struct dkim_verifier *v);
// The query names whose TXT records are still wanted, each once; 0 when the verdict has fallen. Borrowed until the
// verifier is freed. They may be asked for all at once or one by one (the first first).
size_t dkim_verifier_questions(const struct dkim_verifier *v, const char *ret_names[DKIM_ATTEMPTS_MAX]);

enum dkim_answer_status {
    DKIM_ANSWER_RECORDS,   // at least one TXT record
    DKIM_ANSWER_NONE,      // there is none: NXDOMAIN, NODATA
    DKIM_ANSWER_TEMPERROR, // timeout, server failure, bogus: unknown
};
struct dkim_answer {
    enum dkim_answer_status status;
    const struct slice *texts; // each one record with its strings joined; those after DKIM_RECORDS_MAX are ignored
    size_t n_texts;
    uint32_t ttl_s; // how long a key may be kept
};
// A name that is not (or no longer) open is ignored.
void dkim_verifier_answer(struct dkim_verifier *v, const char *name, const struct dkim_answer *answer);

// After PASS: the body that verified, and whether l= left octets of it unsigned. Such a signature is valid (RFC 6376
// 3.5) and passes when there is none for the whole body. Who cares for the octets that anyone may have appended asks
// is_partial().
enum dkim_variant dkim_verifier_variant(const struct dkim_verifier *v);
bool dkim_verifier_is_partial(const struct dkim_verifier *v);
// After FAIL or TEMPERROR: why the last aligned signature (or else the last one) did not pass, a static text without
// anything of the message.
const char *dkim_verifier_reason(const struct dkim_verifier *v);
