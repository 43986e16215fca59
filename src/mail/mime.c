// SPDX-License-Identifier: MIT
// The MIME walk (RFC 2045, RFC 2046 5.1). The walk owns the header it gathers and nothing else; body octets borrow from
// the input.
//
// A line break before a delimiter belongs to the delimiter (RFC 2046 5.1.1), so each one is withheld (`eol`) until the
// next line shows what it is. Only a line that begins with "-" is copied, up to `hold`; all others pass in runs as long
// as the input.
#include "mail/mime.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "mail/header.h"

// "--" boundary "--", blanks that were added on the way, CRLF. A longer line is no delimiter.
enum { HOLD_MAX = 256 };

enum walk_state { STATE_HEADER, STATE_TEXT, STATE_ENDING, STATE_FINISHED, STATE_FAILED };

struct level {
    char boundary[MIME_BOUNDARY_MAX + 1];
    size_t boundary_len;
    bool closed; // the closing delimiter was there: what follows is epilogue
};

struct mime_walk {
    enum walk_state state;
    struct level levels[MIME_DEPTH_MAX]; // the open multiparts, outermost first; only the last can be closed
    unsigned depth;
    bool in_leaf; // a leaf part has begun and not ended
    bool ambiguous;
    const char *reason;

    struct buf header;
    size_t header_line; // offset of the line of the header that is not complete

    bool line_start;         // the next octet begins a line
    unsigned eol;            // octets of a CRLF withheld: 0, 1 or 2
    bool gathering;          // the line is gathered in hold
    char hold[2 + HOLD_MAX]; // CRLF, then the line
    size_t n_hold;

    // What STATE_ENDING does: end all parts within level `unwind_to`, then go on there.
    unsigned unwind_to;
    bool closing; // by a closing delimiter
    bool at_end;  // by the end of the message
};

struct mime_walk *mime_walk_new(void) {
    struct mime_walk *w = MEM_NEW(struct mime_walk);
    buf_init(&w->header, MIME_HEADER_MAX);
    memcpy(w->hold, "\r\n", 2);
    return w;
}

void mime_walk_free(struct mime_walk *w) {
    if (w == NULL)
        return;
    buf_done(&w->header);
    free(w);
}

const char *mime_walk_reason(const struct mime_walk *w) {
    return w->reason;
}
bool mime_walk_is_ambiguous(const struct mime_walk *w) {
    return w->ambiguous;
}

static enum mime_event fail(struct mime_walk *w, const char *reason) {
    w->state = STATE_FAILED;
    w->reason = reason;
    buf_done(&w->header);
    return MIME_BAD;
}

static bool has_open_boundary(const struct mime_walk *w) {
    return w->depth > 1 || (w->depth == 1 && !w->levels[0].closed);
}

static bool is_blanks(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != ' ' && s.ptr[i] != '\t')
            return false;
    return true;
}

// Is the line (without CRLF) a delimiter? Then the walk is set to end everything within its level.
static bool take_delimiter(struct mime_walk *w, struct slice line) {
    if (!slice_starts_with(line, SLICE("--")))
        return false;
    unsigned n_candidates = 0;
    bool found = false;
    for (unsigned i = w->depth; i-- > 0;) {
        const struct level *level = &w->levels[i];
        struct slice rest = slice_sub(line, 2, line.len);
        if (level->closed || !slice_starts_with(rest, slice_make(level->boundary, level->boundary_len)))
            continue;
        n_candidates++;
        rest = slice_sub(rest, level->boundary_len, rest.len);
        bool closing = slice_starts_with(rest, SLICE("--"));
        if (found || !is_blanks(slice_sub(rest, closing ? 2 : 0, rest.len)))
            continue;
        found = true;
        w->state = STATE_ENDING;
        w->unwind_to = i + 1;
        w->closing = closing;
    }
    if (n_candidates > 1 || (n_candidates == 1 && !found))
        w->ambiguous = true;
    return found;
}

static void begin_header(struct mime_walk *w) {
    w->state = STATE_HEADER;
    w->header_line = 0;
    buf_truncate(&w->header, 0);
}

static void begin_text(struct mime_walk *w) {
    w->state = STATE_TEXT;
    w->line_start = true;
    w->eol = 0;
    w->gathering = false;
    w->n_hold = 0;
}

// Reads what the header says of the part. Returns what is wrong, or NULL.
static const char *parse_header(struct mime_walk *w, struct mime_item *ret, struct slice *ret_type) {
    struct slice rest = ret->header;
    struct header_field field;
    enum header_next next;
    bool has_type = false, has_encoding = false;
    while ((next = header_next(&rest, &field)) == HEADER_FIELD) {
        if (slice_eq_ci(field.name, SLICE("Content-Type"))) {
            if (has_type)
                return "more than one Content-Type";
            has_type = true;
            *ret_type = field.value;
            ret->type = content_type_parse(field.value);
        } else if (slice_eq_ci(field.name, SLICE("Content-Transfer-Encoding"))) {
            if (has_encoding)
                return "more than one Content-Transfer-Encoding";
            has_encoding = true;
            ret->encoding = transfer_encoding_parse(field.value);
        }
    }
    return next == HEADER_BAD ? "header line is not a field" : NULL;
}

