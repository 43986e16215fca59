// SPDX-License-Identifier: MIT
// Picking from a snapshot, which nothing changes any more: any thread.
#include "http/pages/pages.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "http/pages/pages_internal.h"

static const struct template *find_partial(void *arg, struct slice name) {
    const struct pages_job *job = arg;
    char path[PAGES_PATH_MAX];
    (void)snprintf(path, sizeof(path), "_%.*s.html", SLICE_FMT(name));
    const struct page_source *f = sources_find(&job->pages->sources, path);
    return f != NULL ? f->template : NULL;
}

static const struct texts *texts_of(const struct pages_job *job) {
    return job->pages->languages[job->language];
}

static const struct template *find_text(void *arg, struct slice key) {
    return texts_find(texts_of(arg), key);
}

static const struct template *find_unit(void *arg, struct slice unit, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    return texts_find_unit(texts_of(arg), unit, n, ret_n);
}

static void write_number(void *arg, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    language_write_number(&texts_of(arg)->language, n, ret_n);
}

bool pages_render(const struct pages_job *job, const struct page *page, struct buf *ret,
                  struct template_error *ret_error) {
    const struct pages *p = job->pages;
    struct values *values = MEM_NEW(struct values);
    values_fill(values, job->facts, (const struct texts *const *)p->languages, p->n_languages, job->language,
                page->name);
    struct pages_job world_arg = *job;
    struct template_world world = {find_partial, find_text, find_unit, write_number, &world_arg};
    const struct template *t = page->source->template;
    bool ok = ret != NULL ? template_render(t, &values->scope, &world, ret, ret_error)
                          : template_check(t, &values->scope, &world, PAGES_CHECK_MAX, ret_error);
    free(values);
    return ok;
}

static int compare_page(const void *key, const void *item) {
    return strcmp(key, ((const struct page *)item)->name);
}

const struct page *pages_find_page(const struct pages *p, const char *name) {
    return p->n_pages > 0 ? bsearch(name, p->pages, p->n_pages, sizeof(*p->pages), compare_page) : NULL;
}

static int compare_plain(const void *key, const void *item) {
    return strcmp(key, ((const struct plain *)item)->path);
}

static const struct plain *find_plain(const struct pages *p, const char *path) {
    return p->n_plain > 0 ? bsearch(path, p->plain, p->n_plain, sizeof(*p->plain), compare_plain) : NULL;
}

// A request path without its slash, as a string. False when it is none of ours by its form.
static bool copy_path(struct slice path, char ret[PAGES_PATH_MAX]) {
    if (path.len == 0 || path.ptr[0] != '/' || path.len >= PAGES_PATH_MAX || memchr(path.ptr, '\0', path.len) != NULL)
        return false;
    (void)snprintf(ret, PAGES_PATH_MAX, "%.*s", (int)path.len - 1, path.ptr + 1);
    return true;
}

// "" and "about/" are indexes, "info.html" is info. The page that says what is missing has no address of its own.
static const struct page *find_by_path(const struct pages *p, struct slice path) {
    if (slice_ends_with(path, SLICE(".html")))
        path.len -= strlen(".html");
    bool is_folder = path.len == 0 || path.ptr[path.len - 1] == '/';
    char name[PAGES_PATH_MAX + sizeof("index")];
    (void)snprintf(name, sizeof(name), "%.*s%s", SLICE_FMT(path), is_folder ? "index" : "");
    return strcmp(name, "404") != 0 ? pages_find_page(p, name) : NULL;
}

// The language named by the first segment of the path, and what follows; n_languages when there is none.
static size_t cut_language(const struct pages *p, struct slice path, struct slice *ret_rest) {
    struct slice first;
    (void)slice_cut(path, '/', &first, ret_rest);
    size_t i = 0;
    while (i < p->n_languages && !slice_eq(slice_from_cstr(p->codes[i]), first))
        i++;
    return i;
}

