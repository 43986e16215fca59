// SPDX-License-Identifier: MIT
#include "imap/writer.h"

#include <stdio.h>

#include "base/mem.h"
#include "imap/flags.h"
#include "imap/parser.h"
#include "net/conn.h"

enum { NUMBER_MAX = 20 };

// Writes the digits so that they end at `end`; returns where they begin.
static char *digits_before(char *end, uint64_t n) {
    do {
        *--end = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return end;
}

void imap_write_number(struct conn *c, uint64_t n) {
    char text[NUMBER_MAX];
    char *start = digits_before(text + sizeof(text), n);
    conn_write(c, start, (size_t)(text + sizeof(text) - start));
}

void imap_write_literal_start(struct conn *c, uint64_t len) {
    char text[NUMBER_MAX + 4];
    char *end = text + sizeof(text);
    end[-3] = '}';
    end[-2] = '\r';
    end[-1] = '\n';
    char *start = digits_before(end - 3, len);
    *--start = '{';
    conn_write(c, start, (size_t)(end - start));
}

void imap_write_literal(struct conn *c, struct slice s) {
    imap_write_literal_start(c, s.len);
    conn_write_slice(c, s);
}

static bool can_be_quoted(struct slice s, bool *ret_needs_escape) {
    *ret_needs_escape = false;
    if (s.len > 1000)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.ptr[i];
        if (ch < ' ' || ch >= 0x7f)
            return false;
        if (ch == '"' || ch == '\\')
            *ret_needs_escape = true;
    }
    return true;
}

void imap_write_string(struct conn *c, struct slice s) {
    bool needs_escape;
    if (!can_be_quoted(s, &needs_escape)) {
        imap_write_literal(c, s);
        return;
    }
    conn_write(c, "\"", 1);
    if (!needs_escape) {
        conn_write_slice(c, s);
    } else {
        for (size_t i = 0; i < s.len; i++) {
            if (s.ptr[i] == '"' || s.ptr[i] == '\\')
                conn_write(c, "\\", 1);
            conn_write(c, &s.ptr[i], 1);
        }
    }
    conn_write(c, "\"", 1);
}

void imap_write_astring(struct conn *c, struct slice s) {
    bool atom = s.len > 0;
    for (size_t i = 0; i < s.len && atom; i++)
        atom = imap_is_atom_char(s.ptr[i]);
    if (atom)
        conn_write_slice(c, s);
    else
        imap_write_string(c, s);
}

void imap_write_flags(struct conn *c, uint32_t system, const char *keywords) {
    char text[IMAP_FLAGS_TEXT_MAX];
    size_t len = imap_flags_write(system, keywords, text);
    conn_write(c, "FLAGS ", 6);
    conn_write(c, text, len);
}

char *imap_format_uid_set(const uint32_t *uids, size_t n) {
    // Ten digits and a separator each.
    size_t size = n * 11 + 1, len = 0;
    char *text = mem_alloc(size);
    text[0] = '\0';
    for (size_t i = 0; i < n;) {
        size_t last = i;
        while (last + 1 < n && uids[last + 1] == uids[last] + 1)
            last++;
        const char *comma = len > 0 ? "," : "";
        int added = last > i ? snprintf(text + len, size - len, "%s%u:%u", comma, uids[i], uids[last])
                             : snprintf(text + len, size - len, "%s%u", comma, uids[i]);
        len += (size_t)added;
        i = last + 1;
    }
    return text;
}
