// SPDX-License-Identifier: MIT
// Rendering of a parsed template.
#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/pages/template.h"
#include "http/pages/template_internal.h"

struct renderer {
    const struct template_world *world;
    struct buf *out;
    struct template_error *error;
    const struct template *stack[TEMPLATE_DEPTH_MAX]; // outermost first
    size_t depth;
    size_t steps;
    bool takes_all; // checking: sections are gone through whatever their value
};

static bool render_nodes(struct renderer *r, size_t from, size_t to, const struct template_scope *scope);

static const struct template *current(const struct renderer *r) {
    return r->stack[r->depth - 1];
}

#define FAIL(r, node, ...)                                                                                             \
    (template_complain(current(r), (node)->line, (r)->error, __VA_ARGS__), remember_trail(r), false)

static void remember_trail(struct renderer *r) {
    r->error->n_trail = r->depth;
    for (size_t i = 0; i < r->depth; i++)
        r->error->trail[i] = r->stack[r->depth - 1 - i];
}

static struct slice shown(struct slice name) {
    return slice_sub(name, 0, 60);
}

static const struct template_value *find_value(const struct template_scope *scope, struct slice name) {
    for (; scope != NULL; scope = scope->outer)
        for (size_t i = 0; i < scope->n_values; i++)
            if (slice_eq(slice_from_cstr(scope->values[i].name), name))
                return &scope->values[i];
    return NULL;
}

static const char *text_of(const struct template_value *v) {
    return v->text != NULL ? v->text : "";
}

static bool is_true(const struct template_value *v) {
    switch (v->kind) {
    case TEMPLATE_TEXT:
    case TEMPLATE_HTML:
        return text_of(v)[0] != '\0';
    case TEMPLATE_FLAG:
        return v->flag;
    case TEMPLATE_NUMBER:
        return v->number != 0;
    case TEMPLATE_LIST:
        return v->n_items > 0;
    }
    UNREACHABLE();
}

static const char *entity_of(char c) {
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    case '\n':
        return "<br>";
    default:
        return NULL;
    }
}

// Safe as content of an element and within a quoted attribute.
static bool append_escaped(struct buf *out, struct slice text) {
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *entity = entity_of(text.ptr[i]);
        if (entity == NULL)
            continue;
        if (!buf_append_slice(out, slice_sub(text, done, i)) || !buf_append_cstr(out, entity))
            return false;
        done = i + 1;
    }
    return buf_append_slice(out, slice_sub(text, done, text.len));
}

static bool too_long(struct renderer *r, const struct template_node *node) {
    return FAIL(r, node, "the page is longer than %zu kB", r->out->max / 1024);
}

static bool render_escaped(struct renderer *r, const struct template_node *node, const char *text) {
    return append_escaped(r->out, slice_trim(slice_from_cstr(text))) || too_long(r, node);
}

static bool render_value(struct renderer *r, const struct template_node *node, const struct template_value *v) {
    char number[TEMPLATE_NUMBER_SIZE];
    switch (v->kind) {
    case TEMPLATE_TEXT:
        return render_escaped(r, node, text_of(v));
    case TEMPLATE_NUMBER:
        r->world->write_number(r->world->arg, v->number, number);
        return render_escaped(r, node, number);
    case TEMPLATE_HTML:
        return FAIL(r, node, "%s is HTML: write {{&%s}}", v->name, v->name);
    case TEMPLATE_FLAG:
        return FAIL(r, node, "%s is a yes or no: ask with {{#%s}}...{{/%s}}", v->name, v->name, v->name);
    case TEMPLATE_LIST:
        return FAIL(r, node, "%s is a list: go through it with {{#%s}}...{{/%s}}", v->name, v->name, v->name);
    }
    UNREACHABLE();
}

static bool render_html(struct renderer *r, const struct template_node *node, const struct template_value *v) {
    if (v->kind != TEMPLATE_HTML)
        return FAIL(r, node, "%s is not HTML: write {{%s}}", v->name, v->name);
    return buf_append_cstr(r->out, text_of(v)) || too_long(r, node);
}

// Another template in the place of this node: a partial or a text.
static bool render_other(struct renderer *r, const struct template_node *node, const struct template *other,
                         const struct template_scope *scope) {
    if (r->depth == TEMPLATE_DEPTH_MAX)
        return FAIL(r, node, "{{%s%.*s}} is more than %d deep: does a file or text hold itself?",
                    node->type == NODE_PARTIAL ? ">"
                    : node->type == NODE_TEXT  ? "@"
                                               : "",
                    SLICE_FMT(shown(node->name)), TEMPLATE_DEPTH_MAX);
    r->stack[r->depth++] = other;
    bool ok = render_nodes(r, 0, other->n, scope);
    r->depth--;
    return ok;
}

