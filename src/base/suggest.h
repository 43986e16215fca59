// SPDX-License-Identifier: MIT
// "Did you mean ...?" for a word of the command line or of the configuration.
#pragma once

#include <stddef.h>

// The one of `n` words that `word` is most likely a slip of, or NULL when none is near.
const char *suggest(const char *word, const char *const *words, size_t n);
