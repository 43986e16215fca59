// SPDX-License-Identifier: MIT
#include "imap/reader.h"

#include <string.h>

void imap_reader_init(struct imap_reader *r) {
    *r = (struct imap_reader){0};
    buf_init(&r->text, IMAP_COMMAND_MAX_STRANGER);
}

void imap_reader_done(struct imap_reader *r) {
    buf_done(&r->text);
}

void imap_reader_set_max(struct imap_reader *r, size_t max) {
    r->text.max = max;
}

void imap_reader_reset(struct imap_reader *r) {
    buf_done(&r->text);
    r->line_start = 0;
    r->literal_left = 0;
    r->overlong = false;
}

struct slice imap_reader_text(const struct imap_reader *r) {
    struct slice text = buf_slice(&r->text);
    if (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    if (text.len > 0 && text.ptr[text.len - 1] == '\r')
        text.len--;
    return text;
}

static size_t take_literal(struct imap_reader *r, struct slice octets) {
    size_t n = octets.len < r->literal_left ? octets.len : (size_t)r->literal_left;
    // imap_reader_accept() has made sure that it fits.
    ASSERT(buf_append(&r->text, octets.ptr, n));
    r->literal_left -= n;
    if (r->literal_left == 0)
        r->line_start = r->text.len;
    return n;
}

// The line after a refused literal: no event, unless yet another literal is announced.
static void end_of_refused_line(struct imap_reader *r) {
    struct imap_literal next;
    bool more = !r->overlong && imap_literal_at_end(imap_reader_text(r), &next) && !next.sync;
    imap_reader_reset(r);
    r->swallow = more ? next.len : 0;
    r->refused = more;
}

static enum imap_read end_of_line(struct imap_reader *r) {
    if (r->refused) {
        end_of_refused_line(r);
        return IMAP_READ_MORE;
    }
    if (r->overlong)
        return IMAP_READ_TOOLONG;
    struct slice line = imap_reader_text(r);
    line = slice_sub(line, r->line_start, line.len);
    if (!r->raw && imap_literal_at_end(line, &r->literal)) {
        r->literal.offset += r->line_start;
        return IMAP_READ_LITERAL;
    }
    return IMAP_READ_LINE;
}

// Takes octets up to and with the LF; true when it was there.
static bool take_line(struct imap_reader *r, struct slice octets, size_t *ret_taken) {
    size_t at = slice_find(octets, '\n');
    bool ended = at < octets.len;
    size_t n = ended ? at + 1 : octets.len;
    *ret_taken = n;
    if (!r->overlong && (r->text.len - r->line_start + n > IMAP_LINE_MAX || !buf_append(&r->text, octets.ptr, n)))
        r->overlong = true;
    return ended;
}

enum imap_read imap_reader_feed(struct imap_reader *r, struct slice octets, size_t *ret_consumed) {
    size_t done = 0;
    enum imap_read result = IMAP_READ_MORE;
    while (done < octets.len && result == IMAP_READ_MORE) {
        struct slice rest = slice_sub(octets, done, octets.len);
        size_t n;
        if (r->swallow > 0) {
            n = rest.len < r->swallow ? rest.len : (size_t)r->swallow;
            r->swallow -= n;
        } else if (r->literal_left > 0) {
            n = take_literal(r, rest);
        } else if (take_line(r, rest, &n)) {
            result = end_of_line(r);
        }
        done += n;
    }
    *ret_consumed = done;
    return result;
}

bool imap_reader_accept(struct imap_reader *r) {
    // Room for one more line end must remain, or the command could never be completed.
    if (r->literal.len >= r->text.max || r->text.len + r->literal.len + 2 > r->text.max)
        return false;
    r->literal_left = r->literal.len;
    r->line_start = r->text.len;
    return true;
}

bool imap_reader_refuse(struct imap_reader *r) {
    imap_reader_reset(r);
    if (r->literal.sync)
        return true;
    if (r->literal.len > IMAP_SWALLOW_MAX)
        return false;
    // The rest of the command's line follows the octets; it is dropped as an overlong one.
    r->swallow = r->literal.len;
    r->refused = true;
    return true;
}
