// SPDX-License-Identifier: MIT
// The content type of a file by the end of its name.
#pragma once

#include <stdbool.h>

struct file_type {
    const char *extension;
    const char *content_type;
    bool is_text; // UTF-8, and worth compressing
};

// Never NULL: what is unknown is application/octet-stream.
const struct file_type *file_type_of(const char *path);
