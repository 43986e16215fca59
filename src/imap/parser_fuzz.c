// SPDX-License-Identifier: MIT
// Octets from outside through the reader of commands, and each command through every argument parser; what it asks for
// of a message is written with the bounds and to the connection that the server writes it with. The first octet says
// whether a stranger speaks.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "imap/command.h"
#include "imap/envelope.h"
#include "imap/fetch_items.h"
#include "imap/flags.h"
#include "imap/mailbox_name.h"
#include "imap/metadata.h"
#include "imap/reader.h"
#include "imap/search.h"
#include "imap/set.h"
#include "net/conn.h"
#include "net/loop.h"
#include "store/message_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct arena arena;

static void try_search(struct imap_parser p, struct slice text) {
    struct imap_search s;
    if (!imap_search_parse(&p, &s))
        return;
    imap_search_resolve(&s, 5, 7);
    imap_search_begin_message(&s);
    imap_search_feed(&s, text, 0, text.len / 2);
    struct imap_search_subject m = {.seq = 5, .uid = 7, .keywords = "a b", .header = text};
    (void)imap_search_matches(&s, &m);
}

// The command is the message, too, as much of it as the store would give for a header.
static void try_section(const struct imap_fetch_item *item, struct slice text) {
    struct slice header = slice_sub(text, 0, STORE_HEADER_MAX);
    struct buf label, fields;
    struct imap_span span;
    buf_init(&label, IMAP_FETCH_LABEL_MAX);
    buf_init(&fields, IMAP_FETCH_FIELDS_MAX);
    ASSERT(imap_fetch_write_label(item, &label));
    ASSERT(imap_fetch_span(item, header, text.len, &fields, &span));
    ASSERT(span.offset + span.len <= (span.selected ? buf_slice(&fields).len : text.len));
    buf_done(&label);
    buf_done(&fields);
}

// Its parentheses and strings are right. (A NUL of the message is passed on; our own parser takes none.)
static void check_envelope(struct slice out) {
    size_t depth = 0;
    struct imap_parser p;
    ASSERT(slice_starts_with(out, SLICE("ENVELOPE (")));
    imap_parser_init(&p, slice_sub(out, strlen("ENVELOPE "), out.len), &arena);
    do {
        struct slice s;
        if (imap_parse_skip(&p, '('))
            depth++;
        else if (imap_parse_skip(&p, ')'))
            depth--;
        else if (!imap_parse_skip(&p, ' '))
            ASSERT(imap_parse_skip_word(&p, SLICE("NIL")) || imap_parse_astring(&p, &s));
    } while (depth > 0);
    ASSERT(imap_parse_end(&p));
}

static void on_close(void *session, enum conn_end why) {}

static void try_envelope(struct slice text) {
    static const struct conn_ops ops = {.on_close = on_close};
    static struct loop *loop;
    if (loop == NULL)
        loop = loop_new();
    struct conn *c = conn_new_memory(loop, &ops, NULL, true);
    imap_write_envelope(c, slice_sub(text, 0, STORE_HEADER_MAX));
    if (slice_find(text, '\0') == text.len)
        check_envelope(conn_memory_output(c));
    conn_memory_free(c);
    loop_run_ready(loop);
}

static void try_fetch(struct imap_parser p, struct slice text) {
    struct imap_fetch f;
    if (!imap_fetch_parse(&p, true, &f))
        return;
    for (size_t i = 0; i < f.n; i++)
        if (f.items[i].kind == IMAP_FETCH_SECTION)
            try_section(&f.items[i], text);
        else if (f.items[i].kind == IMAP_FETCH_ENVELOPE)
            try_envelope(text);
}

static void try_others(struct imap_parser p) {
    struct imap_parser q = p;
    struct imap_set set;
    if (imap_set_parse(&q, &set)) {
        imap_set_resolve(&set, 9);
        for (size_t i = 0; i < set.n; i++)
            ASSERT(set.ranges[i].first <= set.ranges[i].last &&
                   (i == 0 || set.ranges[i - 1].last < set.ranges[i].first));
    }
    q = p;
    struct imap_flags flags;
    char text[IMAP_FLAGS_TEXT_MAX];
    if (imap_flags_parse(&q, true, &flags))
        (void)imap_flags_write(flags.system, flags.keywords, text);
    struct imap_metadata *m = arena_alloc(&arena, sizeof(*m));
    q = p;
    if (m != NULL)
        (void)!imap_metadata_parse_get(&q, m);
    q = p;
    if (m != NULL)
        (void)!imap_metadata_parse_set(&q, m);
    struct slice name, pattern;
    q = p;
    if (imap_parse_astring(&q, &name) && imap_parse_sp(&q) && imap_parse_list_mailbox(&q, &pattern)) {
        (void)imap_mailbox_matches(name, pattern);
        (void)imap_mailbox_name_is_valid(name);
    }
}

static void try_command(struct slice text) {
    struct imap_parser p;
    struct slice word;
    arena_init(&arena, IMAP_ARENA_MAX);
    imap_parser_init(&p, text, &arena);
    if (imap_parse_tag(&p, &word) && imap_parse_sp(&p) && imap_parse_atom(&p, &word)) {
        // Metadata parsers begin at the blank, the others behind it.
        try_others(p);
        if (imap_parse_sp(&p)) {
            try_others(p);
            try_search(p, text);
            try_fetch(p, text);
        }
    }
    arena_reset(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct imap_reader r;
    if (size == 0)
        return 0;
    imap_reader_init(&r);
    if (data[0] != '!')
        imap_reader_set_max(&r, IMAP_COMMAND_MAX);
    for (size_t at = 1, n; at < size; at += n) {
        switch (imap_reader_feed(&r, slice_make((const char *)data + at, size - at), &n)) {
        case IMAP_READ_LINE:
            try_command(imap_reader_text(&r));
            imap_reader_reset(&r);
            break;
        case IMAP_READ_LITERAL:
            if (!imap_reader_accept(&r) && !imap_reader_refuse(&r))
                at = size - n; // the session would end
            break;
        case IMAP_READ_TOOLONG:
            imap_reader_reset(&r);
            break;
        case IMAP_READ_MORE:
            break;
        }
    }
    imap_reader_done(&r);
    return 0;
}
