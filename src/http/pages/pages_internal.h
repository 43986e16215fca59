// SPDX-License-Identifier: MIT
// A snapshot of the pages, for those who build it and those who pick from it.
#pragma once

#include "base/buf.h"
#include "http/pages/pages.h"
#include "http/pages/sources.h"
#include "http/pages/texts.h"
#include "http/pages/values.h"

enum {
    PAGES_PAGE_MAX = 1024 * 1024,         // octets of one page
    PAGES_CHECK_MAX = 4 * PAGES_PAGE_MAX, // with every section, of which some exclude each other
    PAGES_TOTAL_MAX = 64 * 1024 * 1024,   // of all rendered pages together
    PAGES_PATH_MAX = 512,
};

// A file as it is sent, with what it owns.
struct output {
    struct page_file file;        // body.ptr NULL: not rendered
    struct page_file by_language; // the same, picked by Accept-Language
    char *body;                   // NULL when the body stands elsewhere
    char *gzip;
};

// A file that is served as it is.
struct plain {
    const char *path; // of its source
    struct output output;
};

// A page in all languages, or in the one that its path begins with ("de/imprint").
struct page {
    char *name; // "info", "about/us"
    const struct page_source *source;
    size_t only_language;   // pages.n_languages: all
    struct output *outputs; // one for each language
};

struct pages {
    struct facts facts;
    struct page_sources sources;
    struct texts **languages; // English first
    const char **codes;
    size_t n_languages;
    struct page *pages; // by name
    size_t n_pages;
    struct plain *plain; // by path
    size_t n_plain;
    size_t total; // octets rendered
};

// What a page is rendered with.
struct pages_job {
    const struct pages *pages;
    const struct facts *facts;
    size_t language;
};
// With ret NULL the page is only checked, in all its sections.
MUST_USE bool pages_render(const struct pages_job *job, const struct page *page, struct buf *ret,
                           struct template_error *ret_error);

// Fills the output: type, ETag, compressed form. `owned` may be NULL.
void output_init(struct output *o, const char *content_type, struct slice body, char *owned, bool is_text);
void output_done(struct output *o);

const struct page *pages_find_page(const struct pages *p, const char *name);
