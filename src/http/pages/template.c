// SPDX-License-Identifier: MIT
// Parsing. A template becomes a flat array of nodes; a section knows where it ends. A tag that only steers (a section,
// a partial, a comment) and stands alone on its line takes the line with it, so that pages stay free of empty lines.
#include "http/pages/template.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/pages/template_internal.h"

enum { FIRST_NODES = 16, NAME_SHOWN_MAX = 60 };

struct parser {
    struct template *t;
    struct slice source;
    size_t pos;
    uint32_t line;
    size_t open[TEMPLATE_SECTIONS_MAX]; // indexes of the sections that are open
    size_t n_open;
    struct template_error *error;
};

void template_complain(const struct template *t, uint32_t line, struct template_error *ret_error, const char *fmt,
                       ...) {
    char *at = ret_error->sentence;
    size_t size = sizeof(ret_error->sentence);
    int n = t->has_lines ? snprintf(at, size, "%.*s:%u: ", TEMPLATE_NAME_MAX, t->name, line)
                         : snprintf(at, size, "%.*s: ", TEMPLATE_NAME_MAX, t->name);
    ASSERT(n > 0 && (size_t)n < size);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(at + n, size - (size_t)n, fmt, args);
    va_end(args);
    // What is repeated from a file must not act on the terminal that shows it.
    for (char *p = at; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
}

// A name as an error shows it.
static struct slice shown(struct slice name) {
    return slice_sub(name, 0, NAME_SHOWN_MAX);
}

static struct template_node *add_node(struct parser *p, enum template_node_type type, struct slice name) {
    struct template *t = p->t;
    if (t->n == TEMPLATE_NODES_MAX) {
        template_complain(t, p->line, p->error, "more than %d tags in one file", TEMPLATE_NODES_MAX / 2);
        return NULL;
    }
    if (t->n == t->cap) {
        t->cap = t->cap > 0 ? t->cap * 2 : FIRST_NODES;
        t->nodes = mem_realloc(t->nodes, t->cap * sizeof(*t->nodes));
    }
    struct template_node *node = &t->nodes[t->n++];
    *node = (struct template_node){.type = type, .line = p->line, .name = name};
    return node;
}

static bool is_name(struct slice s) {
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-' && s.ptr[i] != '.')
            return false;
    return true;
}

static void count_lines(struct parser *p, size_t to) {
    for (; p->pos < to; p->pos++)
        if (p->source.ptr[p->pos] == '\n')
            p->line++;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

// Whether nothing but blanks surrounds source[from, to) on its line. Then the line's start and the start of the next.
static bool stands_alone(struct slice s, size_t from, size_t to, size_t *ret_from, size_t *ret_to) {
    while (from > 0 && is_blank(s.ptr[from - 1]))
        from--;
    while (to < s.len && (is_blank(s.ptr[to]) || s.ptr[to] == '\r'))
        to++;
    if ((from > 0 && s.ptr[from - 1] != '\n') || (to < s.len && s.ptr[to] != '\n'))
        return false;
    *ret_from = from;
    *ret_to = to < s.len ? to + 1 : to;
    return true;
}

static bool open_section(struct parser *p, enum template_node_type type, struct slice name) {
    if (p->n_open == TEMPLATE_SECTIONS_MAX) {
        template_complain(p->t, p->line, p->error, "more than %d sections within each other", TEMPLATE_SECTIONS_MAX);
        return false;
    }
    p->open[p->n_open++] = p->t->n;
    return add_node(p, type, name) != NULL;
}

static bool close_section(struct parser *p, struct slice name) {
    if (p->n_open == 0) {
        template_complain(p->t, p->line, p->error, "{{/%.*s}} closes a section that is not open",
                          SLICE_FMT(shown(name)));
        return false;
    }
    struct template_node *section = &p->t->nodes[p->open[--p->n_open]];
    if (!slice_eq(section->name, name)) {
        template_complain(p->t, p->line, p->error, "{{/%.*s}} where {{/%.*s}} is wanted, for the section of line %u",
                          SLICE_FMT(shown(name)), SLICE_FMT(shown(section->name)), section->line);
        return false;
    }
    section->end = p->t->n;
    return true;
}

static bool add_value(struct parser *p, struct slice tag) {
    struct slice name, unit;
    bool has_unit = slice_cut(tag, '|', &name, &unit);
    name = slice_trim(name);
    unit = slice_trim(unit);
    if (!is_name(name) || (has_unit && !is_name(unit))) {
        template_complain(p->t, p->line, p->error, "{{%.*s}} is not a tag", SLICE_FMT(shown(tag)));
        return false;
    }
    struct template_node *node = add_node(p, has_unit ? NODE_UNIT : NODE_VALUE, name);
    if (node != NULL)
        node->unit = unit;
    return node != NULL;
}

// `tag` is what stands between the braces; comments are gone already.
static bool add_tag(struct parser *p, struct slice tag) {
    char sign = tag.len > 0 ? tag.ptr[0] : '\0';
    struct slice name = slice_trim(slice_sub(tag, 1, tag.len));
    if (sign == '\0' || memchr("@&>#^/", sign, 6) == NULL)
        return add_value(p, slice_trim(tag));
    if (!is_name(name)) {
        template_complain(p->t, p->line, p->error, "{{%.*s}} is not a tag", SLICE_FMT(shown(tag)));
        return false;
    }
    switch (sign) {
    case '@':
        return add_node(p, NODE_TEXT, name) != NULL;
    case '&':
        return add_node(p, NODE_HTML, name) != NULL;
    case '>':
        return add_node(p, NODE_PARTIAL, name) != NULL;
    case '#':
        return open_section(p, NODE_SECTION, name);
    case '^':
        return open_section(p, NODE_INVERTED, name);
    default:
        return close_section(p, name);
    }
}

// Takes the literal up to the next tag and that tag. The caller has seen that something is left.
static bool take_next(struct parser *p) {
    struct slice rest = slice_sub(p->source, p->pos, p->source.len);
    size_t start = p->pos + slice_find_slice(rest, SLICE("{{"));
    size_t literal_end = start, next = start;
    struct slice tag = SLICE_EMPTY;
    if (start < p->source.len) {
        struct slice inner = slice_sub(p->source, start + 2, p->source.len);
        size_t len = slice_find_slice(inner, SLICE("}}"));
        if (len == inner.len) {
            count_lines(p, start);
            template_complain(p->t, p->line, p->error, "a tag begins with {{ and has no }}");
            return false;
        }
        tag = slice_sub(inner, 0, len);
        next = start + 2 + len + 2;
        bool steers = len > 0 && memchr("#^/>!", tag.ptr[0], 5) != NULL;
        if (steers)
            (void)stands_alone(p->source, start, next, &literal_end, &next);
    }
    // After a tag that stood alone, the blanks before this one may have been taken already.
    if (literal_end > p->pos && add_node(p, NODE_LITERAL, slice_sub(p->source, p->pos, literal_end)) == NULL)
        return false;
    count_lines(p, start);
    bool ok = start == p->source.len || (tag.len > 0 && tag.ptr[0] == '!') || add_tag(p, tag);
    count_lines(p, next);
    return ok;
}

struct template *template_parse(struct slice source, const char *name, bool has_lines, const void *origin,
                                struct template_error *ret_error) {
    struct template *t = MEM_NEW(struct template);
    t->name = slice_dup(slice_from_cstr(name));
    t->source = slice_dup(source);
    t->origin = origin;
    t->has_lines = has_lines;
    ret_error->n_trail = 0;
    struct parser p = {.t = t, .source = slice_make(t->source, source.len), .line = 1, .error = ret_error};
    bool ok = true;
    while (ok && p.pos < p.source.len)
        ok = take_next(&p);
    if (ok && p.n_open > 0) {
        const struct template_node *section = &t->nodes[p.open[p.n_open - 1]];
        template_complain(t, section->line, ret_error, "the section %.*s is not closed: {{/%.*s}} is missing",
                          SLICE_FMT(shown(section->name)), SLICE_FMT(shown(section->name)));
        ok = false;
    }
    if (!ok) {
        template_free(t);
        return NULL;
    }
    if (t->n < t->cap) { // there are more than a thousand, mostly short texts, and they stay
        t->cap = t->n;
        t->nodes = mem_realloc(t->nodes, t->cap * sizeof(*t->nodes));
    }
    return t;
}

void template_free(struct template *t) {
    if (t == NULL)
        return;
    free(t->nodes);
    free(t->source);
    free(t->name);
    free(t);
}

const void *template_origin(const struct template *t) {
    return t->origin;
}
