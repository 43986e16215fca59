// SPDX-License-Identifier: MIT
#include "smtp/client/reply.h"

void smtp_reply_init(struct smtp_reply *r) {
    *r = (struct smtp_reply){0};
    buf_init(&r->text, SMTP_REPLY_TEXT_MAX);
}

void smtp_reply_done(struct smtp_reply *r) {
    buf_done(&r->text);
    r->code = 0;
    r->n_lines = 0;
    r->is_whole = false;
}

// ---- lines ----

// False when there is no code from 200 to 599 at the front, with a blank, "-" or nothing behind it.
static bool read_code(struct slice line, uint16_t *ret_code) {
    if (line.len < 3 || line.ptr[0] < '2' || line.ptr[0] > '5')
        return false;
    uint32_t code;
    if (!slice_to_u32(slice_sub(line, 0, 3), &code))
        return false;
    if (line.len > 3 && line.ptr[3] != ' ' && line.ptr[3] != '-' && line.ptr[3] != '\t')
        return false;
    *ret_code = (uint16_t)code;
    return true;
}

static void keep_text(struct smtp_reply *r, struct slice text) {
    size_t room = SMTP_REPLY_TEXT_MAX - r->text.len;
    bool kept = (r->n_lines == 0 || room == 0 || buf_append_cstr(&r->text, "\n"));
    ASSERT(kept);
    room = SMTP_REPLY_TEXT_MAX - r->text.len;
    kept = buf_append_slice(&r->text, slice_sub(text, 0, room));
    ASSERT(kept);
}

static bool take_line(struct smtp_reply *r, struct slice line) {
    uint16_t code;
    if (!read_code(line, &code) || r->n_lines == SMTP_REPLY_LINES_MAX || (r->n_lines > 0 && code != r->code))
        return false;
    keep_text(r, slice_sub(line, 4, line.len));
    r->code = code;
    r->n_lines++;
    r->is_whole = line.len == 3 || line.ptr[3] != '-';
    return true;
}

enum smtp_reply_progress smtp_reply_take(struct smtp_reply *r, struct slice in, size_t *ret_used) {
    if (r->is_whole)
        smtp_reply_done(r);
    *ret_used = 0;
    while (!r->is_whole) {
        struct slice rest = slice_sub(in, *ret_used, in.len);
        size_t lf = slice_find(rest, '\n');
        size_t len = lf;
        while (len > 0 && rest.ptr[len - 1] == '\r')
            len--;
        if (len > SMTP_REPLY_LINE_MAX)
            return SMTP_REPLY_BAD;
        if (lf == rest.len)
            return rest.len > 2 * SMTP_REPLY_LINE_MAX ? SMTP_REPLY_BAD
                                                      : SMTP_REPLY_MORE; // CRs alone are no line either
        *ret_used += lf + 1;
        if (!take_line(r, slice_sub(rest, 0, len)))
            return SMTP_REPLY_BAD;
    }
    return SMTP_REPLY_WHOLE;
}

// ---- as one line ----

// "5.1.1" (RFC 3463 section 2).
static bool is_enhanced_code(struct slice word) {
    size_t n_dots = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] == '.')
            n_dots++;
        else if (!ascii_is_digit(word.ptr[i]))
            return false;
    }
    return n_dots == 2 && word.len >= 5 && word.ptr[1] == '.';
}

static struct slice without_repeated_code(struct slice line, struct slice code) {
    struct slice rest = line;
    bool repeats = code.len > 0 && slice_eq(slice_next_word(&rest), code);
    return repeats ? rest : line;
}

// Appends ` words` to the text, one blank between words, as far as there is room.
static size_t append_words(char *text, size_t len, struct slice words) {
    for (struct slice w = slice_next_word(&words); w.len > 0; w = slice_next_word(&words)) {
        if (len < TRANSPORT_REPLY_MAX - 1)
            text[len++] = ' ';
        for (size_t i = 0; i < w.len && len < TRANSPORT_REPLY_MAX - 1; i++)
            text[len++] = (w.ptr[i] > 0x20 && w.ptr[i] < 0x7f) ? w.ptr[i] : '?';
    }
    return len;
}

void smtp_reply_write(const struct smtp_reply *r, struct transport_reply *ret) {
    struct slice rest = buf_slice(&r->text), line, code = SLICE_EMPTY;
    ret->code = r->code;
    size_t len = 0;
    for (unsigned unit = 100; unit > 0; unit /= 10)
        ret->text[len++] = (char)('0' + r->code / unit % 10);
    for (size_t i = 0; i < r->n_lines; i++) {
        slice_cut(rest, '\n', &line, &rest);
        len = append_words(ret->text, len, without_repeated_code(line, code));
        struct slice first = slice_next_word(&line);
        if (i == 0 && is_enhanced_code(first))
            code = first;
    }
    ret->text[len] = '\0';
}

// ---- EHLO ----

static void read_offer(struct smtp_offers *o, struct slice line) {
    struct slice keyword = slice_next_word(&line);
    const struct {
        struct slice keyword;
        bool *flag;
    } known[] = {
        {SLICE("STARTTLS"), &o->starttls},     {SLICE("PIPELINING"), &o->pipelining}, {SLICE("CHUNKING"), &o->chunking},
        {SLICE("8BITMIME"), &o->eightbitmime}, {SLICE("SMTPUTF8"), &o->smtputf8},     {SLICE("SIZE"), &o->size},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (slice_eq_ci(keyword, known[i].keyword))
            *known[i].flag = true;
    if (slice_eq_ci(keyword, SLICE("SIZE")) && !slice_to_u64(slice_next_word(&line), &o->size_max))
        o->size_max = 0;
}

struct smtp_offers smtp_offers_read(const struct smtp_reply *r) {
    struct smtp_offers o = {0};
    struct slice rest = buf_slice(&r->text), line;
    slice_cut(rest, '\n', &line, &rest); // the first names the server
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        read_offer(&o, line);
    }
    return o;
}