static size_t negotiate(const struct pages *p, struct slice accept_language) {
    size_t i = language_negotiate(accept_language, p->codes, p->n_languages);
    return i < p->n_languages ? i : 0;
}

// What a path leads to.
struct target {
    const struct page *page;
    size_t language;
    bool by_language;
};

static bool find_target(const struct pages *p, struct slice path, struct slice accept_language, struct target *ret) {
    const struct page *page = find_by_path(p, path);
    if (page != NULL) {
        bool is_single = page->only_language < p->n_languages;
        size_t language = is_single ? page->only_language : negotiate(p, accept_language);
        *ret = (struct target){page, language, !is_single};
        return true;
    }
    struct slice rest;
    size_t language = cut_language(p, path, &rest);
    page = language < p->n_languages ? find_by_path(p, rest) : NULL;
    if (page == NULL || page->only_language < p->n_languages)
        return false;
    *ret = (struct target){page, language, false};
    return true;
}

static const struct page_file *pick(const struct target *t) {
    const struct output *o = &t->page->outputs[t->language];
    if (o->file.body.ptr == NULL)
        return NULL;
    return t->by_language ? &o->by_language : &o->file;
}

const struct page_file *pages_find(const struct pages *p, struct slice path, struct slice accept_language) {
    char name[PAGES_PATH_MAX];
    if (!copy_path(path, name))
        return NULL;
    const struct plain *plain = find_plain(p, name);
    if (plain != NULL)
        return &plain->output.file;
    struct target t;
    return find_target(p, slice_from_cstr(name), accept_language, &t) ? pick(&t) : NULL;
}

const struct page_file *pages_not_found(const struct pages *p, struct slice path, struct slice accept_language) {
    static const struct page_file plainest = {
        .content_type = "text/plain; charset=utf-8",
        .body = {"Not found\n", 10},
        .gzip = {"", 0},
        .etag = "\"404\"",
        .gzip_etag = "\"404-gz\"",
    };
    struct slice rest;
    size_t language = path.len > 0 ? cut_language(p, slice_sub(path, 1, path.len), &rest) : p->n_languages;
    bool by_language = language == p->n_languages;
    if (by_language)
        language = negotiate(p, accept_language);
    struct target t = {pages_find_page(p, "404"), language, by_language};
    const struct page_file *f = t.page != NULL ? pick(&t) : NULL;
    return f != NULL ? f : &plainest;
}

static bool find_home(const struct pages *p, struct slice path, struct slice accept_language, struct target *ret) {
    char name[PAGES_PATH_MAX];
    return copy_path(path, name) && find_plain(p, name) == NULL &&
           find_target(p, slice_from_cstr(name), accept_language, ret) && strcmp(ret->page->name, "index") == 0;
}

bool pages_is_home(const struct pages *p, struct slice path) {
    struct target t;
    return find_home(p, path, SLICE_EMPTY, &t);
}

char *pages_render_home(const struct pages *p, struct slice path, struct slice accept_language, const char *link,
                        const char *query, size_t *ret_len) {
    struct target t;
    if (!find_home(p, path, accept_language, &t))
        return NULL;
    struct facts own = p->facts; // borrows, but for the two below
    own.invite_link = slice_dup(slice_from_cstr(link));
    own.qr_svg = facts_make_qr(link);
    own.qr_png = (char[]){""};
    own.has_own_link = link[0] != '\0';
    own.is_busy = !own.has_own_link;
    own.own_query = query;
    struct buf body;
    buf_init(&body, PAGES_PAGE_MAX);
    struct template_error error;
    char *ret = NULL;
    if (pages_render(&(struct pages_job){p, &own, t.language}, t.page, &body, &error)) {
        *ret_len = body.len;
        ret = slice_dup(buf_slice(&body));
    }
    buf_done(&body);
    free(own.qr_svg);
    free(own.invite_link);
    return ret;
}
