// SPDX-License-Identifier: MIT
// Fuzzes the whole verifier. The input is a From domain, an answer to every question (both end with LF), and a message;
// the body comes in pieces and may fork into two. Whatever comes, the verdict falls, and a cache does not change it.
#include <stdint.h>

#include "dkim/test_signer.h"
#include "dkim/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1700000000, TEXTS_MAX = 4 };

// An answer line: "!" is a failure, "-" no record, otherwise records separated by "|".
static void answer(struct dkim_verifier *v, const char *name, struct slice line) {
    struct slice texts[TEXTS_MAX], rest = line;
    struct dkim_answer a = {DKIM_ANSWER_RECORDS, texts, 0, 60};
    if (slice_eq(line, SLICE("!")))
        a.status = DKIM_ANSWER_TEMPERROR;
    else if (slice_eq(line, SLICE("-")))
        a.status = DKIM_ANSWER_NONE;
    while (rest.len > 0 && a.n_texts < TEXTS_MAX)
        slice_cut(rest, '|', &texts[a.n_texts++], &rest);
    dkim_verifier_answer(v, name, &a);
}

static enum dkim_verdict run(struct slice domain, struct slice records, struct slice message, bool fork,
                             struct dkim_key_cache *cache) {
    struct dkim_verifier *v = dkim_verifier_new(domain, NOW, cache);
    size_t header_len = test_header_len(message);
    struct slice body = slice_sub(message, header_len, message.len);
    dkim_verifier_header(v, slice_sub(message, 0, header_len));
    size_t middle = body.len / 2;
    dkim_verifier_body(v, slice_sub(body, 0, middle));
    if (fork) {
        dkim_verifier_body_of(v, DKIM_BODY_OTHER, SLICE("."));
        dkim_verifier_body_of(v, DKIM_BODY_MAIN, SLICE_EMPTY);
    }
    dkim_verifier_body(v, slice_sub(body, middle, body.len));
    dkim_verifier_end(v);
    const char *names[DKIM_ATTEMPTS_MAX];
    size_t n = dkim_verifier_questions(v, names);
    ASSERT((n > 0) == (dkim_verifier_verdict(v) == DKIM_OPEN));
    for (size_t i = 0; i < n; i++)
        answer(v, names[i], records);
    enum dkim_verdict verdict = dkim_verifier_verdict(v);
    ASSERT(verdict != DKIM_OPEN && dkim_verifier_reason(v) != NULL);
    if (verdict == DKIM_PASS)
        ASSERT(fork || dkim_verifier_variant(v) == DKIM_BODY_MAIN);
    ASSERT(dkim_verifier_questions(v, names) == 0);
    dkim_verifier_free(v);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice domain, records, rest = slice_make((const char *)data, size);
    slice_cut(rest, '\n', &domain, &rest);
    slice_cut(rest, '\n', &records, &rest);
    struct dkim_key_cache *cache = dkim_key_cache_new(2);
    enum dkim_verdict first = run(domain, records, rest, false, NULL);
    // A cache changes no verdict, filled or not; a second body can only add a way to pass.
    ASSERT(run(domain, records, rest, false, cache) == first);
    ASSERT(run(domain, records, rest, false, cache) == first);
    enum dkim_verdict forked = run(domain, records, rest, true, cache);
    ASSERT(first != DKIM_PASS || forked == DKIM_PASS);
    ASSERT((first == DKIM_NONE) == (forked == DKIM_NONE));
    dkim_key_cache_free(cache);
    return 0;
}
