// SPDX-License-Identifier: MIT
#include "http/pages/qr_image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <png.h>
#include <qrencode.h>

#include "base/mem.h"

enum { MAX = 256 * 1024, SIZE = 384 };

static const char *const links[] = {
    "DCACCOUNT:https://chat.example.org/new",
    "dcaccount:https://a-rather-long-name-of-a-relay.subdomain.example.org/new?t=0123456789abcdefghijklmnopqrstuvwxyz",
    "x",
};

// What the module at (x, y) has to be; light outside.
static bool is_dark(const QRcode *code, int x, int y) {
    return x >= 0 && y >= 0 && x < code->width && y < code->width && (code->data[y * code->width + x] & 1) != 0;
}

static QRcode *encode(const char *text) {
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_H, QR_MODE_8, 1);
    assert_non_null(code);
    return code;
}

static void check_pixels(const QRcode *code, const uint8_t *pixels) {
    int scale = (SIZE - 12) / (code->width + 2);
    int origin = (SIZE - scale * code->width) / 2;
    assert_true(origin >= 6 + scale); // padding, and a border of one module
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            // Rounds down below zero as well.
            int column = (x - origin + scale * SIZE) / scale - SIZE, row = (y - origin + scale * SIZE) / scale - SIZE;
            if ((pixels[y * SIZE + x] == 0) != is_dark(code, column, row))
                fail_msg("pixel %d, %d is %d", x, y, pixels[y * SIZE + x]);
        }
}

static void the_png_is_the_code(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct buf png;
        buf_init(&png, MAX);
        assert_true(qr_image_png(links[i], &png));
        struct slice s = buf_slice(&png);
        png_image image = {.version = PNG_IMAGE_VERSION};
        assert_int_equal(png_image_begin_read_from_memory(&image, s.ptr, s.len), 1);
        assert_int_equal(image.width, SIZE);
        assert_int_equal(image.height, SIZE);
        image.format = PNG_FORMAT_GRAY;
        uint8_t *pixels = mem_alloc(PNG_IMAGE_SIZE(image));
        assert_int_equal(png_image_finish_read(&image, NULL, pixels, 0, NULL), 1);
        QRcode *code = encode(links[i]);
        check_pixels(code, pixels);
        QRcode_free(code);
        free(pixels);
        buf_done(&png);
    }
}

// Reads "MX YhNv1h-Nz" after *at.
static bool next_run(const char **at, int *ret_x, int *ret_y, int *ret_n) {
    const char *p = *at;
    if (*p != 'M')
        return false;
    char *end;
    *ret_x = (int)strtol(p + 1, &end, 10);
    *ret_y = (int)strtol(end + 1, &end, 10);
    assert_int_equal(*end, 'h');
    *ret_n = (int)strtol(end + 1, &end, 10);
    assert_int_equal(strncmp(end, "v1h-", 4), 0);
    assert_int_equal(strtol(end + 4, &end, 10), *ret_n);
    assert_int_equal(*end, 'z');
    *at = end + 1;
    return true;
}

static void the_svg_is_the_code(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct buf svg;
        buf_init(&svg, MAX);
        assert_true(qr_image_svg(links[i], &svg));
        char *text = slice_dup(buf_slice(&svg));
        QRcode *code = encode(links[i]);
        int size = code->width + 8;
        uint8_t *drawn = mem_zalloc((size_t)size * (size_t)size, 1);
        char box[64];
        (void)snprintf(box, sizeof(box), "viewBox=\"0 0 %d %d\"", size, size);
        assert_non_null(strstr(text, box));
        assert_int_equal(strncmp(text, "<svg xmlns=\"http://www.w3.org/2000/svg\"", 39), 0);
        const char *at = strstr(text, "<path d=\"");
        assert_non_null(at);
        at += strlen("<path d=\"");
        int x, y, n;
        while (next_run(&at, &x, &y, &n))
            memset(drawn + y * size + x, 1, (size_t)n);
        assert_string_equal(at, "\"/></svg>");
        for (int row = 0; row < size; row++)
            for (int column = 0; column < size; column++)
                assert_int_equal(drawn[row * size + column], is_dark(code, column - 4, row - 4));
        free(drawn);
        free(text);
        QRcode_free(code);
        buf_done(&svg);
    }
}

static void what_does_not_fit(void **state) {
    char text[2000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct buf b;
    buf_init(&b, MAX);
    assert_false(qr_image_svg(text, &b));
    assert_false(qr_image_png(text, &b));
    assert_int_equal(b.len, 0);
    buf_init(&b, 100);
    assert_false(qr_image_svg(links[0], &b));
    assert_false(qr_image_png(links[0], &b));
    assert_int_equal(b.len, 0);
    buf_done(&b);
}

// An independent reader, where there is one.
static void zbarimg_reads_the_png(void **state) {
    if (access("/usr/bin/zbarimg", X_OK) != 0)
        return;
    char path[] = "/tmp/martlet-qr-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    struct buf png;
    buf_init(&png, MAX);
    assert_true(qr_image_png(links[1], &png));
    assert_int_equal(write(fd, buf_slice(&png).ptr, png.len), png.len);
    (void)close(fd);
    buf_done(&png);
    char command[100], line[300] = "";
    (void)snprintf(command, sizeof(command), "/usr/bin/zbarimg --quiet --raw %s 2>/dev/null", path);
    FILE *out = popen(command, "r"); // NOLINT(cert-env33-c): nothing in it comes from outside
    assert_non_null(out);
    (void)!fgets(line, sizeof(line), out);
    (void)pclose(out);
    (void)unlink(path);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, links[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_png_is_the_code),
        cmocka_unit_test(the_svg_is_the_code),
        cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(zbarimg_reads_the_png),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
