// SPDX-License-Identifier: MIT
// QR codes (ISO/IEC 18004, error correction H) as pictures.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"

// Appends an <svg> element (also a whole SVG file when xmlns is wanted, which it always carries): one path, dark
// modules on white, a border of four modules as the standard wants. False when the text is too long.
MUST_USE bool qr_image_svg(const char *text, struct buf *ret);
// Appends a PNG of 384 x 384 pixels: border of one module, 6 pixels of padding, whole pixels for each module.
MUST_USE bool qr_image_png(const char *text, struct buf *ret);
