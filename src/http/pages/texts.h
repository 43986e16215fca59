// SPDX-License-Identifier: MIT
// The texts of the pages: for each language a file strings/LANG.json, one flat object of key to text. A text is HTML
// and may hold tags; it is parsed once. An operator's file wins over the built-in one key by key, and what a language
// lacks is taken from English. The text "language.name" names a language that this program does not know by itself.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "http/pages/language.h"
#include "http/pages/template.h"

enum { TEXTS_MAX = 2000, TEXTS_KEY_MAX = 100 };

struct texts {
    struct language language; // `code` and `name` are owned
    char *code, *name;
    struct text {
        char *key;
        struct template *template;
    } * items; // sorted by key
    size_t n;
    const struct texts *fallback; // English; NULL for English itself
};

// A language without texts yet.
struct texts *texts_new(struct slice code, const struct texts *fallback);
void texts_free(struct texts *t);

// Adds the texts of a JSON file; those that are there already are replaced. `name` is the file's, for errors; `origin`
// that of the templates. False, with nothing changed, when anything in it is wrong.
MUST_USE bool texts_add(struct texts *t, struct slice json, const char *name, const void *origin,
                        struct template_error *ret_error);
// NULL: neither this language nor English has the key.
const struct template *texts_find(const struct texts *t, struct slice key);
// The text "UNIT.form" for n, with n as it is written. The unit "size" takes octets, and its texts are "size.kb",
// "size.mb" and "size.gb". NULL: there is none.
const struct template *texts_find_unit(const struct texts *t, struct slice unit, uint64_t n,
                                       char ret_n[TEMPLATE_NUMBER_SIZE]);
