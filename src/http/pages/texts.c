// SPDX-License-Identifier: MIT
#include "http/pages/texts.h"

#include <jansson.h>
#include <stdio.h>

#include "base/mem.h"

static const struct language *rules_of(struct slice code) {
    const struct language *known = language_find(code);
    return known != NULL ? known : &language_table[0];
}

struct texts *texts_new(struct slice code, const struct texts *fallback) {
    struct texts *t = MEM_NEW(struct texts);
    bool is_known = language_find(code) != NULL;
    t->language = *rules_of(code);
    t->code = slice_dup(code);
    t->name = slice_dup(is_known ? slice_from_cstr(t->language.name) : code);
    t->language.code = t->code;
    t->language.name = t->name;
    t->language.is_rtl = language_is_rtl(code);
    t->fallback = fallback;
    return t;
}

static void free_items(struct text *items, size_t n) {
    for (size_t i = 0; i < n; i++) {
        free(items[i].key);
        template_free(items[i].template);
    }
    free(items);
}

void texts_free(struct texts *t) {
    if (t == NULL)
        return;
    free_items(t->items, t->n);
    free(t->code);
    free(t->name);
    free(t);
}

static int compare_texts(const void *a, const void *b) {
    const struct text *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static const struct text *find_own(const struct texts *t, const char *key) {
    struct text wanted = {.key = (char *)(uintptr_t)key};
    return t->n > 0 ? bsearch(&wanted, t->items, t->n, sizeof(*t->items), compare_texts) : NULL;
}

PRINTF_LIKE(2, 3) static bool fail(struct template_error *ret_error, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(ret_error->sentence, sizeof(ret_error->sentence), fmt, args);
    va_end(args);
    for (char *p = ret_error->sentence; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    ret_error->n_trail = 0;
    return false;
}

static json_t *load(struct slice json, const char *name, struct template_error *ret_error) {
    json_error_t error;
    json_t *object = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &error);
    if (object == NULL)
        (void)fail(ret_error, "%.200s:%d: not JSON: %.120s", name, error.line, error.text);
    else if (!json_is_object(object))
        (void)fail(ret_error, "%.200s:1: wants one JSON object of keys and texts", name);
    else if (json_object_size(object) > TEXTS_MAX)
        (void)fail(ret_error, "%.200s:1: more than %d texts", name, TEXTS_MAX);
    else
        return object;
    json_decref(object);
    return NULL;
}

// One pair of the file into an item.
static bool parse_text(const char *key, json_t *value, const char *name, const void *origin, struct text *ret,
                       struct template_error *ret_error) {
    if (strlen(key) > TEXTS_KEY_MAX)
        return fail(ret_error, "%.200s: the key %.40s... is longer than %d octets", name, key, TEXTS_KEY_MAX);
    if (!json_is_string(value))
        return fail(ret_error, "%.200s: %.100s is not a text: write it in quotation marks", name, key);
    char where[TEMPLATE_NAME_MAX];
    (void)snprintf(where, sizeof(where), "%.180s: %.100s", name, key);
    struct template *parsed = template_parse(slice_make(json_string_value(value), json_string_length(value)), where,
                                             false, origin, ret_error);
    if (parsed == NULL)
        return false;
    *ret = (struct text){slice_dup(slice_from_cstr(key)), parsed};
    return true;
}

// Sorts, and of two items of one key keeps the later one in `items`.
static void merge(struct texts *t, struct text *fresh, size_t n_fresh) {
    for (size_t i = 0; i < n_fresh; i++) {
        const struct text *old = find_own(t, fresh[i].key);
        if (old == NULL)
            continue;
        struct text *mine = &t->items[old - t->items];
        struct template *replaced = mine->template;
        mine->template = fresh[i].template;
        template_free(replaced);
        free(fresh[i].key);
        fresh[i] = (struct text){0};
    }
    t->items = mem_realloc(t->items, (t->n + n_fresh) * sizeof(*t->items));
    size_t n = t->n;
    for (size_t i = 0; i < n_fresh; i++)
        if (fresh[i].key != NULL)
            t->items[n++] = fresh[i];
    t->n = n;
    qsort(t->items, t->n, sizeof(*t->items), compare_texts);
    free(fresh);
}

static void take_name(struct texts *t, const json_t *object) {
    const char *name = json_string_value(json_object_get(object, "language.name"));
    if (name == NULL)
        return;
    free(t->name);
    t->name = slice_dup(slice_from_cstr(name));
    t->language.name = t->name;
}

bool texts_add(struct texts *t, struct slice json, const char *name, const void *origin,
               struct template_error *ret_error) {
    json_t *object = load(json, name, ret_error);
    if (object == NULL)
        return false;
    struct text *fresh = mem_zalloc(json_object_size(object), sizeof(*fresh));
    size_t n = 0;
    bool ok = true;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        ok = parse_text(key, value, name, origin, &fresh[n], ret_error);
        if (!ok)
            break;
        n++;
    }
    if (ok)
        take_name(t, object);
    json_decref(object);
    if (ok)
        merge(t, fresh, n);
    else
        free_items(fresh, n);
    return ok;
}

