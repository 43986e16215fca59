// SPDX-License-Identifier: MIT
#include "imap/parser.h"

#include <string.h>

void imap_parser_init(struct imap_parser *p, struct slice text, struct arena *arena) {
    *p = (struct imap_parser){.text = text, .arena = arena};
}

bool imap_parse_fail(struct imap_parser *p, const char *error) {
    p->error = error;
    return false;
}

// ATOM-CHAR: any CHAR except "(" ")" "{" SP CTL "%" "*" DQUOTE "\" "]".
bool imap_is_atom_char(char c) {
    return c > ' ' && c < 0x7f && strchr("(){%*\"\\]", c) == NULL;
}

// ASTRING-CHAR also has "]"; list-char also has "]" and the wildcards.
static bool is_astring_char(char c) {
    return imap_is_atom_char(c) || c == ']';
}
static bool is_list_char(char c) {
    return is_astring_char(c) || c == '%' || c == '*';
}
static bool is_tag_char(char c) {
    return is_astring_char(c) && c != '+';
}

int imap_parse_peek(const struct imap_parser *p) {
    return p->pos < p->text.len ? (unsigned char)p->text.ptr[p->pos] : -1;
}

bool imap_parse_skip(struct imap_parser *p, char c) {
    if (imap_parse_peek(p) != (unsigned char)c)
        return false;
    p->pos++;
    return true;
}

bool imap_parse_skip_word(struct imap_parser *p, struct slice word) {
    struct slice rest = slice_sub(p->text, p->pos, p->text.len);
    if (!slice_starts_with_ci(rest, word))
        return false;
    if (rest.len > word.len && strchr(" ()[].<", rest.ptr[word.len]) == NULL)
        return false;
    if (rest.len > word.len && rest.ptr[word.len] == '\0')
        return false; // strchr() finds the terminator too
    p->pos += word.len;
    return true;
}

bool imap_parse_sp(struct imap_parser *p) {
    return imap_parse_skip(p, ' ') || imap_parse_fail(p, "Missing argument");
}

bool imap_parse_char(struct imap_parser *p, char c) {
    return imap_parse_skip(p, c) || imap_parse_fail(p, "Unexpected character");
}

bool imap_parse_end(struct imap_parser *p) {
    while (imap_parse_skip(p, ' '))
        ;
    return p->pos == p->text.len || imap_parse_fail(p, "Unexpected extra argument");
}

static bool take_while(struct imap_parser *p, bool (*allowed)(char), struct slice *ret) {
    size_t start = p->pos;
    while (p->pos < p->text.len && allowed(p->text.ptr[p->pos]))
        p->pos++;
    *ret = slice_sub(p->text, start, p->pos);
    return ret->len > 0;
}

bool imap_parse_tag(struct imap_parser *p, struct slice *ret) {
    return take_while(p, is_tag_char, ret) || imap_parse_fail(p, "Invalid tag");
}

bool imap_parse_atom(struct imap_parser *p, struct slice *ret) {
    return take_while(p, imap_is_atom_char, ret) || imap_parse_fail(p, "Expected an atom");
}

// The escapes of a quoted string undone, into the arena.
static bool unescape(struct imap_parser *p, struct slice quoted, struct slice *ret) {
    char *out = arena_alloc(p->arena, quoted.len + 1);
    if (out == NULL)
        return imap_parse_fail(p, "Command too large");
    size_t n = 0;
    for (size_t i = 0; i < quoted.len; i++) {
        if (quoted.ptr[i] == '\\')
            i++;
        out[n++] = quoted.ptr[i];
    }
    *ret = slice_make(out, n);
    return true;
}

// quoted: any octet but CR, LF and NUL; only DQUOTE and "\" may stand behind a "\". Octets above 127 are let through,
// as raw UTF-8 is what some clients send.
static bool parse_quoted(struct imap_parser *p, struct slice *ret) {
    size_t start = ++p->pos;
    bool escaped = false;
    for (; p->pos < p->text.len; p->pos++) {
        char c = p->text.ptr[p->pos];
        if (c == '"') {
            struct slice inner = slice_sub(p->text, start, p->pos++);
            if (escaped)
                return unescape(p, inner, ret);
            *ret = inner;
            return true;
        }
        if (c == '\\') {
            escaped = true;
            p->pos++;
            if (p->pos >= p->text.len || (p->text.ptr[p->pos] != '"' && p->text.ptr[p->pos] != '\\'))
                return imap_parse_fail(p, "Invalid escape in quoted string");
        } else if (c == '\r' || c == '\n' || c == '\0') {
            break;
        }
    }
    return imap_parse_fail(p, "Unterminated quoted string");
}

