// SPDX-License-Identifier: MIT
// Building a snapshot: texts, then every page in every language. When a page cannot be rendered, the operator's file
// that is at fault is rejected and the work begins again without it; so the snapshot is whole, whatever lies in the
// folder.
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "http/pages/file_type.h"
#include "http/pages/overlay.h"
#include "http/pages/pages_internal.h"

static bool is_served(const char *path) {
    struct slice s = slice_from_cstr(path);
    size_t slash = slice_rfind(s, '/');
    struct slice name = slash < s.len ? slice_sub(s, slash + 1, s.len) : s;
    return !slice_starts_with(name, SLICE("_")) && !slice_starts_with(s, SLICE("strings/")) &&
           !slice_eq(s, SLICE("README.md"));
}

static bool is_page(const char *path) {
    return slice_ends_with(slice_from_cstr(path), SLICE(".html"));
}

static bool take_code(const char *path, struct slice *ret) {
    struct slice s = slice_from_cstr(path);
    if (!slice_starts_with(s, SLICE("strings/")) || !slice_ends_with(s, SLICE(".json")))
        return false;
    *ret = slice_sub(s, strlen("strings/"), s.len - strlen(".json"));
    return true;
}

static void add_language(struct pages *p, struct slice code) {
    for (size_t i = 0; i < p->n_languages; i++)
        if (slice_eq(slice_from_cstr(p->codes[i]), code))
            return;
    if (p->n_languages == VALUES_LANGUAGES_MAX)
        return;
    struct texts *english = p->n_languages > 0 ? p->languages[0] : NULL;
    p->languages[p->n_languages] = texts_new(code, english);
    p->codes[p->n_languages] = p->languages[p->n_languages]->language.code;
    p->n_languages++;
}

// Ours in their own order, then what the operator adds.
static void list_languages(struct pages *p) {
    p->languages = mem_zalloc(VALUES_LANGUAGES_MAX, sizeof(struct texts *));
    p->codes = mem_zalloc(VALUES_LANGUAGES_MAX, sizeof(const char *));
    add_language(p, SLICE("en"));
    for (size_t i = 0; i < LANGUAGES_N; i++) {
        char path[64];
        (void)snprintf(path, sizeof(path), "strings/%s.json", language_table[i].code);
        if (sources_find(&p->sources, path) != NULL)
            add_language(p, slice_from_cstr(language_table[i].code));
    }
    for (size_t i = 0; i < p->sources.n; i++) {
        struct page_source *f = p->sources.files[i];
        struct slice code;
        if (f->is_rejected || !take_code(f->path, &code))
            continue;
        if (language_is_code(code))
            add_language(p, code);
        else
            sources_reject(&p->sources, f, "strings/ holds LANG.json, named by the code of a language like \"de\"");
    }
}

static void free_languages(struct pages *p) {
    for (size_t i = 0; i < p->n_languages; i++)
        texts_free(p->languages[i]);
    free(p->languages);
    free(p->codes);
    p->languages = NULL;
    p->codes = NULL;
    p->n_languages = 0;
}

// False when it was rejected.
static bool read_texts_of(struct pages *p, struct page_source *f, struct slice code) {
    for (size_t l = 0; l < p->n_languages; l++) {
        struct template_error error;
        if (slice_eq(slice_from_cstr(p->codes[l]), code) &&
            !texts_add(p->languages[l], f->octets, f->name, f, &error)) {
            sources_reject(&p->sources, f, error.sentence);
            return false;
        }
    }
    return true;
}

// The built-in texts of each language, then the operator's over them. False when a file was rejected: there may be a
// language less then.
static bool read_texts(struct pages *p) {
    list_languages(p);
    bool ok = true;
    for (unsigned own = 0; own <= 1; own++)
        for (size_t i = 0; i < p->sources.n; i++) {
            struct page_source *f = p->sources.files[i];
            struct slice code;
            if (!f->is_rejected && f->is_own == (own == 1) && take_code(f->path, &code))
                ok = read_texts_of(p, f, code) && ok;
        }
    return ok;
}

// The language that the path of a page begins with; n_languages when it is none.
static size_t language_of_name(const struct pages *p, const char *name) {
    struct slice first, rest;
    if (!slice_cut(slice_from_cstr(name), '/', &first, &rest))
        return p->n_languages;
    size_t i = 0;
    while (i < p->n_languages && !slice_eq(slice_from_cstr(p->codes[i]), first))
        i++;
    return i;
}

