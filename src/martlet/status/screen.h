// SPDX-License-Identifier: MIT
// Text in two columns for a terminal of 80 columns or a pipe: names on the left, and on the right words that go on in
// the next line when one is full. No colours, so it reads the same everywhere.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"

enum { SCREEN_TEXT_MAX = 256 };

struct screen {
    size_t column; // of the line under way; 0: none is
    bool is_first; // no word stands in the right column yet
};

// Begins a line (and ends the one before); `name` may be "".
void screen_line(struct screen *s, const char *name);
// A word or phrase in the right column, with ", " in front when it is not the first. Broken within only when it is
// longer than a line.
void screen_item(struct screen *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
// Ends the line, if one is under way.
void screen_end(struct screen *s);
// A sentence of its own in as many lines as it takes.
void screen_sentence(const char *before, const char *text);

// "3 days", "2 hours", "5 minutes", "10 s".
void screen_write_span(long long s, char ret[SCREEN_TEXT_MAX]);
// Octets as "1.2 GB" (powers of ten, as disks are sold), "12 kB", "7 octets".
void screen_write_octets(long long octets, char ret[SCREEN_TEXT_MAX]);
