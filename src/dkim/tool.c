// SPDX-License-Identifier: MIT
// For tests: this room's verifier and signers on standard input and output, so that other implementations can be set
// against them.
//     dkim_tool verify DOMAIN NOW KEYS [FILE]...   prints the verdict and why, a line for each file; KEYS has lines
//                                          "query-name text", where the text "!" stands for a look-up that failed
//     dkim_tool sign TAGS PEM              any tags (bh= and b= are added), any canonicalisation
//     dkim_tool relay DOMAIN NOW SELECTOR PEM [SELECTOR PEM]   the relay's own signer
//     dkim_tool keygen rsa|ed25519         prints PEM
//     dkim_tool record PEM                 prints the TXT record's text
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dkim/sign.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"

enum { INPUT_MAX = 64 << 20, LINE_LEN_MAX = 8192 };

static const char *const verdict_names[] = {"open", "pass", "none", "fail", "temperror"};

static void read_all(FILE *f, struct buf *out) {
    char mem[8192];
    size_t n;
    buf_init(out, INPUT_MAX);
    while ((n = fread(mem, 1, sizeof(mem), f)) > 0) {
        bool ok = buf_append(out, mem, n);
        ASSERT(ok);
    }
}

static struct dkim_private_key *load_key(const char *path) {
    FILE *f = fopen(path, "r");
    ASSERT(f != NULL);
    struct buf pem;
    read_all(f, &pem);
    fclose(f);
    const char *reason;
    struct dkim_private_key *key = dkim_private_key_from_pem(buf_slice(&pem), &reason);
    ASSERT(key != NULL);
    buf_done(&pem);
    return key;
}

// All records of that name in the file.
static void answer(struct dkim_verifier *v, const char *name, FILE *keys) {
    char line[LINE_LEN_MAX];
    struct slice texts[DKIM_RECORDS_MAX];
    struct dkim_answer a = {DKIM_ANSWER_NONE, texts, 0, 3600};
    rewind(keys);
    while (a.n_texts < DKIM_RECORDS_MAX && fgets(line, sizeof(line), keys) != NULL) {
        struct slice key, text, all = slice_trim(slice_from_cstr(line));
        if (!slice_cut(all, ' ', &key, &text) || !slice_eq_ci(key, slice_from_cstr(name)))
            continue;
        a.status = slice_eq(text, SLICE("!")) ? DKIM_ANSWER_TEMPERROR : DKIM_ANSWER_RECORDS;
        texts[a.n_texts++] = slice_make(slice_dup(text), text.len);
    }
    dkim_verifier_answer(v, name, &a);
    for (size_t i = 0; i < a.n_texts; i++)
        free((char *)texts[i].ptr);
}

static int verify(char **argv, FILE *f) {
    struct buf message;
    read_all(f, &message);
    FILE *keys = fopen(argv[2], "r");
    ASSERT(keys != NULL);
    struct slice all = buf_slice(&message);
    size_t header_len = test_header_len(all);
    struct dkim_verifier *v = dkim_verifier_new(slice_from_cstr(argv[0]), strtoll(argv[1], NULL, 10), NULL);
    dkim_verifier_header(v, slice_sub(all, 0, header_len));
    // Pieces of 1, 2, 3, ... octets: every cut is seen.
    for (size_t at = header_len, n = 1; at < all.len; at += n++)
        dkim_verifier_body(v, slice_sub(all, at, at + n));
    dkim_verifier_end(v);
    const char *names[DKIM_ATTEMPTS_MAX];
    size_t n = dkim_verifier_questions(v, names);
    for (size_t i = 0; i < n; i++)
        answer(v, names[i], keys);
    enum dkim_verdict verdict = dkim_verifier_verdict(v);
    printf("%s", verdict_names[verdict]);
    if (verdict == DKIM_PASS)
        printf("%s\n", dkim_verifier_is_partial(v) ? " partial" : "");
    else
        printf(" %s\n", dkim_verifier_reason(v));
    dkim_verifier_free(v);
    fclose(keys);
    buf_done(&message);
    return 0;
}

