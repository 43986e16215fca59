// SPDX-License-Identifier: MIT
// A parsed template, for its parser and its renderer.
#pragma once

#include "http/pages/template.h"

enum template_node_type {
    NODE_LITERAL,
    NODE_VALUE,    // {{name}}
    NODE_HTML,     // {{&name}}
    NODE_UNIT,     // {{name|unit}}
    NODE_TEXT,     // {{@key}}
    NODE_PARTIAL,  // {{>file}}
    NODE_SECTION,  // {{#name}}
    NODE_INVERTED, // {{^name}}
};

struct template_node {
    enum template_node_type type;
    uint32_t line;
    size_t end;        // of sections: the index after the last node within
    struct slice name; // of a literal: the literal
    struct slice unit;
};

struct template {
    char *name;
    char *source; // slices of the nodes look into it
    const void *origin;
    bool has_lines;
    struct template_node *nodes;
    size_t n, cap;
};

// Writes "file:line: " and the sentence.
void template_complain(const struct template *t, uint32_t line, struct template_error *ret_error, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
