// SPDX-License-Identifier: MIT
// `martlet web --preview`: the pages on loopback while they are edited. Everything is read and rendered again for each
// request; what is wrong with a file is told in the terminal and in the place of the page.
#pragma once

#include <stdint.h>

#include "base/panic.h"

struct web_preview {
    const char *config_path;      // NULL: a sample configuration
    const char *const *overrides; // "key=value", NULL-terminated
    uint16_t port;
};

// Serves until the process is ended. Returns the exit status when it cannot.
int web_preview_run(const struct web_preview *settings);
