// SPDX-License-Identifier: MIT
// For tests: one pass over the octets for each sentence of RFC 6376 3.4.
#include "dkim/test_canon.h"

#include "base/mem.h"

static void append(void *arg, const char *ptr, size_t len) {
    bool ok = buf_append(arg, ptr, len);
    ASSERT(ok);
}

struct dkim_sink test_buf_sink(struct buf *out) {
    return (struct dkim_sink){append, out};
}

static bool is_wsp(char c) {
    return c == ' ' || c == '\t';
}

static bool is_crlf(const char *text, size_t len, size_t at) {
    return at + 1 < len && text[at] == '\r' && text[at + 1] == '\n';
}

// "Reduces all sequences of WSP within a line to a single SP character."
static size_t reduce(char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (!is_wsp(text[i]))
            text[n++] = text[i];
        else if (n == 0 || text[n - 1] != ' ')
            text[n++] = ' ';
    return n;
}

// "Ignores all white space at the end of lines."
static size_t trim_lines(char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        if (is_crlf(text, len, i))
            while (n > 0 && is_wsp(text[n - 1]))
                n--;
        text[n++] = text[i];
    }
    return n;
}

void test_canon_body(enum dkim_canon how, struct slice body, struct buf *out) {
    char *text = mem_alloc(body.len + 2);
    size_t len = body.len;
    if (len > 0)
        memcpy(text, body.ptr, len);
    // "If there is no body or no trailing CRLF on the message body, a CRLF is added."
    if (len < 2 || !is_crlf(text, len, len - 2)) {
        memcpy(text + len, "\r\n", 2);
        len += 2;
    }
    if (how == DKIM_RELAXED) {
        len = trim_lines(text, len);
        len = reduce(text, len);
    }
    // "Ignores all empty lines at the end of the message body."
    while (len >= 4 && is_crlf(text, len, len - 2) && is_crlf(text, len, len - 4))
        len -= 2;
    // Relaxed: a body that is empty by now is the null input.
    if (how == DKIM_RELAXED && len == 2 && is_crlf(text, len, 0))
        len = 0;
    append(out, text, len);
    free(text);
}

void test_canon_field(enum dkim_canon how, const struct header_field *field, struct buf *out) {
    if (how == DKIM_SIMPLE) {
        struct slice raw = field->raw;
        if (slice_ends_with(raw, SLICE("\r\n")))
            raw.len -= 2;
        append(out, raw.ptr, raw.len);
        return;
    }
    char *text = mem_alloc(field->value.len);
    size_t len = 0;
    for (size_t i = 0; i < field->value.len; i++) {
        if (is_crlf(field->value.ptr, field->value.len, i))
            i++;
        else
            text[len++] = field->value.ptr[i];
    }
    len = reduce(text, len);
    while (len > 0 && text[len - 1] == ' ')
        len--;
    size_t from = len > 0 && text[0] == ' ' ? 1 : 0;
    for (size_t i = 0; i < field->name.len; i++) {
        char c = ascii_lower(field->name.ptr[i]);
        append(out, &c, 1);
    }
    append(out, ":", 1);
    append(out, text + from, len - from);
    free(text);
}
