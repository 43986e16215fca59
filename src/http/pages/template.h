// SPDX-License-Identifier: MIT
// The language of the pages (www/README.md): a template is parsed once and rendered with values, texts and partials
// that come from outside. It is strict: whatever it does not know is an error with file, line and a sentence, because a
// page that is silently wrong is worse than one that is missing. Pure code; nesting, work and output are bounded.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

enum {
    TEMPLATE_NODES_MAX = 20000,
    TEMPLATE_SECTIONS_MAX = 16,   // open at a time in one template
    TEMPLATE_DEPTH_MAX = 12,      // partials and texts within each other
    TEMPLATE_STEPS_MAX = 200000,  // nodes rendered for one page
    TEMPLATE_NUMBER_SIZE = 64,    // a number as it is written
    TEMPLATE_SENTENCE_SIZE = 640, // of an error
    TEMPLATE_NAME_MAX = 300,      // octets of a name that an error shows
};

struct template;

struct template_scope;

struct template_value {
    const char *name;
    enum template_kind {
        TEMPLATE_TEXT,   // escaped where it is shown
        TEMPLATE_HTML,   // shown by {{&name}} alone
        TEMPLATE_FLAG,   // for sections alone
        TEMPLATE_NUMBER, // shown in the language's digits
        TEMPLATE_LIST,
    } kind;
    const char *text; // of TEXT and HTML; NULL is empty
    bool flag;
    uint64_t number;
    const struct template_scope *items; // of LIST
    size_t n_items;
};

// Names are looked for here first, then outside. Sorting is not needed: there are few.
struct template_scope {
    const struct template_value *values;
    size_t n_values;
    const struct template_scope *outer;
};

// What a template refers to. What these return lives as long as the rendering does.
struct template_world {
    // "_name.html"; NULL: there is none.
    const struct template *(*find_partial)(void *arg, struct slice name);
    const struct template *(*find_text)(void *arg, struct slice key);
    // The text for `n` of this unit, which shows {{n}}, and the number as the language writes it.
    const struct template *(*find_unit)(void *arg, struct slice unit, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]);
    void (*write_number)(void *arg, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]);
    void *arg;
};

struct template_error {
    char sentence[TEMPLATE_SENTENCE_SIZE]; // "info.html:12: there is no value {{domian}}"
    // Which template it happened in, and those that lead there, innermost first. Only of rendering.
    const struct template *trail[TEMPLATE_DEPTH_MAX + 1];
    size_t n_trail;
};

// Copies the source. `name` stands in errors, with the line when `has_lines` (a text of a JSON file has none). `origin`
// is the caller's. NULL when the source is wrong.
MUST_USE struct template *template_parse(struct slice source, const char *name, bool has_lines, const void *origin,
                                         struct template_error *ret_error);
void template_free(struct template *t);
const void *template_origin(const struct template *t);

// Appends to ret, whose maximum bounds the page. False when something is wrong: ret then holds a useless beginning.
MUST_USE bool template_render(const struct template *t, const struct template_scope *scope,
                              const struct template_world *world, struct buf *ret, struct template_error *ret_error);
// Goes through every section, taken or not, so that a mistake shows before the day when its condition holds. `max` is
// of the output, which is thrown away.
MUST_USE bool template_check(const struct template *t, const struct template_scope *scope,
                             const struct template_world *world, size_t max, struct template_error *ret_error);
