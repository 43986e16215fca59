// SPDX-License-Identifier: MIT
// Transfer decoding: base64 and quoted-printable, strict, the same however the stream is cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/transfer.h"

#define BLANKS10 "          "
#define BLANKS70 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10 BLANKS10

static const struct {
    enum transfer_encoding encoding;
    const char *in;
    const char *want; // NULL: refused
} table[] = {
    {TRANSFER_IDENTITY, "a=3D\r\n", "a=3D\r\n"},
    {TRANSFER_UNKNOWN, "a", NULL},
    {TRANSFER_BASE64, "", ""},
    {TRANSFER_BASE64, "YWJj", "abc"},
    {TRANSFER_BASE64, "YW\r\nJj \r\n", "abc"},
    {TRANSFER_BASE64, "YWI=\r\n", "ab"},
    {TRANSFER_BASE64, "YQ==", "a"},
    {TRANSFER_BASE64, "YQ=\r\n=\r\n", "a"},
    {TRANSFER_BASE64, "YWJ", NULL},
    {TRANSFER_BASE64, "YQ=", NULL},
    {TRANSFER_BASE64, "YQ===", NULL},
    {TRANSFER_BASE64, "Y===", NULL},
    {TRANSFER_BASE64, "=", NULL},
    {TRANSFER_BASE64, "YR==", NULL},
    {TRANSFER_BASE64, "YWK=", NULL},
    {TRANSFER_BASE64, "YWJj!", NULL},
    {TRANSFER_BASE64, "YQ==YQ==", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "", ""},
    {TRANSFER_QUOTED_PRINTABLE, "plain text\r\n", "plain text\r\n"},
    {TRANSFER_QUOTED_PRINTABLE, "a=3Db=3d", "a=b="},
    {TRANSFER_QUOTED_PRINTABLE, "a=\r\nb", "ab"},
    {TRANSFER_QUOTED_PRINTABLE, "a= \t\r\nb", "ab"},
    {TRANSFER_QUOTED_PRINTABLE, "a=", "a"},
    {TRANSFER_QUOTED_PRINTABLE, "a \t \r\nb", "a\r\nb"},
    {TRANSFER_QUOTED_PRINTABLE, "a b  ", "a b"},
    {TRANSFER_QUOTED_PRINTABLE, "a =20\r\n", "a  \r\n"},
    {TRANSFER_QUOTED_PRINTABLE, "\r\n\r\n", "\r\n\r\n"},
    {TRANSFER_QUOTED_PRINTABLE, "\xC3\xA4", "\xC3\xA4"},
    {TRANSFER_QUOTED_PRINTABLE, BLANKS70 "      x", BLANKS70 "      x"},
    {TRANSFER_QUOTED_PRINTABLE, BLANKS70 BLANKS10 "x", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a=3", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a=3G", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a=G3", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a==", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a= b", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a=\nb", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a\nb", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a\rb", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a\r", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a=\r", NULL},
    {TRANSFER_QUOTED_PRINTABLE, "a\x01", NULL},
};

static bool decode_piece(struct transfer_decoder *d, struct slice in, char *all, size_t *len) {
    char out[TRANSFER_OUT_MIN];
    while (in.len > 0) {
        size_t n;
        if (!transfer_decode(d, &in, out, sizeof(out), &n))
            return false;
        memcpy(all + *len, out, n);
        *len += n;
    }
    return true;
}

static void check(size_t i, size_t cut) {
    struct slice in = slice_from_cstr(table[i].in);
    struct transfer_decoder d;
    char all[512];
    size_t len = 0;
    transfer_init(&d, table[i].encoding);
    bool ok = decode_piece(&d, slice_sub(in, 0, cut), all, &len) &&
              decode_piece(&d, slice_sub(in, cut, in.len), all, &len) && transfer_finish(&d);
    const char *want = table[i].want;
    if (ok != (want != NULL) || (ok && !slice_eq(slice_make(all, len), slice_from_cstr(want))))
        fail_msg("\"%s\" cut at %zu: got \"%.*s\", want \"%s\"", table[i].in, cut, ok ? (int)len : 7,
                 ok ? all : "refused", want != NULL ? want : "refused");
}

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        for (size_t cut = 0; cut <= strlen(table[i].in); cut++)
            check(i, cut);
}

static void overlay(char *at, struct slice s) {
    memcpy(at, s.ptr, s.len);
}

static void test_small_room(void **state) {
    (void)state;
    // More than one call's room, both encodings.
    char in[4000], all[4000];
    for (size_t i = 0; i < sizeof(in); i += 4)
        overlay(in + i, SLICE("YWJj"));
    struct transfer_decoder d;
    size_t len = 0;
    transfer_init(&d, TRANSFER_BASE64);
    assert_true(decode_piece(&d, slice_make(in, sizeof(in)), all, &len) && transfer_finish(&d));
    assert_int_equal(len, 3000);
    assert_memory_equal(all + 2997, "abc", 3);

    memset(in, 'x', sizeof(in));
    len = 0;
    transfer_init(&d, TRANSFER_QUOTED_PRINTABLE);
    assert_true(decode_piece(&d, slice_make(in, sizeof(in)), all, &len) && transfer_finish(&d));
    assert_int_equal(len, sizeof(in));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_small_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
