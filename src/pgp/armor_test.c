// SPDX-License-Identifier: MIT
// The armor decoder: every accepted form, each small deviation, and the same however the stream is cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pgp/armor.h"
#include "pgp/sample.h"

static bool decode_cut(struct slice in, bool skip_version, size_t cut) {
    struct armor_decoder a = {.skip_version = skip_version};
    bool fed = armor_feed(&a, slice_sub(in, 0, cut)) && armor_feed(&a, slice_sub(in, cut, in.len));
    return fed && armor_finish(&a);
}

static void check(const char *label, struct slice in, bool skip_version, bool want) {
    size_t step = in.len / 128 + 1;
    for (size_t cut = 0; cut <= in.len; cut += step)
        if (decode_cut(in, skip_version, cut) != want)
            fail_msg("%s, skip_version %d, cut at %zu: got %d, want %d", label, skip_version, cut, !want, want);
    struct armor_decoder a = {.skip_version = skip_version};
    bool fed = true;
    for (size_t at = 0; at < in.len; at++)
        fed = armor_feed(&a, slice_sub(in, at, at + 1));
    if ((fed && armor_finish(&a)) != want)
        fail_msg("%s, skip_version %d, octet by octet: got %d, want %d", label, skip_version, !want, want);
}

#define BEGIN "-----BEGIN PGP MESSAGE-----\r\n"
#define END "-----END PGP MESSAGE-----"
// PKESK and SEIPD in 12 octets; SEIPD in 7, 6 and 5 octets, the last two with padding or without need of it.
#define FULL "wQMDYWLSBQFiY2Rl"
#define PAD2 "0gUBYmNkZQ=="
#define PAD0 "0gQBYmNk"
#define PAD1 "0gMBYmM="
#define R10(s) s s s s s s s s s s
#define LONG200 R10(R10("x") R10("x"))

