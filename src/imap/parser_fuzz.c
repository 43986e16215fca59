// SPDX-License-Identifier: MIT
// Octets from outside through the reader of commands, and each command through every argument parser.
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "imap/fetch_items.h"
#include "imap/flags.h"
#include "imap/mailbox_name.h"
#include "imap/metadata.h"
#include "imap/reader.h"
#include "imap/search.h"
#include "imap/set.h"

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

static void try_fetch(struct imap_parser p, struct slice text) {
    struct imap_fetch f;
    if (!imap_fetch_parse(&p, true, &f))
        return;
    for (size_t i = 0; i < f.n; i++) {
        struct buf out;
        struct imap_span span;
        buf_init(&out, 1 << 20);
        if (f.items[i].kind == IMAP_FETCH_SECTION) {
            ASSERT(imap_fetch_write_label(&f.items[i], &out));
            buf_truncate(&out, 0);
            ASSERT(imap_fetch_span(&f.items[i], text, text.len, &out, &span));
            ASSERT(span.offset + span.len <= (span.selected ? buf_slice(&out).len : text.len));
        }
        buf_done(&out);
    }
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
    arena_init(&arena, 1 << 20);
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
    imap_reader_init(&r);
    for (size_t at = 0, n; at < size; at += n) {
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