const struct template *texts_find(const struct texts *t, struct slice key) {
    char name[TEXTS_KEY_MAX + 1];
    if (key.len > TEXTS_KEY_MAX)
        return NULL;
    (void)snprintf(name, sizeof(name), "%.*s", SLICE_FMT(key));
    const struct text *found = find_own(t, name);
    if (found == NULL && t->fallback != NULL)
        found = find_own(t->fallback, name);
    return found != NULL ? found->template : NULL;
}

static const struct template *find_form(const struct texts *t, struct slice unit, const char *form) {
    char key[TEXTS_KEY_MAX + 1];
    if (unit.len > TEXTS_KEY_MAX - 10)
        return NULL;
    (void)snprintf(key, sizeof(key), "%.*s.%s", SLICE_FMT(unit), form);
    const struct text *found = find_own(t, key);
    return found != NULL ? found->template : NULL;
}

// Whole numbers or one decimal, rounded to the nearest: 31457280 is 30 MB.
static const struct template *find_size(const struct texts *t, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    static const char *const units[] = {"kb", "mb", "gb"};
    size_t unit = n < (uint64_t)1 << 20 ? 0 : n < (uint64_t)1 << 30 ? 1 : 2;
    unsigned shift = 10 * ((unsigned)unit + 1);
    uint64_t whole = n >> shift, rest = n & (((uint64_t)1 << shift) - 1);
    uint64_t tenths = whole * 10 + (rest * 10 + ((uint64_t)1 << (shift - 1))) / ((uint64_t)1 << shift);
    // What is rounded up to 1024 of a unit is one of the next.
    if (tenths >= 10240 && unit < 2) {
        tenths = 10;
        unit++;
    }
    language_write_tenths(&t->language, tenths, ret_n);
    return find_form(t, SLICE("size"), units[unit]);
}

static const struct template *find_unit_own(const struct texts *t, struct slice unit, uint64_t n,
                                            char ret_n[TEMPLATE_NUMBER_SIZE]) {
    if (slice_eq(unit, SLICE("size")))
        return find_size(t, n, ret_n);
    language_write_number(&t->language, n, ret_n);
    const struct template *found = find_form(t, unit, plural_name(t->language.plural_of(n)));
    return found != NULL ? found : find_form(t, unit, plural_name(PLURAL_OTHER));
}

const struct template *texts_find_unit(const struct texts *t, struct slice unit, uint64_t n,
                                       char ret_n[TEMPLATE_NUMBER_SIZE]) {
    const struct template *found = find_unit_own(t, unit, n, ret_n);
    // English has English plurals and digits.
    return found == NULL && t->fallback != NULL ? find_unit_own(t->fallback, unit, n, ret_n) : found;
}