static bool render_unit(struct renderer *r, const struct template_node *node, const struct template_value *v,
                        const struct template_scope *scope) {
    if (v->kind != TEMPLATE_NUMBER)
        return FAIL(r, node, "%s is not a number: it has no unit", v->name);
    char number[TEMPLATE_NUMBER_SIZE];
    const struct template *text = r->world->find_unit(r->world->arg, node->unit, v->number, number);
    if (text == NULL)
        return FAIL(r, node, "there is no text %.*s.other for this unit", SLICE_FMT(shown(node->unit)));
    struct template_value n = {.name = "n", .kind = TEMPLATE_TEXT, .text = number};
    return render_other(r, node, text, &(struct template_scope){&n, 1, scope});
}

static bool render_text(struct renderer *r, const struct template_node *node, const struct template_scope *scope) {
    const struct template *text = r->world->find_text(r->world->arg, node->name);
    if (text == NULL)
        return FAIL(r, node, "there is no text %.*s in strings/en.json", SLICE_FMT(shown(node->name)));
    return render_other(r, node, text, scope);
}

static bool render_partial(struct renderer *r, const struct template_node *node, const struct template_scope *scope) {
    const struct template *partial = r->world->find_partial(r->world->arg, node->name);
    if (partial == NULL)
        return FAIL(r, node, "there is no file _%.*s.html", SLICE_FMT(shown(node->name)));
    return render_other(r, node, partial, scope);
}

// `index` is the section's node.
static bool render_section(struct renderer *r, size_t index, const struct template_value *v,
                           const struct template_scope *scope) {
    const struct template_node *node = &current(r)->nodes[index];
    bool is_inverted = node->type == NODE_INVERTED;
    if (is_true(v) == is_inverted && !r->takes_all)
        return true;
    if (is_inverted || v->kind != TEMPLATE_LIST)
        return render_nodes(r, index + 1, node->end, scope);
    bool ok = true;
    size_t n = r->takes_all && v->n_items > 1 ? 1 : v->n_items;
    for (size_t i = 0; ok && i < n; i++) {
        struct template_scope item = {v->items[i].values, v->items[i].n_values, scope};
        ok = render_nodes(r, index + 1, node->end, &item);
    }
    return ok;
}

static bool render_node(struct renderer *r, size_t index, const struct template_scope *scope) {
    const struct template_node *node = &current(r)->nodes[index];
    if (++r->steps > TEMPLATE_STEPS_MAX)
        return FAIL(r, node, "the page takes too much work: more than %d tags, with those of partials and texts",
                    TEMPLATE_STEPS_MAX / 2);
    if (node->type == NODE_LITERAL)
        return buf_append_slice(r->out, node->name) || too_long(r, node);
    if (node->type == NODE_TEXT)
        return render_text(r, node, scope);
    if (node->type == NODE_PARTIAL)
        return render_partial(r, node, scope);

    const struct template_value *v = find_value(scope, node->name);
    if (v == NULL)
        return FAIL(r, node, "there is no value {{%.*s}}", SLICE_FMT(shown(node->name)));
    switch (node->type) {
    case NODE_VALUE:
        return render_value(r, node, v);
    case NODE_HTML:
        return render_html(r, node, v);
    case NODE_UNIT:
        return render_unit(r, node, v, scope);
    default:
        return render_section(r, index, v, scope);
    }
}

static bool render_nodes(struct renderer *r, size_t from, size_t to, const struct template_scope *scope) {
    const struct template *t = current(r);
    bool ok = true;
    for (size_t i = from; ok && i < to;) {
        ok = render_node(r, i, scope);
        bool is_section = t->nodes[i].type == NODE_SECTION || t->nodes[i].type == NODE_INVERTED;
        i = is_section ? t->nodes[i].end : i + 1;
    }
    return ok;
}

bool template_check(const struct template *t, const struct template_scope *scope, const struct template_world *world,
                    size_t max, struct template_error *ret_error) {
    struct buf out;
    buf_init(&out, max);
    struct renderer r = {.world = world, .out = &out, .error = ret_error, .stack = {t}, .depth = 1, .takes_all = true};
    ret_error->n_trail = 0;
    bool ok = render_nodes(&r, 0, t->n, scope);
    buf_done(&out);
    return ok;
}

bool template_render(const struct template *t, const struct template_scope *scope, const struct template_world *world,
                     struct buf *ret, struct template_error *ret_error) {
    struct renderer r = {.world = world, .out = ret, .error = ret_error, .stack = {t}, .depth = 1};
    ret_error->n_trail = 0;
    return render_nodes(&r, 0, t->n, scope);
}
