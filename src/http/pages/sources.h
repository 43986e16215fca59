// SPDX-License-Identifier: MIT
// The files that the pages are made of: those compiled in, and before them those of the operator's folder. A file of
// the folder that turns out to be broken is rejected, and the built-in one behind it is in force again.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"
#include "http/pages/pages.h"
#include "http/pages/template.h"

struct page_source {
    char *path;                // "strings/de.json"
    struct slice octets;       // compiled in, or `owned`
    char *owned;               // NULL for a built-in file
    char *name;                // for errors: the path with the folder
    struct template *template; // of *.html, after sources_parse()
    bool is_own;               // from the operator's folder
    bool is_rejected;
};

struct page_sources {
    struct page_source **files; // by path; of one path, the operator's is before the built-in one
    size_t n, cap;
    pages_on_complaint *on_complaint;
    void *arg;
};

// The built-in files.
void sources_init(struct page_sources *s, pages_on_complaint *on_complaint, void *arg);
void sources_done(struct page_sources *s);

// Takes `octets` over. Call sources_sort() after the last.
void sources_add_own(struct page_sources *s, const char *folder, const char *path, char *octets, size_t len);
void sources_sort(struct page_sources *s);
// Parses every *.html; those that are wrong are rejected.
void sources_parse(struct page_sources *s);

// The file in force; NULL when there is none.
struct page_source *sources_find(const struct page_sources *s, const char *path);
// Whether files[i] is the one in force of its path.
bool sources_is_in_force(const struct page_sources *s, size_t i);

void sources_complain(const struct page_sources *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
// Complains with the sentence, and says what is used instead.
void sources_reject(const struct page_sources *s, struct page_source *f, const char *sentence);
// Rejects the innermost file of the operator's that led to this error of rendering. NULL: it is none of his.
const struct page_source *sources_reject_culprit(const struct page_sources *s, const struct template_error *error);
