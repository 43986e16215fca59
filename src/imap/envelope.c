// SPDX-License-Identifier: MIT
#include "imap/envelope.h"

#include "base/buf.h"
#include "imap/writer.h"
#include "mail/header.h"
#include "net/conn.h"

enum { VALUE_MAX = 256 * 1024, ADDRESSES_MAX = 1000 };

// An address list (RFC 5322 3.4) being read: words outside angle brackets are the display name, or the address when
// there are no brackets.
struct reader {
    struct slice rest;
    struct buf words, address;
    bool has_address; // "<" was seen
    size_t n;         // addresses written
};

static void write_nstring(struct conn *c, struct slice s) {
    if (s.len == 0)
        conn_write(c, "NIL", 3);
    else
        imap_write_string(c, s);
}

// (name route mailbox host)
static void write_address(struct conn *c, struct reader *r, struct slice name, struct slice mailbox,
                          struct slice host) {
    if (r->n++ == 0)
        conn_write(c, "(", 1);
    conn_write(c, "(", 1);
    write_nstring(c, name);
    conn_write(c, " NIL ", 5);
    write_nstring(c, mailbox);
    conn_write(c, " ", 1);
    write_nstring(c, host);
    conn_write(c, ")", 1);
}

static void end_address(struct conn *c, struct reader *r) {
    struct slice words = slice_trim(buf_slice(&r->words));
    struct slice address = slice_trim(r->has_address ? buf_slice(&r->address) : words);
    if (address.len > 0 && address.ptr[0] == '@') { // the obsolete route "@a,@b:"
        struct slice route;
        (void)slice_cut(address, ':', &route, &address);
    }
    if (address.len > 0 && r->n < ADDRESSES_MAX) {
        size_t at = slice_rfind(address, '@');
        struct slice host = slice_sub(address, at + 1, address.len);
        // A host of NIL would mean a group.
        if (host.len == 0)
            host = SLICE("MISSING_DOMAIN");
        write_address(c, r, r->has_address ? words : SLICE_EMPTY, slice_sub(address, 0, at), host);
    }
    buf_truncate(&r->words, 0);
    buf_truncate(&r->address, 0);
    r->has_address = false;
}

static void append(struct buf *b, char c) {
    // A value is never longer than the buffer may grow.
    ASSERT(buf_append(b, &c, 1));
}

// Takes a quoted string off the front, unescaped. In an address the quotes belong to the local part.
static void take_quoted(struct reader *r, struct buf *to, bool keep_quotes) {
    size_t i = 1;
    if (keep_quotes)
        append(to, '"');
    for (; i < r->rest.len && r->rest.ptr[i] != '"'; i++) {
        if (r->rest.ptr[i] == '\\' && i + 1 < r->rest.len) {
            if (keep_quotes)
                append(to, '\\');
            i++;
        }
        append(to, r->rest.ptr[i]);
    }
    if (keep_quotes)
        append(to, '"');
    r->rest = slice_sub(r->rest, i + 1, r->rest.len);
}

static void skip_comment(struct reader *r) {
    size_t depth = 0, i = 0;
    for (; i < r->rest.len; i++) {
        char ch = r->rest.ptr[i];
        if (ch == '\\')
            i++;
        else if (ch == '(')
            depth++;
        else if (ch == ')' && --depth == 0)
            break;
    }
    r->rest = slice_sub(r->rest, i + 1, r->rest.len);
}

static void take_bracketed(struct reader *r) {
    r->has_address = true;
    r->rest = slice_sub(r->rest, 1, r->rest.len);
    while (r->rest.len > 0 && r->rest.ptr[0] != '>') {
        if (r->rest.ptr[0] == '"') {
            take_quoted(r, &r->address, true);
            continue;
        }
        if (r->rest.ptr[0] != ' ' && r->rest.ptr[0] != '\t')
            append(&r->address, r->rest.ptr[0]);
        r->rest = slice_sub(r->rest, 1, r->rest.len);
    }
    r->rest = slice_sub(r->rest, 1, r->rest.len);
}

static void begin_group(struct conn *c, struct reader *r) {
    if (r->n < ADDRESSES_MAX)
        write_address(c, r, SLICE_EMPTY, slice_trim(buf_slice(&r->words)), SLICE_EMPTY);
    buf_truncate(&r->words, 0);
}

static void take_special(struct conn *c, struct reader *r, char ch) {
    if (ch == ':') {
        begin_group(c, r);
    } else {
        end_address(c, r);
        if (ch == ';' && r->n < ADDRESSES_MAX)
            write_address(c, r, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY);
    }
    r->rest = slice_sub(r->rest, 1, r->rest.len);
}

static void write_addresses(struct conn *c, struct slice value) {
    struct reader r = {.rest = value};
    buf_init(&r.words, VALUE_MAX + 2);
    buf_init(&r.address, VALUE_MAX + 2);
    while (r.rest.len > 0) {
        char ch = r.rest.ptr[0];
        if (ch == '"') {
            take_quoted(&r, &r.words, false);
        } else if (ch == '(') {
            skip_comment(&r);
        } else if (ch == '<') {
            take_bracketed(&r);
        } else if (ch == ',' || ch == ';' || ch == ':') {
            take_special(c, &r, ch);
        } else {
            append(&r.words, ch);
            r.rest = slice_sub(r.rest, 1, r.rest.len);
        }
    }
    end_address(c, &r);
    conn_write_cstr(c, r.n > 0 ? ")" : "NIL");
    buf_done(&r.words);
    buf_done(&r.address);
}

// The first field of that name, unfolded into out; false when there is none.
static bool find(struct slice header, struct slice name, struct buf *out) {
    struct slice value;
    buf_truncate(out, 0);
    return header_find(header, name, &value) && header_unfold(value, out) && buf_slice(out).len > 0;
}

void imap_write_envelope(struct conn *c, struct slice data) {
    static const struct {
        struct slice name, instead; // RFC 3501: Sender and Reply-To default to From
        bool addresses;
    } fields[] = {
        {{"Date", 4}, {"", 0}, false},
        {{"Subject", 7}, {"", 0}, false},
        {{"From", 4}, {"", 0}, true},
        {{"Sender", 6}, {"From", 4}, true},
        {{"Reply-To", 8}, {"From", 4}, true},
        {{"To", 2}, {"", 0}, true},
        {{"Cc", 2}, {"", 0}, true},
        {{"Bcc", 3}, {"", 0}, true},
        {{"In-Reply-To", 11}, {"", 0}, false},
        {{"Message-ID", 10}, {"", 0}, false},
    };
    size_t end = data.len;
    struct buf value;
    (void)header_find_end(data, &end);
    struct slice header = slice_sub(data, 0, end);
    buf_init(&value, VALUE_MAX);
    conn_write_cstr(c, "ENVELOPE (");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (i > 0)
            conn_write(c, " ", 1);
        if (!find(header, fields[i].name, &value) &&
            (fields[i].instead.len == 0 || !find(header, fields[i].instead, &value)))
            conn_write(c, "NIL", 3);
        else if (fields[i].addresses)
            write_addresses(c, buf_slice(&value));
        else
            imap_write_string(c, buf_slice(&value));
    }
    conn_write(c, ")", 1);
    buf_done(&value);
}
