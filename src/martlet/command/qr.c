// SPDX-License-Identifier: MIT
#include "martlet/command/qr.h"

#include <qrencode.h>
#include <stddef.h>

enum { QUIET = 2 }; // modules around the code; the standard wants 4, terminals have a margin of their own

// Outside the code everything is light.
static bool is_light(const QRcode *code, int x, int y) {
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return true;
    return (code->data[y * code->width + x] & 1) == 0;
}

static void print_rows(FILE *out, const QRcode *code, int y) {
    for (int x = -QUIET; x < code->width + QUIET; x++) {
        // Below the last line of the quiet zone there is nothing to draw.
        bool upper = is_light(code, x, y), lower = is_light(code, x, y + 1) && y + 1 < code->width + QUIET;
        const char *glyph = upper && lower ? "\u2588" : upper ? "\u2580" : lower ? "\u2584" : " ";
        (void)fputs(glyph, out);
    }
}

bool qr_print(FILE *out, const char *text, bool with_colour) {
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_L, QR_MODE_8, 1);
    if (code == NULL)
        return false;
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        (void)fputs(with_colour ? "\033[97;40m" : "", out);
        print_rows(out, code, y);
        (void)fputs(with_colour ? "\033[0m\n" : "\n", out);
    }
    QRcode_free(code);
    return true;
}
