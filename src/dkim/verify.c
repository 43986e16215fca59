// SPDX-License-Identifier: MIT
// The verifier of one message (RFC 6376 section 6). The header is hashed as soon as it is there, so that nothing of it
// is kept; an attempt is one aligned signature with its hash, waiting for its body hash and then for its key.
#include "dkim/verify.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "dkim/body_hash.h"
#include "dkim/fields.h"
#include "dkim/tags.h"

enum { VARIANTS = 2, QUERY_NAME_MAX = 253 };

enum attempt_state { ATTEMPT_WAITING, ATTEMPT_PASSED, ATTEMPT_FAILED, ATTEMPT_UNKNOWN };

struct attempt {
    enum attempt_state state;
    enum dkim_algorithm algorithm;
    bool below;  // i= names a domain below d=
    size_t body; // which of the bodies below
    enum dkim_variant variant;
    bool partial; // l= leaves octets of that variant unsigned
    uint8_t header_hash[DKIM_HASH_LEN], body_hash[DKIM_HASH_LEN];
    uint8_t signature[DKIM_SIGNATURE_LEN_MAX];
    size_t signature_len;
    char name[QUERY_NAME_MAX + 1];
};

// One way of hashing the body, shared by all attempts that want it.
struct body {
    enum dkim_canon canon;
    bool has_length;
    uint64_t length;
    struct dkim_body_hash *hash[VARIANTS];
    uint8_t result[VARIANTS][DKIM_HASH_LEN];
    uint64_t covered[VARIANTS], total[VARIANTS];
};

struct dkim_verifier {
    char *domain;
    int64_t now_s;
    struct dkim_key_cache *cache;
    bool header_seen, forked, ended;
    bool signature_seen, aligned_seen;
    enum dkim_verdict verdict;
    const char *reason;
    size_t n_attempts, n_bodies, passed;
    struct attempt attempts[DKIM_ATTEMPTS_MAX];
    struct body bodies[DKIM_ATTEMPTS_MAX];
};

struct dkim_verifier *dkim_verifier_new(struct slice from_domain, int64_t now_s, struct dkim_key_cache *cache) {
    struct dkim_verifier *v = MEM_NEW(struct dkim_verifier);
    v->domain = slice_dup(from_domain);
    v->now_s = now_s;
    v->cache = cache;
    v->reason = "no aligned signature";
    return v;
}

void dkim_verifier_free(struct dkim_verifier *v) {
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->n_bodies; i++)
        for (size_t k = 0; k < VARIANTS; k++)
            dkim_body_hash_free(v->bodies[i].hash[k]);
    free(v->domain);
    free(v);
}

// ---- the header ----

// RFC 6376 8.15: a From field that the signature does not cover was added by someone else, and a reader may be shown
// that one. So h= must name From as often as it is there.
static bool covers_from(const struct dkim_fields *fields, const struct dkim_signature *sig) {
    struct slice names = sig->header_names, name;
    size_t n = 0;
    while (dkim_list_next(&names, &name))
        n += slice_eq_ci(name, SLICE("From"));
    return n >= dkim_fields_count(fields, SLICE("From"));
}

static const char *find_obstacle(const struct dkim_verifier *v, const struct dkim_fields *fields,
                                 const struct dkim_signature *sig) {
    if (sig->has_time && sig->time > v->now_s + DKIM_CLOCK_SKEW_S)
        return "signature is from the future";
    if (sig->has_expiry && sig->expiry < v->now_s)
        return "signature expired";
    if (sig->selector.len + SLICE("._domainkey.").len + sig->domain.len > QUERY_NAME_MAX)
        return "query name too long";
    if (!covers_from(fields, sig))
        return "a From field is not signed";
    return NULL;
}

static size_t body_for(struct dkim_verifier *v, const struct dkim_signature *sig) {
    for (size_t i = 0; i < v->n_bodies; i++) {
        const struct body *b = &v->bodies[i];
        if (b->canon == sig->body_canon && b->has_length == sig->has_length && b->length == sig->length)
            return i;
    }
    struct body *b = &v->bodies[v->n_bodies];
    b->canon = sig->body_canon;
    b->has_length = sig->has_length;
    b->length = sig->length;
    b->hash[DKIM_BODY_MAIN] = dkim_body_hash_new(b->canon, b->has_length, b->length);
    return v->n_bodies++;
}

static void add_attempt(struct dkim_verifier *v, struct dkim_fields *fields, const struct header_field *field,
                        const struct dkim_signature *sig) {
    struct attempt *a = &v->attempts[v->n_attempts++];
    a->algorithm = sig->algorithm;
    a->below = sig->has_identity && !slice_eq_ci(sig->identity, sig->domain);
    a->body = body_for(v, sig);
    memcpy(a->body_hash, sig->body_hash, sizeof(a->body_hash));
    memcpy(a->signature, sig->signature, sig->signature_len);
    a->signature_len = sig->signature_len;
    snprintf(a->name, sizeof(a->name), "%.*s._domainkey.%.*s", SLICE_FMT(sig->selector), SLICE_FMT(sig->domain));
    dkim_fields_hash(fields, sig->header_canon, sig->header_names, field, sig->signature_raw, a->header_hash);
}

