// SPDX-License-Identifier: MIT
// Heads and chunked bodies from anybody: what is found does not depend on how the octets are cut, and what is accepted
// keeps its promises.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "http/chunked.h"
#include "http/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum http_scan_result result;
    size_t len;
    struct http_refusal why;
    struct http_scan scan;
};

static struct outcome scan(struct slice text, size_t step) {
    struct outcome o = {.result = HTTP_SCAN_MORE};
    size_t shown = 0;
    while (o.result == HTTP_SCAN_MORE && shown < text.len) {
        shown = shown + step < text.len ? shown + step : text.len;
        o.result = http_scan_head(&o.scan, text.ptr, shown, &o.len, &o.why);
    }
    return o;
}

static void check_request(const struct http_head *h) {
    const struct http_request *r = &h->request;
    ASSERT(r->path.len > 0 && r->path.ptr[0] == '/');
    for (size_t i = 0; i < r->path.len; i++)
        ASSERT((unsigned char)r->path.ptr[i] >= 0x20 && r->path.ptr[i] != '\\' && r->path.ptr[i] != 0x7f);
    ASSERT(slice_find_slice(r->path, SLICE("//")) == r->path.len);
    ASSERT(slice_find_slice(r->path, SLICE("/../")) == r->path.len && !slice_ends_with(r->path, SLICE("/..")));
    ASSERT(r->host.len > 0 || h->is_http10);
    ASSERT(!r->is_chunked || !r->has_length);
    for (size_t i = 0; i < r->n_fields; i++)
        ASSERT(http_is_token(r->fields[i].name) && http_is_field_value(r->fields[i].value));
    char value[64];
    if (http_request_query(r, "t", value, sizeof(value)))
        ASSERT(memchr(value, '\0', sizeof(value)) != NULL);
}

static void parse(struct slice head, size_t n_fields) {
    struct http_field *fields = mem_alloc(n_fields * sizeof(*fields));
    char *text = mem_alloc(head.len);
    memcpy(text, head.ptr, head.len);
    struct http_head parsed;
    struct http_refusal why = {0};
    if (http_head_parse(text, head.len, fields, n_fields, &parsed, &why))
        check_request(&parsed);
    else
        ASSERT(why.status >= 400 && why.text != NULL);
    free(text);
    free(fields);
}

// The octets that the body is made of, and those that it took.
static enum http_chunked_result unchunk(struct slice in, size_t step, char *body, size_t *ret_len, size_t *ret_used) {
    struct http_chunked d = {0};
    size_t at = 0, shown = 0, len = 0;
    enum http_chunked_result result = HTTP_CHUNKED_MORE;
    while (result == HTTP_CHUNKED_DATA || (result == HTTP_CHUNKED_MORE && shown < in.len)) {
        if (result == HTTP_CHUNKED_MORE)
            shown = shown + step < in.len ? shown + step : in.len;
        size_t used = 0;
        struct slice piece;
        result = http_chunked_next(&d, slice_sub(in, at, shown), &used, &piece);
        at += used;
        ASSERT(at <= shown);
        if (result == HTTP_CHUNKED_DATA) {
            memcpy(body + len, piece.ptr, piece.len);
            len += piece.len;
        }
    }
    *ret_len = len;
    *ret_used = at;
    return result;
}

static void check_chunked(struct slice in, size_t step) {
    char *whole = mem_alloc(in.len), *cut = mem_alloc(in.len);
    size_t whole_len, whole_used, cut_len, cut_used;
    enum http_chunked_result a = unchunk(in, in.len, whole, &whole_len, &whole_used);
    enum http_chunked_result b = unchunk(in, step, cut, &cut_len, &cut_used);
    ASSERT(a == b && whole_len == cut_len && whole_used == cut_used && memcmp(whole, cut, cut_len) == 0);
    free(whole);
    free(cut);
}

// The first octet says how the rest is cut.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t step = data[0] % 64 + 1u;
    struct slice text = slice_make((const char *)data + 1, size - 1);
    struct outcome whole = scan(text, text.len), cut = scan(text, step);
    ASSERT(whole.result == cut.result && whole.len == cut.len && whole.why.status == cut.why.status);
    ASSERT(whole.result == HTTP_SCAN_BAD || whole.scan.n_fields == cut.scan.n_fields);
    if (whole.result == HTTP_SCAN_DONE)
        parse(slice_sub(text, 0, whole.len), whole.scan.n_fields);
    check_chunked(text, step);
    return 0;
}
