// SPDX-License-Identifier: MIT
// The file with the root's keys that libunbound keeps current (RFC 5011): made from the keys that this program brings.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

// Makes `path` from the built-in keys when it is missing or empty, or when it was made by a program with other keys (a
// newer program knows what the file, left alone for long, may have missed). False, with errno, when a file cannot be
// written.
MUST_USE bool dns_anchor_prepare(const char *path);
// Makes it anew, for a file that cannot be read as keys.
MUST_USE bool dns_anchor_reset(const char *path);
