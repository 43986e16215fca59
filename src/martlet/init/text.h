// SPDX-License-Identifier: MIT
// What `martlet init` writes: the first configuration, with only what matters in it. Pure.
#pragma once

#include "base/buf.h"
#include "base/panic.h"

enum { INIT_TEXT_MAX = 16 * 1024 };

struct init_text {
    const char *domain;    // as the configuration wants it: an address in brackets or without
    const char *state_dir; // "": the default
    const char *user;      // "": the default
};

// False when `out` is full.
MUST_USE bool init_text_write(const struct init_text *t, struct buf *out);

// Why a word of the command line can be no domain, in a static sentence. Of one that config_domain_parse() refuses, or
// that no relay could serve; NULL: it can be one.
const char *init_text_refuse(const char *word);
