// SPDX-License-Identifier: MIT
// The signer: writes each DKIM-Signature field up to its b=, hashes the header with it, signs, and puts the signature
// in.
#include "dkim/sign.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "dkim/fields.h"
#include "dkim/key.h"

enum {
    LINE_MAX_COLUMNS = 78, // RFC 5322 2.1.1
    // Instances of one name that are signed; when there are more, those further up stay unsigned. Keeps h= within
    // what verifiers look at.
    INSTANCES_MAX = 10,
};

// RFC 6376 5.4.1 with Resent-Sender, which the same reasons hold for, and Autocrypt, whose key a reader will trust.
// All are oversigned.
static const char *const oversigned_names[] = {
    "from",        "reply-to",         "subject",        "date",      "to",          "cc",           "resent-date",
    "resent-from", "resent-to",        "resent-sender",  "resent-cc", "in-reply-to", "references",   "list-id",
    "list-help",   "list-unsubscribe", "list-subscribe", "list-post", "list-owner",  "list-archive", "autocrypt",
};
static const char *const signed_names[] = {"content-type"};

struct part {
    struct dkim_private_key *key;
    struct buf field; // up to and with "b="
    size_t column;    // of its last line
    uint8_t hash[DKIM_HASH_LEN];
    uint8_t signature[DKIM_SIGNATURE_LEN_MAX];
    size_t signature_len; // 0 until it has run
};

struct dkim_signing {
    size_t n;
    struct part parts[DKIM_SIGNERS_MAX];
};

struct dkim_body_hash *dkim_signing_body_hash(void) {
    return dkim_body_hash_new(DKIM_SIMPLE, false, 0);
}

// ---- the field ----

static void put(struct part *p, const char *ptr, size_t len) {
    bool ok = buf_append(&p->field, ptr, len);
    ASSERT(ok);
    p->column += len;
}

static void fold(struct part *p) {
    put(p, "\r\n ", 3);
    p->column = 1;
}

// A word that is not broken: on this line if it fits, with a space before it if `spaced`, or else on the next.
static void put_word(struct part *p, const char *word, size_t len, bool spaced) {
    if (p->column + len + spaced > LINE_MAX_COLUMNS)
        fold(p);
    else if (spaced)
        put(p, " ", 1);
    put(p, word, len);
}

static void put_tag(struct part *p, const char *name, struct slice value) {
    char text[DKIM_DOMAIN_LEN_MAX + 16];
    int len = snprintf(text, sizeof(text), "%s=%.*s;", name, SLICE_FMT(value));
    ASSERT(len > 0 && (size_t)len < sizeof(text));
    put_word(p, text, (size_t)len, true);
}

static void put_names(struct part *p, const struct dkim_fields *fields, const char *name, bool oversign, bool *first) {
    size_t n = dkim_fields_count(fields, slice_from_cstr(name)) + oversign;
    for (size_t i = 0; i < n && i < INSTANCES_MAX; i++) {
        if (!*first)
            put(p, ":", 1);
        // Room is kept for the ":" or ";" that follows.
        if (p->column + strlen(name) + 1 > LINE_MAX_COLUMNS)
            fold(p);
        put(p, name, strlen(name));
        *first = false;
    }
}

static void put_all_names(struct part *p, const struct dkim_fields *fields) {
    bool first = true;
    fold(p);
    put(p, "h=", 2);
    for (size_t i = 0; i < ARRAY_LEN(oversigned_names); i++)
        put_names(p, fields, oversigned_names[i], true, &first);
    for (size_t i = 0; i < ARRAY_LEN(signed_names); i++)
        put_names(p, fields, signed_names[i], false, &first);
    put(p, ";", 1);
}

