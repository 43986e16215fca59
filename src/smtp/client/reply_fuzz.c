// SPDX-License-Identifier: MIT
// Any octets as a server's replies, in pieces of a size that the first octet chooses. Checked: the pieces do not
// matter, nothing grows beyond its bound, and what is passed on is one line of printable ASCII.
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "smtp/client/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_whole(const struct smtp_reply *r, struct buf *log) {
    struct transport_reply line;
    smtp_reply_write(r, &line);
    size_t len = strlen(line.text);
    ASSERT(len >= 3 && len < TRANSPORT_REPLY_MAX && line.code == r->code);
    for (size_t i = 0; i < len; i++)
        ASSERT(line.text[i] >= 0x20 && line.text[i] < 0x7f);
    struct smtp_offers o = smtp_offers_read(r);
    bool kept = buf_printf(log, "%s %d%d%d%d%d%d %llu\n", line.text, o.starttls, o.pipelining, o.chunking,
                           o.eightbitmime, o.smtputf8, o.size, (unsigned long long)o.size_max);
    ASSERT(kept);
}

// All replies, as lines in `log`.
static void run(struct slice in, size_t step, struct buf *log) {
    struct smtp_reply r;
    size_t at = 0, end = 0;
    enum smtp_reply_progress p = SMTP_REPLY_MORE;
    smtp_reply_init(&r);
    while (p != SMTP_REPLY_BAD && (end < in.len || p == SMTP_REPLY_WHOLE)) {
        if (p == SMTP_REPLY_MORE)
            end = in.len - end > step ? end + step : in.len;
        size_t used;
        p = smtp_reply_take(&r, slice_sub(in, at, end), &used);
        at += used;
        ASSERT(at <= end && r.text.len <= SMTP_REPLY_TEXT_MAX && r.n_lines <= SMTP_REPLY_LINES_MAX);
        ASSERT(p != SMTP_REPLY_MORE || end - at <= 2 * SMTP_REPLY_LINE_MAX);
        if (p == SMTP_REPLY_WHOLE)
            check_whole(&r, log);
    }
    ASSERT(p != SMTP_REPLY_BAD || buf_append_cstr(log, "bad\n"));
    smtp_reply_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 64 * 1024)
        return 0;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    struct buf whole, pieces;
    buf_init(&whole, 64 * 1024 * 1024);
    buf_init(&pieces, 64 * 1024 * 1024);
    run(in, in.len > 0 ? in.len : 1, &whole);
    run(in, data[0] > 0 ? data[0] : 1, &pieces);
    ASSERT(slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    buf_done(&whole);
    buf_done(&pieces);
    return 0;
}
