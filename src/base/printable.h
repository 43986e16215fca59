// SPDX-License-Identifier: MIT
// Text of strangers on an operator's terminal, which would obey the control characters in it.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

// Replaces each octet of a control character (of C0 but for TAB and LF, DEL, and C1, RFC 3629 and ECMA-48), and each
// that belongs to no character of UTF-8, as the end of a text that was cut, by "?". The length stays.
void printable_make(char *text);
// True when it would change nothing.
MUST_USE bool printable_is(const char *text);