static void write_field(struct part *p, const struct dkim_fields *fields, struct slice domain, struct slice selector,
                        int64_t now_s, const uint8_t *body_hash) {
    char hash[BASE64_ENCODED_LEN(DKIM_HASH_LEN) + 1], time[24];
    base64_encode(body_hash, DKIM_HASH_LEN, hash);
    snprintf(time, sizeof(time), "%lld", (long long)now_s);
    bool rsa = dkim_private_key_algorithm(p->key) == DKIM_RSA_SHA256;
    buf_init(&p->field, DKIM_SIGNED_PREFIX_MAX / DKIM_SIGNERS_MAX);
    put(p, "DKIM-Signature:", 15);
    put_tag(p, "v", SLICE("1"));
    put_tag(p, "a", rsa ? SLICE("rsa-sha256") : SLICE("ed25519-sha256"));
    put_tag(p, "c", SLICE("relaxed/simple"));
    put_tag(p, "d", domain);
    put_tag(p, "s", selector);
    put_tag(p, "t", slice_from_cstr(time));
    put_all_names(p, fields);
    put_tag(p, "bh", slice_from_cstr(hash));
    put_word(p, "b=", 2, true);
}

// The h= of the field that was just written.
static struct slice names_of(const struct header_field *field) {
    struct slice value = field->value, names, rest;
    slice_cut(slice_sub(value, slice_find_slice(value, SLICE("h=")) + 2, value.len), ';', &names, &rest);
    return names;
}

static void hash_header(struct part *p, struct dkim_fields *fields) {
    struct slice text = buf_slice(&p->field);
    struct header_field own;
    enum header_next next = header_next(&text, &own);
    ASSERT(next == HEADER_FIELD && text.len == 0);
    struct slice hole = slice_sub(own.value, own.value.len, own.value.len);
    dkim_fields_hash(fields, DKIM_RELAXED, names_of(&own), &own, hole, p->hash);
}

// ---- the steps ----

struct dkim_signing *dkim_signing_new(const struct dkim_signer *signers, size_t n_signers, struct slice domain,
                                      int64_t now_s, struct slice header, const uint8_t body_hash[DKIM_HASH_LEN]) {
    ASSERT(n_signers > 0 && n_signers <= DKIM_SIGNERS_MAX && domain.len <= DKIM_DOMAIN_LEN_MAX);
    struct dkim_signing *s = MEM_NEW(struct dkim_signing);
    struct dkim_fields fields;
    bool ok = dkim_fields_init(&fields, header, SIZE_MAX);
    ASSERT(ok);
    s->n = n_signers;
    for (size_t i = 0; i < n_signers; i++) {
        struct part *p = &s->parts[i];
        p->key = dkim_private_key_ref(signers[i].key);
        write_field(p, &fields, domain, signers[i].selector, now_s, body_hash);
        hash_header(p, &fields);
    }
    dkim_fields_done(&fields);
    return s;
}

void dkim_signing_free(struct dkim_signing *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n; i++) {
        dkim_private_key_unref(s->parts[i].key);
        buf_done(&s->parts[i].field);
    }
    free(s);
}

void dkim_signing_run(struct dkim_signing *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct part *p = &s->parts[i];
        ASSERT(p->signature_len == 0);
        dkim_private_key_sign(p->key, p->hash, p->signature, &p->signature_len);
    }
}

static bool write_signature(const struct part *p, struct buf *out) {
    char text[BASE64_ENCODED_LEN(DKIM_SIGNATURE_LEN_MAX) + 1];
    base64_encode(p->signature, p->signature_len, text);
    struct slice rest = slice_from_cstr(text);
    size_t room = p->column < LINE_MAX_COLUMNS ? LINE_MAX_COLUMNS - p->column : 0;
    while (rest.len > room) {
        if (!buf_append_slice(out, slice_sub(rest, 0, room)) || !buf_append_cstr(out, "\r\n "))
            return false;
        rest = slice_sub(rest, room, rest.len);
        room = LINE_MAX_COLUMNS - 1;
    }
    return buf_append_slice(out, rest) && buf_append_cstr(out, "\r\n");
}

bool dkim_signing_write(const struct dkim_signing *s, struct buf *out) {
    size_t len = buf_slice(out).len;
    for (size_t i = 0; i < s->n; i++) {
        const struct part *p = &s->parts[i];
        ASSERT(p->signature_len > 0);
        if (!buf_append_slice(out, buf_slice(&p->field)) || !write_signature(p, out)) {
            buf_truncate(out, len);
            return false;
        }
    }
    return true;
}