static const struct {
    const char *label, *text;
    bool submitted, inbound; // accepted without and with skip_version
} table[] = {
    {"usual", BEGIN "\r\n" FULL "\r\n=abCD\r\n" END "\r\n", true, true},
    {"no checksum", BEGIN "\r\n" FULL "\r\n" END "\r\n", true, true},
    {"no final line end", BEGIN "\r\n" FULL "\r\n" END, true, true},
    {"many final line ends", BEGIN "\r\n" FULL "\r\n" END "\r\n\r\n\r\n", true, true},
    {"no blank line", BEGIN FULL "\r\n" END, true, true},
    {"many blank lines", BEGIN "\r\n\r\n\r\n" FULL "\r\n" END, true, true},
    {"padding of two, checksum", BEGIN "\r\n" PAD2 "\r\n=abCD\r\n" END, true, true},
    {"padding of two, no checksum", BEGIN "\r\n" PAD2 "\r\n" END, true, true},
    {"padding of one, checksum", BEGIN "\r\n" PAD1 "\r\n=abCD\r\n" END, true, true},
    {"padding of one, no checksum", BEGIN "\r\n" PAD1 "\r\n" END, true, true},
    {"no padding, checksum", BEGIN "\r\n" PAD0 "\r\n=abCD\r\n" END, true, true},
    {"checksum with + and /", BEGIN "\r\n" PAD0 "\r\n=+/+/\r\n" END, true, true},
    {"lines of all lengths", BEGIN "\r\nw\r\nQM\r\nDYW\r\nLSBQ\r\nFiY2R\r\nl\r\n" END, true, true},
    {"line end before the padding", BEGIN "\r\n0gMBYmM\r\n=\r\n=abCD\r\n" END, true, true},
    {"line end within the padding", BEGIN "\r\n0gUBYmNkZQ=\r\n=\r\n" END, true, true},
    {"blank line behind the data", BEGIN "\r\n" FULL "\r\n\r\n=abCD\r\n\r\n" END, true, true},
    {"version", BEGIN "Version: Sample 1.0 (x)\r\n\r\n" FULL "\r\n" END, false, true},
    {"version, no blank line", BEGIN "Version: Sample\r\n" FULL "\r\n" END, false, true},
    {"empty version", BEGIN "Version: \r\n\r\n" FULL "\r\n" END, false, true},
    {"version of 200 octets", BEGIN "Version: " LONG200 "\r\n\r\n" FULL "\r\n" END, false, true},
    {"version of 201 octets", BEGIN "Version: " LONG200 "x\r\n\r\n" FULL "\r\n" END, false, false},
    {"version not ASCII", BEGIN "Version: \xC3\xA4\r\n\r\n" FULL "\r\n" END, false, false},
    {"version without blank", BEGIN "Version:x\r\n\r\n" FULL "\r\n" END, false, false},
    {"version in small letters", BEGIN "version: x\r\n\r\n" FULL "\r\n" END, false, false},
    {"version with LF", BEGIN "Version: x\n\r\n" FULL "\r\n" END, false, false},
    {"version with bare CR", BEGIN "Version: x\r" FULL "\r\n" END, false, false},
    {"version without end", BEGIN "Version: x", false, false},
    {"two versions", BEGIN "Version: x\r\nVersion: y\r\n\r\n" FULL "\r\n" END, false, false},
    {"version behind a blank line", BEGIN "\r\nVersion: x\r\n\r\n" FULL "\r\n" END, false, false},
    {"comment", BEGIN "Comment: x\r\n\r\n" FULL "\r\n" END, false, false},
    {"version and comment", BEGIN "Version: x\r\nComment: y\r\n\r\n" FULL "\r\n" END, false, false},
    {"data like a version", BEGIN "Version\r\n" FULL "\r\n" END, false, false},
    {"empty", "", false, false},
    {"no data", BEGIN "\r\n" END, false, false},
    {"begin line alone", BEGIN, false, false},
    {"no end line", BEGIN "\r\n" FULL "\r\n", false, false},
    {"end line cut", BEGIN "\r\n" FULL "\r\n-----END PGP MESSAGE----", false, false},
    {"end line of another kind", BEGIN "\r\n" FULL "\r\n-----END PGP SIGNATURE-----", false, false},
    {"begin line of another kind", "-----BEGIN PGP SIGNED MESSAGE-----\r\n\r\n" FULL "\r\n" END, false, false},
    {"begin line with blanks", "-----BEGIN PGP MESSAGE----- \r\n\r\n" FULL "\r\n" END, false, false},
    {"text first", "hello\r\n" BEGIN "\r\n" FULL "\r\n" END, false, false},
    {"blank line first", "\r\n" BEGIN "\r\n" FULL "\r\n" END, false, false},
    {"text last", BEGIN "\r\n" FULL "\r\n" END "\r\nhello\r\n", false, false},
    {"blank behind the end line", BEGIN "\r\n" FULL "\r\n" END " \r\n", false, false},
    {"text behind the end line", BEGIN "\r\n" FULL "\r\n" END "x", false, false},
    {"text behind a final CR", BEGIN "\r\n" FULL "\r\n" END "\rx", false, false},
    {"final CR alone", BEGIN "\r\n" FULL "\r\n" END "\r", false, false},
    {"end line behind data", BEGIN "\r\n" FULL END, false, false},
    {"blank line of blanks", BEGIN " \r\n" FULL "\r\n" END, false, false},
    {"blank in the data", BEGIN "\r\nwQMD YWLSBQFiY2Rl\r\n" END, false, false},
    {"dash in the data", BEGIN "\r\nwQMD-YWLSBQFiY2Rl\r\n" END, false, false},
    {"8-bit in the data", BEGIN "\r\nwQMD\xFFYWLSBQFiY2Rl\r\n" END, false, false},
    {"LF lines", "-----BEGIN PGP MESSAGE-----\n\n" FULL "\n" END "\n", false, false},
    {"bare LF in the data", BEGIN "\r\nwQMDYWLS\nBQFiY2Rl\r\n" END, false, false},
    {"bare CR in the data", BEGIN "\r\nwQMDYWLS\rBQFiY2Rl\r\n" END, false, false},
    {"CR CR LF", BEGIN "\r\nwQMDYWLS\r\r\nBQFiY2Rl\r\n" END, false, false},
    {"padding missing", BEGIN "\r\n0gUBYmNkZQ\r\n" END, false, false},
    {"padding half missing", BEGIN "\r\n0gUBYmNkZQ=\r\n" END, false, false},
    {"padding missing, checksum", BEGIN "\r\n0gUBYmNkZQ\r\n=abCD\r\n" END, false, false},
    {"padding too long", BEGIN "\r\n" PAD1 "=\r\n" END, false, false},
    {"padding without need", BEGIN "\r\n" PAD0 "=\r\n" END, false, false},
    {"padding bits not zero", BEGIN "\r\n0gUBYmNkZR==\r\n" END, false, false},
    {"one character too many", BEGIN "\r\n" PAD0 "A\r\n" END, false, false},
    {"data behind the padding", BEGIN "\r\n" PAD2 "\r\nAAAA\r\n" END, false, false},
    {"data behind the padding in its line", BEGIN "\r\n" PAD2 "AAAA\r\n" END, false, false},
    {"data behind the checksum", BEGIN "\r\nwQMDYWLS\r\n=abCD\r\nBQFiY2Rl\r\n" END, false, false},
    {"two checksums", BEGIN "\r\n" FULL "\r\n=abCD\r\n=abCD\r\n" END, false, false},
    {"checksum in the data line", BEGIN "\r\n" FULL "=abCD\r\n" END, false, false},
    {"checksum too short", BEGIN "\r\n" FULL "\r\n=abC\r\n" END, false, false},
    {"checksum too long", BEGIN "\r\n" FULL "\r\n=abCDE\r\n" END, false, false},
    {"checksum of other characters", BEGIN "\r\n" FULL "\r\n=ab-D\r\n" END, false, false},
    {"checksum without line end", BEGIN "\r\n" FULL "\r\n=abCD" END, false, false},
    {"checksum with LF", BEGIN "\r\n" FULL "\r\n=abCD\n" END, false, false},
    {"two messages", BEGIN "\r\n" FULL "\r\n" END "\r\n" BEGIN "\r\n" FULL "\r\n" END, false, false},
    {"literal packet", BEGIN "\r\nywdiAAAAAABo\r\n" END, false, false},
    {"text in base64", BEGIN "\r\nSGVsbG8h\r\n" END, false, false},
    {"SEIPD cut short", BEGIN "\r\n0gUBYmNk\r\n" END, false, false},
    {"octet behind SEIPD", BEGIN "\r\n0gUBYmNkZQA=\r\n" END, false, false},
};