static void refuse(struct dkim_verifier *v, bool aligned, const char *reason) {
    if (aligned || !v->aligned_seen)
        v->reason = reason;
    v->aligned_seen |= aligned;
}

static void on_signature(struct dkim_verifier *v, struct dkim_fields *fields, const struct header_field *field) {
    struct dkim_signature sig;
    const char *reason;
    if (!dkim_signature_parse(field->value, &sig, &reason)) {
        refuse(v, false, reason);
        return;
    }
    if (!slice_eq_ci(sig.domain, slice_from_cstr(v->domain))) {
        refuse(v, false, "no aligned signature");
        return;
    }
    if ((reason = find_obstacle(v, fields, &sig)) != NULL)
        refuse(v, true, reason);
    else if (v->n_attempts < DKIM_ATTEMPTS_MAX)
        add_attempt(v, fields, field, &sig);
}

void dkim_verifier_header(struct dkim_verifier *v, struct slice header) {
    ASSERT(!v->header_seen);
    v->header_seen = true;
    struct dkim_fields fields;
    if (header.len > DKIM_HEADER_LEN_MAX || !dkim_fields_init(&fields, header, DKIM_FIELDS_MAX)) {
        v->signature_seen = true;
        v->reason = "header too large";
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < fields.n && n < DKIM_SIGNATURES_MAX; i++) {
        if (!slice_eq_ci(fields.items[i].field.name, SLICE("DKIM-Signature")))
            continue;
        n++;
        on_signature(v, &fields, &fields.items[i].field);
    }
    v->signature_seen = n > 0;
    dkim_fields_done(&fields);
}

// ---- the body ----

void dkim_verifier_body_of(struct dkim_verifier *v, enum dkim_variant variant, struct slice octets) {
    ASSERT(v->header_seen && !v->ended);
    for (size_t i = 0; i < v->n_bodies; i++) {
        struct body *b = &v->bodies[i];
        if (!v->forked)
            b->hash[DKIM_BODY_OTHER] = dkim_body_hash_copy(b->hash[DKIM_BODY_MAIN]);
        dkim_body_hash_update(b->hash[variant], octets);
    }
    v->forked = true;
}

void dkim_verifier_body(struct dkim_verifier *v, struct slice octets) {
    ASSERT(v->header_seen && !v->ended);
    for (size_t i = 0; i < v->n_bodies; i++)
        for (size_t k = 0; k < (v->forked ? 2u : 1u); k++)
            dkim_body_hash_update(v->bodies[i].hash[k], octets);
}

static void finish_bodies(struct dkim_verifier *v) {
    for (size_t i = 0; i < v->n_bodies; i++) {
        struct body *b = &v->bodies[i];
        for (size_t k = 0; k < (v->forked ? 2u : 1u); k++)
            dkim_body_hash_finish(b->hash[k], b->result[k], &b->covered[k], &b->total[k]);
    }
}

// The variant whose hash the signature has, if any. l= beyond the end of the body is an error (RFC 6376 3.5).
static void match_body(struct dkim_verifier *v, struct attempt *a) {
    const struct body *b = &v->bodies[a->body];
    for (size_t k = 0; k < (v->forked ? 2u : 1u); k++) {
        if (b->has_length && b->covered[k] < b->length)
            continue;
        if (memcmp(b->result[k], a->body_hash, DKIM_HASH_LEN) != 0)
            continue;
        a->variant = (enum dkim_variant)k;
        a->partial = b->covered[k] < b->total[k];
        return;
    }
    a->state = ATTEMPT_FAILED;
    refuse(v, true, "body hash differs");
}

// ---- keys ----

static bool try_key(struct dkim_verifier *v, struct attempt *a, const struct dkim_key *key) {
    const char *reason = NULL;
    if (dkim_key_algorithm(key) != a->algorithm)
        reason = "key is for another algorithm";
    else if (dkim_key_is_strict(key) && a->below)
        reason = "key forbids i= below d=";
    else if (!dkim_key_verify(key, a->header_hash, a->signature, a->signature_len))
        reason = "signature is wrong";
    if (reason != NULL) {
        refuse(v, true, reason);
        return false;
    }
    a->state = ATTEMPT_PASSED;
    return true;
}

// A key from the cache may only say yes: when it fails, the record may have changed, and is asked for.
static void try_cached(struct dkim_verifier *v, struct attempt *a) {
    struct slice name = slice_from_cstr(a->name);
    struct dkim_key *key = dkim_key_cache_get(v->cache, name, v->now_s);
    if (key == NULL)
        return;
    if (!try_key(v, a, key))
        dkim_key_cache_drop(v->cache, name, key);
    dkim_key_unref(key);
}

static bool has_passed_whole(const struct attempt *a) {
    return a->state == ATTEMPT_PASSED && !a->partial;
}

