// SPDX-License-Identifier: MIT
// Canonicalisation of header fields (RFC 6376 3.4.1, 3.4.2), and the hole in a signature's own field (3.7).
#include <string.h>

#include "dkim/canon.h"

struct out {
    struct dkim_sink sink;
    size_t n;
    char mem[DKIM_CANON_CHUNK];
};

static void flush(struct out *o) {
    if (o->n > 0)
        o->sink.write(o->sink.arg, o->mem, o->n);
    o->n = 0;
}

static void put(struct out *o, char c) {
    if (o->n == sizeof(o->mem))
        flush(o);
    o->mem[o->n++] = c;
}

static void put_simple(struct out *o, struct slice s) {
    flush(o);
    if (s.len > 0)
        o->sink.write(o->sink.arg, s.ptr, s.len);
}

// Unfolded, runs of white space one space, none at the ends. `state` spans the pieces of one value.
struct relaxed {
    bool begun, blank;
};

static void put_relaxed(struct out *o, struct slice s, struct relaxed *state) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\r' && i + 1 < s.len && s.ptr[i + 1] == '\n') {
            i++;
        } else if (c == ' ' || c == '\t') {
            state->blank = state->begun;
        } else {
            if (state->blank)
                put(o, ' ');
            *state = (struct relaxed){.begun = true};
            put(o, c);
        }
    }
}

static void put_value_relaxed(struct out *o, struct slice before, struct slice after) {
    struct relaxed state = {0};
    put_relaxed(o, before, &state);
    put_relaxed(o, after, &state);
}

void dkim_canon_field(enum dkim_canon how, const struct header_field *field, bool is_own, struct slice without,
                      struct dkim_sink sink) {
    struct out o = {.sink = sink};
    struct slice value = field->value;
    struct slice before = value, after = SLICE_EMPTY;
    if (is_own) {
        ASSERT(without.ptr >= value.ptr && without.ptr + without.len <= value.ptr + value.len);
        size_t hole = (size_t)(without.ptr - value.ptr);
        before = slice_sub(value, 0, hole);
        after = slice_sub(value, hole + without.len, value.len);
    }
    if (how == DKIM_SIMPLE) {
        put_simple(&o, slice_make(field->raw.ptr, (size_t)(value.ptr - field->raw.ptr)));
        put_simple(&o, before);
        put_simple(&o, after);
    } else {
        for (size_t i = 0; i < field->name.len; i++)
            put(&o, ascii_lower(field->name.ptr[i]));
        put(&o, ':');
        put_value_relaxed(&o, before, after);
    }
    if (!is_own) {
        put(&o, '\r');
        put(&o, '\n');
    }
    flush(&o);
}
