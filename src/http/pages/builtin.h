// SPDX-License-Identifier: MIT
// The files of www/, compiled in: tools/embed writes the array at build time.
#pragma once

#include <stddef.h>

struct builtin_file {
    const char *path;   // "strings/de.json"
    const char *octets; // a NUL follows
    size_t len;
};

// Sorted by path (strcmp).
extern const struct builtin_file pages_builtin[];
extern const size_t pages_builtin_n;
