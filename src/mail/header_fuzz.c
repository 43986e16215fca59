// SPDX-License-Identifier: MIT
// Fuzzes headers: the fields cover the header without a gap, edits change nothing else, and editing twice is editing
// once.
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "mail/address.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_fields(struct slice header) {
    struct slice rest = header;
    struct header_field f;
    const char *at = header.ptr;
    enum header_next next;
    while ((next = header_next(&rest, &f)) != HEADER_END) {
        ASSERT(f.raw.len > 0 && f.raw.ptr == at);
        at += f.raw.len;
        if (next == HEADER_BAD)
            continue;
        ASSERT(f.name.ptr == f.raw.ptr && f.name.len > 0);
        ASSERT(f.value.ptr > f.name.ptr && f.value.ptr + f.value.len <= at);
        struct slice value;
        bool found = header_find(header, f.name, &value);
        ASSERT(found);
        struct buf out = {.max = f.value.len};
        bool ok = header_unfold(f.value, &out);
        ASSERT(ok);
        buf_done(&out);
    }
    ASSERT(rest.ptr == at && (rest.len == 0 || slice_starts_with(rest, SLICE("\r\n"))));
}

static void check_rewrite(struct slice header, enum header_edit how) {
    // A Subject can grow, up to "a:" becoming the replacement.
    struct buf once = {.max = header.len * 3 + 64}, twice = once;
    bool ok = header_rewrite(header, how, &once);
    ASSERT(ok);
    ok = header_rewrite(buf_slice(&once), how, &twice);
    ASSERT(ok && slice_eq(buf_slice(&once), buf_slice(&twice)));
    struct slice value;
    ASSERT(!header_find(buf_slice(&once), SLICE("Received"), &value));
    if (how == HEADER_EDIT_SUBMITTED && header_find(buf_slice(&once), SLICE("Subject"), &value))
        ASSERT(slice_eq(value, SLICE("[...]")));
    buf_done(&once);
    buf_done(&twice);
}

// The two selections hold every field once: together they are as long as the header, a blank line each.
static void check_select(struct slice header) {
    const struct slice names[] = {SLICE("From"), SLICE("Subject")};
    struct buf with = {.max = header.len + 64}, without = with;
    bool ok = header_select(header, names, 2, false, &with) && header_select(header, names, 2, true, &without);
    ASSERT(ok);
    struct slice rest = header;
    struct header_field f;
    size_t total = 4;
    while (header_next(&rest, &f) != HEADER_END)
        total += f.raw.len + (slice_ends_with(f.raw, SLICE("\r\n")) ? 0 : 2);
    ASSERT(buf_slice(&with).len + buf_slice(&without).len == total);
    buf_done(&with);
    buf_done(&without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_make((const char *)data, size);
    size_t end = size;
    if (header_find_end(in, &end))
        ASSERT(end >= 2 && end <= size && in.ptr[end - 1] == '\n');
    struct slice header = slice_sub(in, 0, end);
    check_fields(header);
    check_rewrite(header, HEADER_EDIT_SUBMITTED);
    check_rewrite(header, HEADER_EDIT_DELIVERED);
    check_select(header);
    struct slice from;
    struct address a;
    if (header_find(header, SLICE("From"), &from) && address_first_of_header(from, &a))
        ASSERT(a.whole.ptr >= from.ptr);
    return 0;
}