// The header is complete: the part begins.
static enum mime_event begin_part(struct mime_walk *w, struct mime_item *ret) {
    struct slice type = SLICE_EMPTY;
    ret->depth = w->depth;
    ret->header = buf_slice(&w->header);
    ret->type = (struct content_type){SLICE("text"), SLICE("plain")};
    const char *wrong = parse_header(w, ret, &type);
    if (wrong != NULL)
        return fail(w, wrong);
    begin_text(w);
    ret->is_multipart = slice_eq_ci(ret->type.type, SLICE("multipart"));
    w->in_leaf = !ret->is_multipart;
    if (!ret->is_multipart)
        return MIME_PART;
    if (w->depth == MIME_DEPTH_MAX)
        return fail(w, "nested too deep");
    struct level *level = &w->levels[w->depth];
    level->closed = false;
    if (!content_type_boundary(type, level->boundary, &level->boundary_len))
        return fail(w, "multipart without a valid boundary");
    w->depth++;
    return MIME_PART;
}

// Judges one header line that is complete (with its CRLF). True when the header ends with it; *ret_wrong is set when it
// is bad.
static bool header_line_ends(struct mime_walk *w, const char **ret_wrong) {
    struct slice line = buf_slice(&w->header);
    line = slice_sub(line, w->header_line, line.len);
    if (!slice_ends_with(line, SLICE("\r\n"))) {
        *ret_wrong = "bare line feed";
        return true;
    }
    line.len -= 2;
    if (line.len == 0)
        return true;
    if (slice_find(line, '\r') < line.len || slice_find(line, '\0') < line.len)
        *ret_wrong = "control character in header";
    else if (is_blanks(line))
        *ret_wrong = "folded line without content"; // RFC 5322 3.2.2; some readers take it for the end of the header
    return *ret_wrong != NULL;
}

static enum mime_event header_piece(struct mime_walk *w, struct slice *in, bool last, struct mime_item *ret) {
    size_t max = w->depth == 0 ? MIME_HEADER_MAX : MIME_PART_HEADER_MAX;
    while (in->len > 0) {
        size_t lf = slice_find(*in, '\n');
        bool complete = lf < in->len;
        size_t take = complete ? lf + 1 : in->len;
        if (w->header.len - w->header_line + take > MIME_HEADER_LINE_MAX)
            return fail(w, "header line too long");
        if (w->header.len + take > max || !buf_append(&w->header, in->ptr, take))
            return fail(w, "header too large");
        *in = slice_sub(*in, take, in->len);
        if (!complete)
            break;
        const char *wrong = NULL;
        bool ends = header_line_ends(w, &wrong);
        if (wrong != NULL)
            return fail(w, wrong);
        if (ends)
            return begin_part(w, ret);
        struct slice line = buf_slice(&w->header);
        if (take_delimiter(w, slice_sub(line, w->header_line, line.len - 2)))
            break;
        w->header_line = w->header.len;
    }
    if (w->state == STATE_HEADER) {
        if (!last || in->len > 0)
            return MIME_MORE;
        struct slice line = buf_slice(&w->header);
        (void)take_delimiter(w, slice_sub(line, w->header_line, line.len));
    }
    // The header ends without its blank line: at a delimiter, or at the end of the message.
    bool ending = w->state == STATE_ENDING;
    if (ending)
        buf_truncate(&w->header, w->header_line);
    enum mime_event event = begin_part(w, ret);
    if (ending && event == MIME_PART)
        w->state = STATE_ENDING;
    return event;
}

static enum mime_event text(struct mime_walk *w, const char *ptr, size_t len, struct mime_item *ret) {
    ret->depth = w->in_leaf ? w->depth : w->depth - 1;
    ret->is_multipart = !w->in_leaf;
    ret->octets = slice_make(ptr, len);
    return w->in_leaf ? MIME_BODY : MIME_STRAY;
}

// The line in hold turned out to be text; `keep` of its last octets are a line break that is withheld in turn.
static enum mime_event release_hold(struct mime_walk *w, unsigned keep, struct mime_item *ret) {
    unsigned eol = w->eol;
    w->gathering = false;
    w->eol = keep;
    w->line_start = keep == 2;
    return text(w, w->hold + 2 - eol, eol + w->n_hold - keep, ret);
}

// Gathers a line that begins with "-". MIME_MORE when there is nothing to tell yet.
static enum mime_event gather(struct mime_walk *w, struct slice *in, struct mime_item *ret) {
    size_t room = HOLD_MAX - w->n_hold;
    struct slice piece = slice_sub(*in, 0, room);
    size_t lf = slice_find(piece, '\n');
    bool complete = lf < piece.len;
    size_t take = complete ? lf + 1 : piece.len;
    memcpy(w->hold + 2 + w->n_hold, piece.ptr, take);
    w->n_hold += take;
    *in = slice_sub(*in, take, in->len);
    if (!complete && w->n_hold < HOLD_MAX)
        return MIME_MORE;

