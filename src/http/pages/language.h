// SPDX-License-Identifier: MIT
// The languages of the pages: their names and directions, the plural forms of integers (CLDR cardinal rules), how
// numbers are written, and which language a browser wants (RFC 9110 section 12.5.4, lookup of RFC 4647 section 3.4).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

// The names of these are the suffixes of keys: "day.few".
enum plural { PLURAL_ONE, PLURAL_FEW, PLURAL_MANY, PLURAL_OTHER, PLURAL_N };
const char *plural_name(enum plural p);

enum { LANGUAGE_CODE_MAX = 11, LANGUAGE_NUMBER_SIZE = 64 };

struct language {
    const char *code; // "de"
    const char *name; // in the language itself
    bool is_rtl;
    bool has_persian_digits;
    const char *point; // before the decimals
    enum plural (*plural_of)(uint64_t n);
    unsigned forms; // 1 << enum plural: those that some integer takes
};

// English first, then as a switch shows them.
extern const struct language language_table[];
enum { LANGUAGES_N = 7 };

// NULL when this code is none of ours.
const struct language *language_find(struct slice code);
// Whether this may be the code of a language at all: "de", "pt-BR".
bool language_is_code(struct slice code);
// Whether languages of this code are written from right to left.
bool language_is_rtl(struct slice code);

// tenths / 10 as the language writes it, without ".0". `tenths` is below 2^64 - 10.
void language_write_tenths(const struct language *l, uint64_t tenths, char ret[LANGUAGE_NUMBER_SIZE]);
void language_write_number(const struct language *l, uint64_t n, char ret[LANGUAGE_NUMBER_SIZE]);

// The index of the best of `codes` for this Accept-Language field; `n` when it asks for none of them. At most 64 ranges
// are looked at.
size_t language_negotiate(struct slice accept_language, const char *const *codes, size_t n);
