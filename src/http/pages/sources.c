// SPDX-License-Identifier: MIT
#include "http/pages/sources.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/pages/builtin.h"

enum { FIRST_FILES = 32, PATH_SHOWN_MAX = 180, COMPLAINT_SIZE = 1024 };

static struct page_source *add(struct page_sources *s, const char *path, struct slice octets) {
    if (s->n == s->cap) {
        s->cap = s->cap > 0 ? s->cap * 2 : FIRST_FILES;
        s->files = mem_realloc(s->files, s->cap * sizeof(struct page_source *));
    }
    struct page_source *f = MEM_NEW(struct page_source);
    f->path = slice_dup(slice_from_cstr(path));
    f->octets = octets;
    s->files[s->n++] = f;
    return f;
}

void sources_init(struct page_sources *s, pages_on_complaint *on_complaint, void *arg) {
    *s = (struct page_sources){.on_complaint = on_complaint, .arg = arg};
    for (size_t i = 0; i < pages_builtin_n; i++) {
        const struct builtin_file *b = &pages_builtin[i];
        struct page_source *f = add(s, b->path, slice_make(b->octets, b->len));
        f->name = slice_dup(slice_from_cstr(b->path));
    }
}

void sources_done(struct page_sources *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct page_source *f = s->files[i];
        template_free(f->template);
        free(f->owned);
        free(f->name);
        free(f->path);
        free(f);
    }
    free(s->files);
    *s = (struct page_sources){0};
}

void sources_add_own(struct page_sources *s, const char *folder, const char *path, char *octets, size_t len) {
    struct page_source *f = add(s, path, slice_make(octets, len));
    char name[PATH_SHOWN_MAX * 2];
    int n = snprintf(name, sizeof(name), "%s/%s", folder, path);
    // A path that would leave no room for the rest of a sentence is shown without its folder.
    const char *best = n > PATH_SHOWN_MAX ? path : name;
    f->name = slice_dup(slice_sub(slice_from_cstr(best), 0, PATH_SHOWN_MAX));
    f->owned = octets;
    f->is_own = true;
}

static int compare_files(const void *a, const void *b) {
    const struct page_source *x = *(struct page_source *const *)a, *y = *(struct page_source *const *)b;
    int by_path = strcmp(x->path, y->path);
    return by_path != 0 ? by_path : (int)y->is_own - (int)x->is_own;
}

void sources_sort(struct page_sources *s) {
    qsort(s->files, s->n, sizeof(struct page_source *), compare_files);
}

void sources_parse(struct page_sources *s) {
    for (size_t i = 0; i < s->n; i++) {
        struct page_source *f = s->files[i];
        struct template_error error;
        if (!slice_ends_with(slice_from_cstr(f->path), SLICE(".html")))
            continue;
        f->template = template_parse(f->octets, f->name, true, f, &error);
        if (f->template == NULL)
            sources_reject(s, f, error.sentence);
    }
}

// Index of the first file of this path or behind it.
static size_t lower_bound(const struct page_sources *s, const char *path) {
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->files[middle]->path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct page_source *sources_find(const struct page_sources *s, const char *path) {
    for (size_t i = lower_bound(s, path); i < s->n && strcmp(s->files[i]->path, path) == 0; i++)
        if (!s->files[i]->is_rejected)
            return s->files[i];
    return NULL;
}

bool sources_is_in_force(const struct page_sources *s, size_t i) {
    return sources_find(s, s->files[i]->path) == s->files[i];
}

void sources_complain(const struct page_sources *s, const char *fmt, ...) {
    if (s->on_complaint == NULL)
        return;
    char sentence[COMPLAINT_SIZE];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    for (char *p = sentence; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    s->on_complaint(s->arg, sentence);
}

void sources_reject(const struct page_sources *s, struct page_source *f, const char *sentence) {
    f->is_rejected = true;
    const struct page_source *behind = sources_find(s, f->path);
    if (behind != NULL)
        sources_complain(s, "%s; the built-in %.*s is used instead", sentence, PATH_SHOWN_MAX, behind->path);
    else
        sources_complain(s, "%s; the file is left out", sentence);
}

const struct page_source *sources_reject_culprit(const struct page_sources *s, const struct template_error *error) {
    for (size_t i = 0; i < error->n_trail; i++) {
        const struct page_source *origin = template_origin(error->trail[i]);
        if (!origin->is_own)
            continue;
        sources_reject(s, s->files[lower_bound(s, origin->path)], error->sentence);
        return origin;
    }
    return NULL;
}
