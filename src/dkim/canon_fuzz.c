// SPDX-License-Identifier: MIT
// Fuzzes canonicalisation: the streaming form, cut anywhere, gives what the plain one gives, for the body and each
// field, and what is canonical stays as it is.
#include <stdint.h>

#include "base/mem.h"
#include "dkim/test_canon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void canon(enum dkim_canon how, struct slice body, size_t step, struct buf *out) {
    struct dkim_canon_body c;
    dkim_canon_body_init(&c, how);
    for (size_t at = 0; at < body.len; at += step)
        dkim_canon_body_update(&c, slice_sub(body, at, at + step), test_buf_sink(out));
    dkim_canon_body_finish(&c, test_buf_sink(out));
}

static void check_body(enum dkim_canon how, struct slice body, size_t step) {
    struct buf want = {.max = body.len + 2}, got = want, again = {.max = body.len + 4};
    test_canon_body(how, body, &want);
    canon(how, body, step, &got);
    ASSERT(slice_eq(buf_slice(&got), buf_slice(&want)));
    canon(how, buf_slice(&got), 7, &again);
    ASSERT(slice_eq(buf_slice(&got), buf_slice(&again)));
    buf_done(&want);
    buf_done(&got);
    buf_done(&again);
}

static void check_field(enum dkim_canon how, const struct header_field *field) {
    struct buf want = {.max = field->raw.len + 2}, got = want, own = want;
    test_canon_field(how, field, &want);
    dkim_canon_field(how, field, true, slice_sub(field->value, 0, 0), test_buf_sink(&own));
    ASSERT(slice_eq(buf_slice(&own), buf_slice(&want)));
    bool ok = buf_append_cstr(&want, "\r\n");
    ASSERT(ok);
    dkim_canon_field(how, field, false, SLICE_EMPTY, test_buf_sink(&got));
    ASSERT(slice_eq(buf_slice(&got), buf_slice(&want)));
    buf_done(&want);
    buf_done(&got);
    buf_done(&own);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct slice text = slice_make((const char *)data + 1, size - 1);
    for (size_t how = DKIM_SIMPLE; how <= DKIM_RELAXED; how++) {
        check_body((enum dkim_canon)how, text, 1 + data[0] % 64);
        struct slice rest = text;
        struct header_field field;
        enum header_next next;
        while ((next = header_next(&rest, &field)) != HEADER_END)
            if (next == HEADER_FIELD)
                check_field((enum dkim_canon)how, &field);
    }
    return 0;
}
