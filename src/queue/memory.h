// SPDX-License-Identifier: MIT
// What is remembered of names for a while, in a bounded table: hosts that know no /mxdeliv, destinations that answered
// lately. Forgetting costs an attempt, nothing else.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct memory;

struct memory *memory_new(size_t max_names, uint64_t for_ms);
void memory_free(struct memory *m);

void memory_remember(struct memory *m, const char *name);
void memory_forget(struct memory *m, const char *name);
MUST_USE bool memory_has(struct memory *m, const char *name);
