// SPDX-License-Identifier: MIT
// ACME http-01 challenges that wait to be asked for (RFC 8555 section 8.3). A small table: one order of a certificate
// has as many as it has names. Any thread.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "base/slice.h"

enum {
    CHALLENGES_MAX = 64,
    CHALLENGE_TOKEN_MAX = 128,
    CHALLENGE_TEXT_MAX = 256,
    CHALLENGE_LIFE_MS = 60 * 60 * 1000,
};

struct challenges;
struct challenges *challenges_new(void);
void challenges_free(struct challenges *c);

// A token that is there already gets the new text. False when one of the two is not acceptable, or the table is full.
MUST_USE bool challenges_set(struct challenges *c, struct slice token, struct slice text);
void challenges_clear(struct challenges *c, struct slice token);
// Copies the text, NUL-terminated. False when there is no such challenge (any more).
MUST_USE bool challenges_find(struct challenges *c, struct slice token, char ret_text[CHALLENGE_TEXT_MAX + 1]);