static void test_table(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        check(table[i].label, slice_from_cstr(table[i].text), false, table[i].submitted);
        check(table[i].label, slice_from_cstr(table[i].text), true, table[i].inbound);
    }
}

// All 256 octet values, all remainders of three, many line lengths and sizes around the decoder's block.
static void test_samples(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 3, 4, 60, 255, 256, 3071, 3072, 3073, 20000, 20001};
    static const size_t line_lens[] = {1, 3, 4, 7, 60, 64, 76, 1000, 100000};
    struct buf packets, text;
    buf_init(&packets, 1 << 20);
    buf_init(&text, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (size_t j = 0; j < ARRAY_LEN(line_lens); j++) {
            sample_packet(&packets, SAMPLE_PKESK, SAMPLE_NEW_SHORTEST, 94);
            sample_packet(&packets, SAMPLE_SEIPD, j % 2 == 0 ? SAMPLE_NEW_SHORTEST : SAMPLE_NEW_PARTIAL, sizes[i]);
            struct sample_armor how = {.checksum = j % 3 == 0, .line_len = line_lens[j]};
            sample_armor(&text, buf_slice(&packets), &how);
            check("sample", buf_slice(&text), false, true);
            buf_truncate(&packets, 0);
            buf_truncate(&text, 0);
        }
    }
}

// The decoded octets are what the packet walk sees: a length octet at each place counts.
static void test_exact(void **state) {
    (void)state;
    struct buf packets, text;
    buf_init(&packets, 1 << 20);
    buf_init(&text, 1 << 20);
    for (size_t i = 1; i < 192; i++) {
        sample_packet(&packets, SAMPLE_SEIPD, SAMPLE_NEW_SHORTEST, i);
        packets.mem[packets.start + 1]++;
        sample_armor(&text, buf_slice(&packets), &(struct sample_armor){.checksum = true});
        assert_false(decode_cut(buf_slice(&text), false, 50));
        buf_truncate(&packets, 0);
        buf_truncate(&text, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
