// SPDX-License-Identifier: MIT
// Fuzzes notifications: whatever a peer gave as address, reply or header, the message has CRLF lines and its three
// parts, and nothing else.
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/panic.h"
#include "mail/dsn.h"
#include "mail/mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_lines(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        ASSERT(s.ptr[i] != '\0');
        ASSERT((s.ptr[i] == '\n') == (i > 0 && s.ptr[i - 1] == '\r'));
    }
    ASSERT(slice_ends_with(s, SLICE("\r\n")));
}

static void check_structure(struct slice message) {
    struct mime_walk *w = mime_walk_new();
    struct mime_item item;
    enum mime_event event;
    size_t n_parts = 0;
    bool closed = false;
    while ((event = mime_walk_next(w, &message, true, &item)) != MIME_DONE) {
        ASSERT(event != MIME_BAD && event != MIME_STRAY && event != MIME_MORE);
        n_parts += event == MIME_PART ? 1 : 0;
        closed = event == MIME_END && item.closed;
    }
    ASSERT(n_parts == 4 && closed && !mime_walk_is_ambiguous(w));
    mime_walk_free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    // Fields of the notification, cut at NUL; what is left is the header.
    struct slice rest = slice_make((const char *)data, size), field[6];
    for (size_t i = 0; i < ARRAY_LEN(field); i++)
        (void)slice_cut(rest, '\0', &field[i], &rest);
    struct dsn_recipient recipients[] = {{field[0], field[1], field[2]}, {field[3], field[4], field[5]}};
    struct dsn d = {.domain = SLICE("relay.example"),
                    .to = field[0],
                    .message_id = field[1],
                    .original_header = rest,
                    .date = (int64_t)size,
                    .recipients = recipients,
                    .n_recipients = size % 3};
    struct buf out = {.max = 256 * 1024};
    bool ok = dsn_write(&d, &out);
    ASSERT(ok);
    check_lines(buf_slice(&out));
    check_structure(buf_slice(&out));
    buf_done(&out);
    return 0;
}
