// SPDX-License-Identifier: MIT
// For tests: signs with any tags; the examples of the RFCs.
#include "dkim/test_signer.h"

#include <string.h>

#include "base/base64.h"
#include "dkim/body_hash.h"
#include "dkim/fields.h"
#include "dkim/tags.h"

size_t test_header_len(struct slice message) {
    size_t len;
    return header_find_end(message, &len) ? len : message.len;
}

static struct slice tag_value(const struct dkim_tags *tags, const char *name, struct slice absent) {
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    return tag != NULL ? tag->value : absent;
}

static void append_base64(struct buf *out, const uint8_t *data, size_t len) {
    char text[BASE64_ENCODED_LEN(DKIM_SIGNATURE_LEN_MAX) + 1];
    base64_encode(data, len, text);
    bool ok = buf_append_cstr(out, text);
    ASSERT(ok);
}

void test_sign(struct dkim_private_key *key, struct slice text, struct slice message, struct buf *out) {
    struct dkim_tags tags;
    bool ok = dkim_tags_parse(text, &tags);
    ASSERT(ok);
    struct slice canon = tag_value(&tags, "c", SLICE("simple/simple"));
    struct slice length = tag_value(&tags, "l", SLICE_EMPTY);
    uint64_t limit = 0;
    bool has_length = slice_to_u64(length, &limit);
    size_t header_len = test_header_len(message);

    uint8_t hash[DKIM_HASH_LEN];
    enum dkim_canon body_canon = slice_ends_with_ci(canon, SLICE("/relaxed")) ? DKIM_RELAXED : DKIM_SIMPLE;
    struct dkim_body_hash *body = dkim_body_hash_new(body_canon, has_length, limit);
    dkim_body_hash_update(body, slice_sub(message, header_len, message.len));
    dkim_body_hash_finish(body, hash, NULL, NULL);
    dkim_body_hash_free(body);

    size_t start = buf_slice(out).len;
    ok = buf_printf(out, "DKIM-Signature: %.*s; bh=", SLICE_FMT(text));
    ASSERT(ok);
    append_base64(out, hash, sizeof(hash));
    ok = buf_append_cstr(out, ";\r\n\tb=");
    ASSERT(ok);

    struct slice field = slice_sub(buf_slice(out), start, buf_slice(out).len);
    struct header_field own;
    enum header_next next = header_next(&field, &own);
    ASSERT(next == HEADER_FIELD);
    struct dkim_fields fields;
    ok = dkim_fields_init(&fields, slice_sub(message, 0, header_len), SIZE_MAX);
    ASSERT(ok);
    enum dkim_canon header_canon = slice_starts_with_ci(canon, SLICE("relaxed")) ? DKIM_RELAXED : DKIM_SIMPLE;
    struct slice hole = slice_sub(own.value, own.value.len, own.value.len);
    dkim_fields_hash(&fields, header_canon, tag_value(&tags, "h", SLICE_EMPTY), &own, hole, hash);
    dkim_fields_done(&fields);

    uint8_t signature[DKIM_SIGNATURE_LEN_MAX];
    size_t len;
    dkim_private_key_sign(key, hash, signature, &len);
    append_base64(out, signature, len);
    ok = buf_append_cstr(out, "\r\n");
    ASSERT(ok);
}

// One blank and two, and the same hash: simple there, relaxed here.
const char test_rfc6376_body[] = "Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n";
const char test_rfc8463_body[] = "Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";

#define RFC_FIELDS                                                                                                     \
    "From: Joe SixPack <joe@football.example.com>\r\n"                                                                 \
    "To: Suzie Q <suzie@shopping.example.net>\r\n"                                                                     \
    "Subject: Is dinner ready?\r\n"                                                                                    \
    "Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n"                                                                  \
    "Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n"                                                 \
    "\r\n"

