// SPDX-License-Identifier: MIT
// A QR code (ISO/IEC 18004) as text, two modules to a character, with UTF-8 half blocks.
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/panic.h"

// Prints the code of `text` with its quiet zone. Light modules are the filled ones, which is right on a dark terminal;
// `with_colour` sets black and white by escape sequences, so that it is right on any. False when the text is too long.
MUST_USE bool qr_print(FILE *out, const char *text, bool with_colour);