static int verify_files(char **argv, char **paths, int n) {
    for (int i = 0; i < n; i++) {
        FILE *f = fopen(paths[i], "r");
        ASSERT(f != NULL);
        (void)verify(argv, f);
        fclose(f);
    }
    return 0;
}

static int finish(struct buf *prefix, struct buf *message) {
    fwrite(buf_slice(prefix).ptr, 1, buf_slice(prefix).len, stdout);
    fwrite(buf_slice(message).ptr, 1, buf_slice(message).len, stdout);
    buf_done(prefix);
    buf_done(message);
    return 0;
}

static int sign(char **argv) {
    struct buf message, prefix = {.max = INPUT_MAX};
    read_all(stdin, &message);
    struct dkim_private_key *key = load_key(argv[1]);
    test_sign(key, slice_from_cstr(argv[0]), buf_slice(&message), &prefix);
    dkim_private_key_unref(key);
    return finish(&prefix, &message);
}

static int relay(int argc, char **argv) {
    struct buf message, prefix = {.max = DKIM_SIGNED_PREFIX_MAX};
    read_all(stdin, &message);
    struct dkim_signer signers[DKIM_SIGNERS_MAX];
    size_t n = 0;
    for (int i = 2; i + 1 < argc && n < DKIM_SIGNERS_MAX; i += 2)
        signers[n++] = (struct dkim_signer){load_key(argv[i + 1]), slice_from_cstr(argv[i])};
    struct slice all = buf_slice(&message);
    size_t header_len = test_header_len(all);
    uint8_t hash[DKIM_HASH_LEN];
    struct dkim_body_hash *body = dkim_signing_body_hash();
    for (size_t at = header_len, step = 1; at < all.len; at += step++)
        dkim_body_hash_update(body, slice_sub(all, at, at + step));
    dkim_body_hash_finish(body, hash, NULL, NULL);
    dkim_body_hash_free(body);
    struct dkim_signing *s = dkim_signing_new(signers, n, slice_from_cstr(argv[0]), strtoll(argv[1], NULL, 10),
                                              slice_sub(all, 0, header_len), hash);
    for (size_t i = 0; i < n; i++)
        dkim_private_key_unref(signers[i].key);
    dkim_signing_run(s);
    bool ok = dkim_signing_write(s, &prefix);
    ASSERT(ok);
    dkim_signing_free(s);
    return finish(&prefix, &message);
}

static int print_key(struct dkim_private_key *key, bool (*write)(const struct dkim_private_key *, struct buf *)) {
    struct buf out = {.max = DKIM_PEM_MAX};
    bool ok = write(key, &out);
    ASSERT(ok);
    fwrite(buf_slice(&out).ptr, 1, buf_slice(&out).len, stdout);
    buf_done(&out);
    dkim_private_key_unref(key);
    return 0;
}

int main(int argc, char **argv) {
    const char *verb = argc > 1 ? argv[1] : "";
    if (strcmp(verb, "verify") == 0 && argc == 5)
        return verify(argv + 2, stdin);
    if (strcmp(verb, "verify") == 0 && argc > 5)
        return verify_files(argv + 2, argv + 5, argc - 5);
    if (strcmp(verb, "sign") == 0 && argc == 4)
        return sign(argv + 2);
    if (strcmp(verb, "relay") == 0 && argc >= 6)
        return relay(argc - 2, argv + 2);
    if (strcmp(verb, "keygen") == 0 && argc == 3) {
        bool rsa = strcmp(argv[2], "rsa") == 0;
        return print_key(dkim_private_key_generate(rsa ? DKIM_RSA_SHA256 : DKIM_ED25519_SHA256),
                         dkim_private_key_to_pem);
    }
    if (strcmp(verb, "record") == 0 && argc == 3)
        return print_key(load_key(argv[2]), dkim_private_key_record);
    fputs("usage: dkim_tool verify|sign|relay|keygen|record ...\n", stderr);
    return 2;
}