const char test_rfc6376_header[] = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;\r\n"
                                   "      c=simple/simple; q=dns/txt; i=joe@football.example.com;\r\n"
                                   "      h=Received : From : To : Subject : Date : Message-ID;\r\n"
                                   "      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                                   "      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB\r\n"
                                   "      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut\r\n"
                                   "      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV\r\n"
                                   "      4bmp/YzhwvcubU4=;\r\n"
                                   "Received: from client1.football.example.com  [192.0.2.1]\r\n"
                                   "      by submitserver.example.com with SUBMISSION;\r\n"
                                   "      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)\r\n" RFC_FIELDS;

const char test_rfc8463_header[] = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n"
                                   " d=football.example.com; i=@football.example.com;\r\n"
                                   " q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n"
                                   " subject : date : message-id : from : subject : date;\r\n"
                                   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                                   " b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n"
                                   " Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n"
                                   "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;\r\n"
                                   " d=football.example.com; i=@football.example.com;\r\n"
                                   " q=dns/txt; s=test; t=1528637909; h=from : to : subject :\r\n"
                                   " date : message-id : from : subject : date;\r\n"
                                   " bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n"
                                   " b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3\r\n"
                                   " DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz\r\n"
                                   " dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=\r\n" RFC_FIELDS;

static const struct {
    const char *name, *record;
} records[] = {
    {"brisbane._domainkey.example.com", "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQ"
                                        "KBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
                                        "IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v"
                                        "/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhi"
                                        "tdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"},
    {"brisbane._domainkey.football.example.com", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="},
    {"test._domainkey.football.example.com", "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR"
                                             "iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC"
                                             "DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3"
                                             "Ip3G+2kryOTIKT+l/K4w3QIDAQAB"},
};

const char *test_rfc_record(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        if (strcmp(records[i].name, name) == 0)
            return records[i].record;
    return NULL;
}

const char test_rfc8463_rsa_pem[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                                    "MIICXQIBAAKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQi\n"
                                    "Y/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqM\n"
                                    "KrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB\n"
                                    "AoGAH0cxOhFZDgzXWhDhnAJDw5s4roOXN4OhjiXa8W7Y3rhX3FJqmJSPuC8N9vQm\n"
                                    "6SVbaLAE4SG5mLMueHlh4KXffEpuLEiNp9Ss3O4YfLiQpbRqE7Tm5SxKjvvQoZZe\n"
                                    "zHorimOaChRL2it47iuWxzxSiRMv4c+j70GiWdxXnxe4UoECQQDzJB/0U58W7RZy\n"
                                    "6enGVj2kWF732CoWFZWzi1FicudrBFoy63QwcowpoCazKtvZGMNlPWnC7x/6o8Gc\n"
                                    "uSe0ga2xAkEA8C7PipPm1/1fTRQvj1o/dDmZp243044ZNyxjg+/OPN0oWCbXIGxy\n"
                                    "WvmZbXriOWoSALJTjExEgraHEgnXssuk7QJBALl5ICsYMu6hMxO73gnfNayNgPxd\n"
                                    "WFV6Z7ULnKyV7HSVYF0hgYOHjeYe9gaMtiJYoo0zGN+L3AAtNP9huqkWlzECQE1a\n"
                                    "licIeVlo1e+qJ6Mgqr0Q7Aa7falZ448ccbSFYEPD6oFxiOl9Y9se9iYHZKKfIcst\n"
                                    "o7DUw1/hz2Ck4N5JrgUCQQCyKveNvjzkkd8HjYs0SwM0fPjK16//5qDZ2UiDGnOe\n"
                                    "uEzxBDAr518Z8VFbR41in3W4Y3yCDgQlLlcETrS+zYcL\n"
                                    "-----END RSA PRIVATE KEY-----\n";

const char test_rfc8463_ed25519_pem[] = "-----BEGIN PRIVATE KEY-----\n"
                                        "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                                        "-----END PRIVATE KEY-----\n";

void test_answer(struct dkim_verifier *v, const char *name, const char *record) {
    struct slice text = record != NULL ? slice_from_cstr(record) : SLICE_EMPTY;
    struct dkim_answer a = {record != NULL ? DKIM_ANSWER_RECORDS : DKIM_ANSWER_NONE, &text, 1, 3600};
    dkim_verifier_answer(v, name, &a);
}