static int compare_pages(const void *a, const void *b) {
    const struct page *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void list_pages(struct pages *p) {
    p->pages = mem_zalloc(p->sources.n, sizeof(*p->pages));
    for (size_t i = 0; i < p->sources.n; i++) {
        const struct page_source *f = p->sources.files[i];
        if (!sources_is_in_force(&p->sources, i) || !is_page(f->path) || !is_served(f->path))
            continue;
        struct slice path = slice_from_cstr(f->path);
        struct page *page = &p->pages[p->n_pages++];
        page->name = slice_dup(slice_sub(path, 0, path.len - strlen(".html")));
        page->source = f;
        page->only_language = language_of_name(p, page->name);
        page->outputs = mem_zalloc(p->n_languages, sizeof(*page->outputs));
    }
    // Not the order of the paths: '.' is before '/'.
    if (p->n_pages > 0)
        qsort(p->pages, p->n_pages, sizeof(*p->pages), compare_pages);
}

static void drop_outputs(struct pages *p, struct page *page) {
    for (size_t l = 0; l < p->n_languages; l++) {
        p->total -= page->outputs[l].file.body.len;
        output_done(&page->outputs[l]);
    }
}

static void free_pages(struct pages *p) {
    for (size_t i = 0; i < p->n_pages; i++) {
        drop_outputs(p, &p->pages[i]);
        free(p->pages[i].outputs);
        free(p->pages[i].name);
    }
    free(p->pages);
    p->pages = NULL;
    p->n_pages = 0;
}

static bool render_language(struct pages *p, struct page *page, size_t language, struct template_error *ret_error) {
    struct buf body;
    buf_init(&body, PAGES_PAGE_MAX);
    struct pages_job job = {p, &p->facts, language};
    bool ok = pages_render(&job, page, NULL, ret_error) && pages_render(&job, page, &body, ret_error);
    if (ok) {
        char *owned = slice_dup(buf_slice(&body));
        struct output *o = &page->outputs[language];
        output_init(o, file_type_of(".html")->content_type, slice_make(owned, body.len), owned, true);
        o->file.language = p->codes[language];
        o->by_language = o->file;
        o->by_language.by_language = true;
        p->total += body.len;
    }
    buf_done(&body);
    return ok;
}

static bool render_page(struct pages *p, struct page *page, struct template_error *ret_error) {
    for (size_t l = 0; l < p->n_languages; l++) {
        if (page->only_language < p->n_languages && l != page->only_language)
            continue;
        if (p->total > PAGES_TOTAL_MAX) {
            (void)snprintf(ret_error->sentence, sizeof(ret_error->sentence), "%s: all pages together exceed %d MB",
                           page->source->name, PAGES_TOTAL_MAX >> 20);
            ret_error->n_trail = 1;
            ret_error->trail[0] = page->source->template;
            return false;
        }
        if (!render_language(p, page, l, ret_error))
            return false;
    }
    return true;
}

// False as build_pages().
static bool render_pages(struct pages *p) {
    for (size_t i = 0; i < p->n_pages; i++) {
        struct page *page = &p->pages[i];
        struct template_error error;
        if (render_page(p, page, &error))
            continue;
        drop_outputs(p, page);
        const struct page_source *culprit = sources_reject_culprit(&p->sources, &error);
        if (culprit == NULL)
            sources_complain(&p->sources, "%s; the page is left out", error.sentence);
        else if (culprit != page->source || sources_find(&p->sources, culprit->path) != NULL)
            return false;
    }
    return true;
}

static void list_plain(struct pages *p) {
    p->plain = mem_zalloc(p->sources.n, sizeof(*p->plain));
    for (size_t i = 0; i < p->sources.n; i++) {
        const struct page_source *f = p->sources.files[i];
        if (!sources_is_in_force(&p->sources, i) || is_page(f->path) || !is_served(f->path))
            continue;
        const struct file_type *type = file_type_of(f->path);
        struct plain *plain = &p->plain[p->n_plain++];
        plain->path = f->path;
        output_init(&plain->output, type->content_type, f->octets, NULL, type->is_text);
    }
}

// False when a file was rejected on which more than one page may rest: there is one less each time.
static bool build_pages(struct pages *p) {
    if (!read_texts(p))
        return false;
    list_pages(p);
    return render_pages(p);
}

struct pages *pages_build(const struct pages_facts *facts, pages_on_complaint *on_complaint, void *arg) {
    struct pages *p = MEM_NEW(struct pages);
    facts_init(&p->facts, facts);
    sources_init(&p->sources, on_complaint, arg);
    if (facts->config->www_folder[0] != '\0')
        overlay_read(facts->config->www_folder, &p->sources);
    sources_parse(&p->sources);
    while (!build_pages(p)) {
        free_pages(p);
        free_languages(p);
    }
    list_plain(p);
    // Whoever hears complaints need not be there later.
    p->sources.on_complaint = NULL;
    return p;
}

void pages_free(struct pages *p) {
    if (p == NULL)
        return;
    free_pages(p);
    free_languages(p);
    for (size_t i = 0; i < p->n_plain; i++)
        output_done(&p->plain[i].output);
    free(p->plain);
    sources_done(&p->sources);
    facts_done(&p->facts);
    free(p);
}
