// SPDX-License-Identifier: MIT
#include "http/pages/qr_image.h"

#include <png.h>
#include <qrencode.h>
#include <string.h>

#include "base/mem.h"

enum {
    SVG_BORDER = 4, // modules; ISO/IEC 18004 section 5.3.8
    PNG_SIZE = 384,
    PNG_BORDER = 1,  // modules
    PNG_PADDING = 6, // pixels
    PNG_MAX = 256 * 1024,
};

static QRcode *encode(const char *text) {
    return QRcode_encodeString(text, 0, QR_ECLEVEL_H, QR_MODE_8, 1);
}

static bool is_dark(const QRcode *code, int x, int y) {
    return (code->data[y * code->width + x] & 1) != 0;
}

// The dark modules of a row from x on: their number.
static int run_length(const QRcode *code, int x, int y) {
    int n = 0;
    while (x + n < code->width && is_dark(code, x + n, y))
        n++;
    return n;
}

// Each run of dark modules is one rectangle of the path.
static bool append_path(const QRcode *code, struct buf *ret) {
    for (int y = 0; y < code->width; y++)
        for (int x = 0; x < code->width; x++) {
            int n = run_length(code, x, y);
            if (n > 0 && !buf_printf(ret, "M%d %dh%dv1h-%dz", x + SVG_BORDER, y + SVG_BORDER, n, n))
                return false;
            x += n;
        }
    return true;
}

bool qr_image_svg(const char *text, struct buf *ret) {
    QRcode *code = encode(text);
    if (code == NULL)
        return false;
    int size = code->width + 2 * SVG_BORDER;
    size_t before = ret->len;
    bool ok = buf_printf(ret,
                         "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
                         "shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path d=\"",
                         size, size, size, size) &&
              append_path(code, ret) && buf_append_cstr(ret, "\"/></svg>");
    QRcode_free(code);
    if (!ok)
        buf_truncate(ret, before);
    return ok;
}

// 8-bit grey, centred: what whole modules leave of the square is white.
static bool draw(const QRcode *code, png_byte pixels[PNG_SIZE * PNG_SIZE]) {
    int scale = (PNG_SIZE - 2 * PNG_PADDING) / (code->width + 2 * PNG_BORDER);
    if (scale < 1)
        return false;
    int origin = (PNG_SIZE - scale * code->width) / 2;
    memset(pixels, 0xff, (size_t)PNG_SIZE * PNG_SIZE);
    for (int y = 0; y < code->width * scale; y++)
        for (int x = 0; x < code->width * scale; x++)
            if (is_dark(code, x / scale, y / scale))
                pixels[(origin + y) * PNG_SIZE + origin + x] = 0;
    return true;
}

bool qr_image_png(const char *text, struct buf *ret) {
    QRcode *code = encode(text);
    if (code == NULL)
        return false;
    png_byte *pixels = mem_alloc((size_t)PNG_SIZE * PNG_SIZE);
    png_byte *octets = mem_alloc(PNG_MAX);
    png_image image = {.version = PNG_IMAGE_VERSION, .width = PNG_SIZE, .height = PNG_SIZE, .format = PNG_FORMAT_GRAY};
    png_alloc_size_t len = PNG_MAX;
    bool ok = draw(code, pixels) && png_image_write_to_memory(&image, octets, &len, 0, pixels, PNG_SIZE, NULL) != 0 &&
              buf_append(ret, (const char *)octets, len);
    png_image_free(&image);
    free(octets);
    free(pixels);
    QRcode_free(code);
    return ok;
}
