// SPDX-License-Identifier: MIT
// What a key of the configuration means, in a line, and what it takes, in words: for complaints and for `martlet help`.
// martlet.ini(5) says more.
#pragma once

#include <stddef.h>

#include "base/panic.h"
#include "config/schema.h"

struct config_meaning {
    const char *key;
    const char *is;   // of text: what it is ("a path"); of a number: its unit ("days"); NULL: what the type says
    const char *text; // one line
};

// NULL for a key that is not ours, or that nobody has described.
const struct config_meaning *config_meaning_find(const char *key);
// All described keys. Returns how many.
size_t config_meaning_keys(const char **ret, size_t max);

// "a whole number of days from 1 to 36500"
enum { CONFIG_WANTED_SIZE = 120 };
void config_meaning_wanted(const struct config_field *f, char ret[CONFIG_WANTED_SIZE]);

// Key with default, what it takes, what it means: three lines.
enum { CONFIG_EXPLANATION_SIZE = 640 };
void config_meaning_explain(const struct config_meaning *m, char ret[CONFIG_EXPLANATION_SIZE]);