// One that passed for a part of the body has the last word only when no other can be had for all of it.
static void decide(struct dkim_verifier *v) {
    bool waiting = false, unknown = false, passed = false;
    for (size_t i = 0; i < v->n_attempts; i++) {
        const struct attempt *a = &v->attempts[i];
        if (a->state == ATTEMPT_PASSED) {
            passed = true;
            v->passed = i;
        }
        if (has_passed_whole(a)) {
            v->verdict = DKIM_PASS;
            return;
        }
        waiting |= a->state == ATTEMPT_WAITING;
        unknown |= a->state == ATTEMPT_UNKNOWN;
    }
    if (!waiting)
        v->verdict = unknown ? DKIM_TEMPERROR : passed ? DKIM_PASS : v->signature_seen ? DKIM_FAIL : DKIM_NONE;
}

void dkim_verifier_end(struct dkim_verifier *v) {
    ASSERT(v->header_seen && !v->ended);
    v->ended = true;
    finish_bodies(v);
    for (size_t i = 0; i < v->n_attempts; i++)
        match_body(v, &v->attempts[i]);
    for (size_t i = 0; i < v->n_attempts && v->verdict == DKIM_OPEN && v->cache != NULL; i++) {
        if (v->attempts[i].state != ATTEMPT_WAITING)
            continue;
        try_cached(v, &v->attempts[i]);
        if (has_passed_whole(&v->attempts[i]))
            break;
    }
    decide(v);
}

enum dkim_verdict dkim_verifier_verdict(const struct dkim_verifier *v) {
    ASSERT(v->ended);
    return v->verdict;
}

static bool is_among(const char *name, const char *const *names, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (slice_eq_ci(slice_from_cstr(name), slice_from_cstr(names[i])))
            return true;
    return false;
}

size_t dkim_verifier_questions(const struct dkim_verifier *v, const char *ret_names[DKIM_ATTEMPTS_MAX]) {
    size_t n = 0;
    if (!v->ended || v->verdict != DKIM_OPEN)
        return 0;
    for (size_t i = 0; i < v->n_attempts; i++)
        if (v->attempts[i].state == ATTEMPT_WAITING && !is_among(v->attempts[i].name, ret_names, n))
            ret_names[n++] = v->attempts[i].name;
    return n;
}

// ---- answers ----

struct keys {
    size_t n;
    struct dkim_key *keys[DKIM_RECORDS_MAX];
    const char *reason; // why there is none
};

static void parse_keys(const struct dkim_answer *answer, struct keys *ret) {
    *ret = (struct keys){.reason = "no key record"};
    if (answer->status != DKIM_ANSWER_RECORDS)
        return;
    for (size_t i = 0; i < answer->n_texts && i < DKIM_RECORDS_MAX; i++)
        if (dkim_key_parse(answer->texts[i], &ret->keys[ret->n], &ret->reason) == DKIM_KEY_OK)
            ret->n++;
}

static void answer_attempt(struct dkim_verifier *v, struct attempt *a, const struct keys *keys, uint32_t ttl_s) {
    a->state = ATTEMPT_FAILED;
    if (keys->n == 0)
        refuse(v, true, keys->reason);
    for (size_t i = 0; i < keys->n && a->state != ATTEMPT_PASSED; i++)
        if (try_key(v, a, keys->keys[i]) && v->cache != NULL)
            dkim_key_cache_put(v->cache, slice_from_cstr(a->name), keys->keys[i], v->now_s, ttl_s);
}

void dkim_verifier_answer(struct dkim_verifier *v, const char *name, const struct dkim_answer *answer) {
    const char *open[DKIM_ATTEMPTS_MAX];
    if (!is_among(name, open, dkim_verifier_questions(v, open)))
        return;
    struct keys keys;
    parse_keys(answer, &keys);
    for (size_t i = 0; i < v->n_attempts; i++) {
        struct attempt *a = &v->attempts[i];
        if (a->state != ATTEMPT_WAITING || !slice_eq_ci(slice_from_cstr(a->name), slice_from_cstr(name)))
            continue;
        if (answer->status == DKIM_ANSWER_TEMPERROR) {
            a->state = ATTEMPT_UNKNOWN;
            refuse(v, true, "key record could not be fetched");
            continue;
        }
        answer_attempt(v, a, &keys, answer->ttl_s);
        if (has_passed_whole(a))
            break;
    }
    for (size_t i = 0; i < keys.n; i++)
        dkim_key_unref(keys.keys[i]);
    decide(v);
}

// ---- the result ----

enum dkim_variant dkim_verifier_variant(const struct dkim_verifier *v) {
    ASSERT(v->verdict == DKIM_PASS);
    return v->attempts[v->passed].variant;
}

bool dkim_verifier_is_partial(const struct dkim_verifier *v) {
    ASSERT(v->verdict == DKIM_PASS);
    return v->attempts[v->passed].partial;
}

const char *dkim_verifier_reason(const struct dkim_verifier *v) {
    return v->reason;
}
