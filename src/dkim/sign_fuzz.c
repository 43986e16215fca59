// SPDX-License-Identifier: MIT
// Fuzzes the signer with whole messages: what the relay signs, its verifier accepts, whatever the header holds, and the
// prefix is well-formed fields of bounded size.
#include <stdint.h>

#include "dkim/sign.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000, FROM_MAX = 9, LINE_COLUMNS = 78 };

static void check_prefix(struct slice prefix) {
    ASSERT(prefix.len > 0 && prefix.len <= DKIM_SIGNED_PREFIX_MAX);
    struct slice rest = prefix, line;
    while (rest.len > 0) {
        size_t end = slice_find_slice(rest, SLICE("\r\n"));
        ASSERT(end > 0 && end < rest.len && end <= LINE_COLUMNS);
        line = slice_sub(rest, 0, end);
        ASSERT(slice_find(line, '\r') == end && slice_find(line, '\n') == end);
        rest = slice_sub(rest, end + 2, rest.len);
    }
    struct header_field field;
    ASSERT(header_next(&prefix, &field) == HEADER_FIELD && prefix.len == 0);
    ASSERT(slice_eq(field.name, SLICE("DKIM-Signature")));
}

static void sign(struct dkim_private_key *key, struct slice message, struct buf *out) {
    const struct dkim_signer signer = {key, SLICE("s")};
    size_t header_len = test_header_len(message);
    uint8_t hash[DKIM_HASH_LEN];
    struct dkim_body_hash *body = dkim_signing_body_hash();
    dkim_body_hash_update(body, slice_sub(message, header_len, message.len));
    dkim_body_hash_finish(body, hash, NULL, NULL);
    dkim_body_hash_free(body);
    struct dkim_signing *s =
        dkim_signing_new(&signer, 1, SLICE("a.example"), NOW, slice_sub(message, 0, header_len), hash);
    dkim_signing_run(s);
    bool ok = dkim_signing_write(s, out);
    ASSERT(ok);
    dkim_signing_free(s);
}

static size_t count_from(struct slice message) {
    struct slice rest = slice_sub(message, 0, test_header_len(message));
    struct header_field field;
    enum header_next next;
    size_t n = 0;
    while ((next = header_next(&rest, &field)) != HEADER_END)
        n += next == HEADER_FIELD && slice_eq_ci(field.name, SLICE("From"));
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct dkim_private_key *key;
    const char *reason;
    if (key == NULL)
        key = dkim_private_key_from_pem(slice_from_cstr(test_rfc8463_ed25519_pem), &reason);
    struct slice message = slice_make((const char *)data, size);
    struct buf all = {.max = DKIM_SIGNED_PREFIX_MAX + size};
    sign(key, message, &all);
    check_prefix(buf_slice(&all));
    // A first line that begins with a blank would belong to the prefix, and so many From fields are never signed.
    bool sane = size == 0 || (data[0] != ' ' && data[0] != '\t');
    if (!sane || count_from(message) > FROM_MAX || size > DKIM_FIELDS_MAX) {
        buf_done(&all);
        return 0;
    }
    bool ok = buf_append_slice(&all, message);
    ASSERT(ok);
    struct slice m = buf_slice(&all);
    size_t len = test_header_len(m);
    struct dkim_verifier *v = dkim_verifier_new(SLICE("a.example"), NOW, NULL);
    dkim_verifier_header(v, slice_sub(m, 0, len));
    dkim_verifier_body(v, slice_sub(m, len, m.len));
    dkim_verifier_end(v);
    struct slice text = SLICE("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    struct dkim_answer a = {DKIM_ANSWER_RECORDS, &text, 1, 60};
    dkim_verifier_answer(v, "s._domainkey.a.example", &a);
    ASSERT(dkim_verifier_verdict(v) == DKIM_PASS);
    dkim_verifier_free(v);
    buf_done(&all);
    return 0;
}