    struct slice line = slice_make(w->hold + 2, w->n_hold);
    if (!complete) {
        if (take_delimiter(w, line)) {
            // Only blanks behind it so far, but the line goes on: nobody knows what others make of it.
            w->state = STATE_TEXT;
            w->ambiguous = true;
        }
        return release_hold(w, line.ptr[line.len - 1] == '\r' ? 1 : 0, ret);
    }
    if (!slice_ends_with(line, SLICE("\r\n")))
        return fail(w, "bare line feed");
    line.len -= 2;
    if (take_delimiter(w, line))
        return MIME_MORE;
    return release_hold(w, 2, ret);
}

// Passes on a run of whole lines up to one that may be a delimiter.
static enum mime_event scan(struct mime_walk *w, struct slice *in, struct mime_item *ret) {
    bool watch = has_open_boundary(w);
    size_t i = 0;
    w->line_start = false;
    while (i < in->len) {
        const char *lf = memchr(in->ptr + i, '\n', in->len - i);
        w->line_start = lf != NULL;
        if (lf == NULL) {
            i = in->len;
            break;
        }
        i = (size_t)(lf - in->ptr) + 1;
        if (i < 2 || lf[-1] != '\r')
            return fail(w, "bare line feed");
        if (watch && i < in->len && in->ptr[i] == '-')
            break;
    }
    w->eol = w->line_start ? 2 : in->ptr[i - 1] == '\r' ? 1 : 0;
    struct slice run = slice_sub(*in, 0, i - w->eol);
    *in = slice_sub(*in, i, in->len);
    return run.len > 0 ? text(w, run.ptr, run.len, ret) : MIME_MORE;
}

// The end of the message, within a body, preamble or epilogue.
static enum mime_event text_end(struct mime_walk *w, struct mime_item *ret) {
    if (w->gathering) {
        w->gathering = false;
        if (take_delimiter(w, slice_make(w->hold + 2, w->n_hold)))
            return MIME_MORE;
        return release_hold(w, 0, ret);
    }
    unsigned eol = w->eol;
    w->eol = 0;
    if (eol > 0)
        return text(w, w->hold, eol, ret);
    w->state = STATE_ENDING;
    w->unwind_to = 0;
    w->at_end = true;
    return MIME_MORE;
}

static enum mime_event text_piece(struct mime_walk *w, struct slice *in, bool last, struct mime_item *ret) {
    while (w->state == STATE_TEXT) {
        enum mime_event event = MIME_MORE;
        if (in->len == 0) {
            if (!last)
                return MIME_MORE;
            event = text_end(w, ret);
        } else if (w->gathering) {
            event = gather(w, in, ret);
        } else if (w->eol == 1 && in->ptr[0] == '\n') {
            w->eol = 2;
            w->line_start = true;
            *in = slice_sub(*in, 1, in->len);
        } else if (w->line_start && in->ptr[0] == '-' && has_open_boundary(w)) {
            w->gathering = true;
            w->n_hold = 0;
        } else if (w->eol > 0) {
            unsigned eol = w->eol;
            w->eol = 0;
            event = text(w, w->hold, eol, ret);
        } else {
            event = scan(w, in, ret);
        }
        if (event != MIME_MORE)
            return event;
    }
    return MIME_MORE;
}

// Ends one part, or goes on behind the delimiter (MIME_MORE).
static enum mime_event end_one(struct mime_walk *w, struct mime_item *ret) {
    if (w->in_leaf) {
        w->in_leaf = false;
        ret->depth = w->depth;
        return MIME_END;
    }
    if (w->depth > w->unwind_to) {
        w->depth--;
        ret->depth = w->depth;
        ret->is_multipart = true;
        ret->closed = w->levels[w->depth].closed;
        return MIME_END;
    }
    if (w->at_end) {
        w->state = STATE_FINISHED;
        return MIME_DONE;
    }
    if (w->closing) {
        w->levels[w->depth - 1].closed = true;
        begin_text(w);
    } else {
        begin_header(w);
    }
    return MIME_MORE;
}

enum mime_event mime_walk_next(struct mime_walk *w, struct slice *in, bool last, struct mime_item *ret) {
    *ret = (struct mime_item){0};
    for (;;) {
        enum mime_event event = MIME_MORE;
        if (w->state != STATE_HEADER)
            buf_truncate(&w->header, 0); // the item of the last call is gone
        switch (w->state) {
        case STATE_HEADER:
            event = header_piece(w, in, last, ret);
            break;
        case STATE_TEXT:
            event = text_piece(w, in, last, ret);
            break;
        case STATE_ENDING:
            event = end_one(w, ret);
            break;
        case STATE_FINISHED:
            return MIME_DONE;
        case STATE_FAILED:
            return MIME_BAD;
        }
        if (event != MIME_MORE)
            return event;
        if (in->len == 0 && !last && w->state != STATE_ENDING)
            return MIME_MORE;
    }
}