// The announcement, its line end (CRLF, or a bare LF) and the octets.
static bool parse_literal(struct imap_parser *p, struct slice *ret) {
    size_t line_end = p->pos;
    while (line_end < p->text.len && p->text.ptr[line_end] != '\n')
        line_end++;
    if (line_end == p->text.len)
        return imap_parse_fail(p, "Invalid literal");
    size_t mark_end = line_end;
    if (mark_end > p->pos && p->text.ptr[mark_end - 1] == '\r')
        mark_end--;
    struct imap_literal literal;
    struct slice mark = slice_sub(p->text, p->pos, mark_end);
    if (!imap_literal_at_end(mark, &literal) || literal.offset != 0 || literal.len > p->text.len - line_end - 1)
        return imap_parse_fail(p, "Invalid literal");
    *ret = slice_sub(p->text, line_end + 1, line_end + 1 + (size_t)literal.len);
    p->pos = line_end + 1 + (size_t)literal.len;
    // CHAR8: a literal holds no NUL (BINARY's "~{" is not offered).
    if (ret->len > 0 && memchr(ret->ptr, '\0', ret->len) != NULL)
        return imap_parse_fail(p, "NUL in literal");
    return true;
}

bool imap_parse_string(struct imap_parser *p, struct slice *ret) {
    int c = imap_parse_peek(p);
    if (c == '"')
        return parse_quoted(p, ret);
    if (c == '{')
        return parse_literal(p, ret);
    return imap_parse_fail(p, "Expected a string");
}

bool imap_parse_astring(struct imap_parser *p, struct slice *ret) {
    int c = imap_parse_peek(p);
    if (c == '"' || c == '{')
        return imap_parse_string(p, ret);
    return take_while(p, is_astring_char, ret) || imap_parse_fail(p, "Expected a string or an atom");
}

bool imap_parse_nstring(struct imap_parser *p, struct slice *ret, bool *ret_nil) {
    *ret_nil = imap_parse_skip_word(p, SLICE("NIL"));
    if (*ret_nil) {
        *ret = SLICE_EMPTY;
        return true;
    }
    return imap_parse_string(p, ret);
}

bool imap_parse_list_mailbox(struct imap_parser *p, struct slice *ret) {
    int c = imap_parse_peek(p);
    if (c == '"' || c == '{')
        return imap_parse_string(p, ret);
    return take_while(p, is_list_char, ret) || imap_parse_fail(p, "Expected a mailbox pattern");
}

bool imap_parse_number(struct imap_parser *p, uint32_t *ret) {
    size_t start = p->pos;
    while (p->pos < p->text.len && ascii_is_digit(p->text.ptr[p->pos]))
        p->pos++;
    return slice_to_u32(slice_sub(p->text, start, p->pos), ret) || imap_parse_fail(p, "Expected a number");
}

bool imap_parse_list_more(struct imap_parser *p, bool *first) {
    if (p->error != NULL)
        return false;
    bool blank = false;
    while (imap_parse_skip(p, ' '))
        blank = true;
    if (imap_parse_skip(p, ')'))
        return false;
    if (p->pos == p->text.len)
        return imap_parse_fail(p, "Missing )");
    if (!*first && !blank)
        return imap_parse_fail(p, "Missing blank in list");
    *first = false;
    return true;
}

bool imap_literal_at_end(struct slice line, struct imap_literal *ret) {
    if (line.len < 3 || line.ptr[line.len - 1] != '}')
        return false;
    size_t end = line.len - 1;
    bool sync = line.ptr[end - 1] != '+';
    if (!sync)
        end--;
    size_t start = end;
    while (start > 0 && ascii_is_digit(line.ptr[start - 1]))
        start--;
    if (start == end || start == 0 || line.ptr[start - 1] != '{')
        return false;
    uint64_t len;
    if (!slice_to_u64(slice_sub(line, start, end), &len))
        len = UINT64_MAX;
    *ret = (struct imap_literal){.len = len, .sync = sync, .offset = start - 1};
    return true;
}
