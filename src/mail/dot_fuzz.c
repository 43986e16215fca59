// SPDX-License-Identifier: MIT
// Fuzzes the dot decoder against a second one, written plainly octet by octet, and cuts the stream at places the input
// names.
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/panic.h"
#include "mail/dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct buf out;
    size_t consumed;
    bool ended, bad;
};

static void add(struct outcome *o, const char *ptr, size_t len) {
    bool ok = buf_append(&o->out, ptr, len);
    ASSERT(ok);
}

static bool is_line_start(struct slice in, size_t i) {
    return i == 0 || (i >= 2 && in.ptr[i - 1] == '\n' && in.ptr[i - 2] == '\r');
}

// The plain one: looks at the whole input, by the letter of RFC 5321. What comes out of a bad stream is nobody's
// concern.
static void decode_plainly(struct slice in, struct outcome *o) {
    size_t len = 0;
    while (len < in.len && !o->ended) {
        o->ended = is_line_start(in, len) && slice_starts_with(slice_sub(in, len, in.len), SLICE(".\r\n"));
        len += o->ended ? 0 : 1;
    }
    o->consumed = o->ended ? len + 3 : len;
    for (size_t i = 0; i < len; i++) {
        // The octet behind the last one is not known yet, unless it is the dot that ends.
        char c = in.ptr[i];
        bool known = i + 1 < in.len;
        bool dot = c == '.' && is_line_start(in, i);
        if (c == '\n' && (i == 0 || in.ptr[i - 1] != '\r'))
            o->bad = true;
        if (c == '\r' && known && in.ptr[i + 1] != '\n')
            o->bad = true;
        if (dot && known && in.ptr[i + 1] != '.' && in.ptr[i + 1] != '\r')
            o->bad = true;
        // A CR behind a lone dot is held back until it is known what it is.
        bool held = c == '\r' && i + 1 == in.len && i > 0 && in.ptr[i - 1] == '.' && is_line_start(in, i - 1);
        if (!dot && !held)
            add(o, &c, 1);
    }
}

static void decode(struct dot_decoder *d, struct slice in, struct outcome *o) {
    while (in.len > 0 && !o->ended) {
        struct slice piece;
        size_t consumed;
        o->ended = dot_decode(d, in, &piece, &consumed) == DOT_END;
        ASSERT(consumed > 0 && consumed <= in.len);
        add(o, piece.ptr, piece.len);
        o->consumed += consumed;
        in = slice_sub(in, consumed, in.len);
    }
    o->bad = d->bad;
}

static bool is_same(const struct outcome *a, const struct outcome *b) {
    return a->ended == b->ended && a->bad == b->bad && a->consumed == b->consumed &&
           (a->bad || slice_eq(buf_slice(&a->out), buf_slice(&b->out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    size_t step = data[0] % 16 + 1U;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    struct outcome plain = {.out = {.max = size}}, whole = plain, cut = plain;
    struct dot_decoder d = {0};
    decode_plainly(in, &plain);
    decode(&d, in, &whole);
    ASSERT(is_same(&plain, &whole));
    d = (struct dot_decoder){0};
    for (size_t at = 0; at < in.len; at += step)
        decode(&d, slice_sub(in, at, at + step), &cut);
    ASSERT(is_same(&whole, &cut) && slice_eq(buf_slice(&whole.out), buf_slice(&cut.out)));
    buf_done(&plain.out);
    buf_done(&whole.out);
    buf_done(&cut.out);
    return 0;
}
