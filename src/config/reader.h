// SPDX-License-Identifier: MIT
// Reads INI text through inih with the habits of an existing chatmail.ini: "#" and ";" begin a comment at the start of
// a line only, an indented line continues the value above it, "=" or ":" ends a key. No I/O.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"

enum {
    CONFIG_TEXT_MAX = 1024 * 1024,
    CONFIG_LINE_MAX = 8 * 1024, // octets of a line with its line end
    CONFIG_VALUE_MAX = 16 * 1024,
};

struct config_reader {
    // One key with its whole value; continuation lines are joined with LF. `line` is where the key stands. The strings
    // are valid during the call.
    void (*on_pair)(void *arg, int line, const char *section, const char *key, struct slice value);
    // Something that is not INI; `reason` is static. Reading goes on.
    void (*on_bad_line)(void *arg, int line, const char *reason);
    void *arg;
};

// False, after one complaint, when it is no INI file as a whole: too large, or in another encoding than UTF-8.
MUST_USE bool config_read(struct slice text, const struct config_reader *reader);
