// SPDX-License-Identifier: MIT
// The packet walk: every length form, what is refused, and the same however the stream is cut.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pgp/packet.h"
#include "pgp/sample.h"

static bool walk_cut(struct slice in, size_t cut) {
    struct packet_walk p = {0};
    bool fed = packet_feed(&p, slice_sub(in, 0, cut)) && packet_feed(&p, slice_sub(in, cut, in.len));
    return fed && packet_finish(&p);
}

// Whole, in two at every place octet by octet, and with one octet less or more.
static void check(const char *label, struct slice in, bool want) {
    size_t step = in.len / 1024 + 1;
    for (size_t cut = 0; cut <= in.len; cut += step)
        if (walk_cut(in, cut) != want)
            fail_msg("%s, cut at %zu: got %d, want %d", label, cut, !want, want);
    struct packet_walk p = {0};
    bool fed = true;
    for (size_t at = 0; at < in.len; at++)
        fed = packet_feed(&p, slice_sub(in, at, at + 1));
    if ((fed && packet_finish(&p)) != want)
        fail_msg("%s, octet by octet: got %d, want %d", label, !want, want);
    if (!want || in.len > 20000)
        return;
    for (size_t len = 0; len < in.len; len++)
        if (walk_cut(slice_sub(in, 0, len), len / 2))
            fail_msg("%s, truncated to %zu: accepted", label, len);
    struct buf longer;
    buf_init(&longer, in.len + 1);
    assert_true(buf_append_slice(&longer, in) && buf_append(&longer, "\xC1", 1));
    assert_false(walk_cut(buf_slice(&longer), in.len));
    buf_done(&longer);
}

static void test_octets(void **state) {
    (void)state;
    static const struct {
        const char *label;
        struct slice in;
        bool want;
    } table[] = {
        {"nothing", {"", 0}, false},
        {"SEIPD", {"\xD2\x02\x01x", 4}, true},
        {"PKESK, SEIPD", {"\xC1\x01x\xD2\x01x", 6}, true},
        {"PKESK, SKESK, PKESK, SEIPD", {"\xC1\x01x\xC3\x01x\xC1\x01x\xD2\x01x", 12}, true},
        {"old PKESK, SEIPD", {"\x84\x01x\xD2\x01x", 6}, true},
        {"old SKESK of two octets of length, SEIPD", {"\x8D\x00\x01x\xD2\x01x", 7}, true},
        {"old PKESK of four octets of length, SEIPD", {"\x86\x00\x00\x00\x01x\xD2\x01x", 9}, true},
        {"two-octet length, shortest", {"\xC1\x01x\xD2\xFF\x00\x00\x00\x01x", 10}, true},
        {"partial of one octet, then nothing", {"\xD2\xE0x\x00", 4}, true},
        {"partial of one octet, then one", {"\xD2\xE0x\x01x", 5}, true},
        {"PKESK alone", {"\xC1\x01x", 3}, false},
        {"old PKESK until the end", {"\x87\x01x\xD2\x01x", 6}, false},
        {"two SEIPD", {"\xD2\x01x\xD2\x01x", 6}, false},
        {"PKESK behind SEIPD", {"\xD2\x01x\xC1\x01x", 6}, false},
        {"SEIPD without body", {"\xD2\x00", 2}, false},
        {"SEIPD without body, five octets of length", {"\xD2\xFF\x00\x00\x00\x00", 6}, false},
        {"PKESK without body", {"\xC1\x00\xD2\x01x", 5}, false},
        {"literal",
         {"\xCB\x07"
          "b\x00\x00\x00\x00\x00x",
          9},
         false},
        {"PKESK, literal",
         {"\xC1\x01x\xCB\x07"
          "b\x00\x00\x00\x00\x00x",
          12},
         false},
        {"old literal",
         {"\xAC\x07"
          "b\x00\x00\x00\x00\x00x",
          9},
         false},
        {"compressed", {"\xC8\x01x", 3}, false},
        {"symmetrically encrypted without integrity", {"\xC1\x01x\xC9\x01x", 6}, false},
        {"AEAD of old drafts", {"\xD4\x01x", 3}, false},
        {"marker first", {"\xCA\x03PGP\xD2\x01x", 8}, false},
        {"padding first", {"\xD5\x01x\xD2\x01x", 6}, false},
        {"no packet", {"hello", 5}, false},
        {"longer than it says", {"\xD2\x01xx", 4}, false},
        {"a length of 4 GiB", {"\xD2\xFF\xFF\xFF\xFF\xFFx", 7}, false},
        {"a partial chunk of 1 GiB", {"\xD2\xFEx", 3}, false},
        {"partial without an end", {"\xD2\xE0x", 3}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        check(table[i].label, table[i].in, table[i].want);
}

static void test_forms(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 191, 192, 193, 511, 512, 513, 1024, 8383, 8384, 70000};
    static const enum sample_form key_forms[] = {SAMPLE_NEW_SHORTEST, SAMPLE_NEW_FIVE, SAMPLE_NEW_PARTIAL,
                                                 SAMPLE_OLD_TWO, SAMPLE_OLD_FOUR};
    struct buf b;
    buf_init(&b, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (enum sample_form form = SAMPLE_NEW_SHORTEST; form <= SAMPLE_NEW_PARTIAL; form++) {
            char label[64];
            (void)snprintf(label, sizeof(label), "SEIPD of %zu octets, form %d", sizes[i], (int)form);
            sample_packet(&b, SAMPLE_SKESK, key_forms[i % ARRAY_LEN(key_forms)], 300);
            sample_packet(&b, SAMPLE_SEIPD, form, sizes[i]);
            check(label, buf_slice(&b), true);
            buf_truncate(&b, 0);
        }
    }
    buf_done(&b);
}

// The largest chunk, 1 GiB, without 1 GiB of memory.
static void test_largest_chunk(void **state) {
    (void)state;
    static char filler[1 << 20];
    struct packet_walk p = {0};
    assert_true(packet_feed(&p, SLICE("\xD2\xFE")));
    for (int i = 0; i < 1024; i++)
        assert_true(packet_feed(&p, slice_make(filler, sizeof(filler))));
    assert_false(packet_finish(&p));
    assert_true(packet_feed(&p, SLICE("\x02yy")));
    assert_true(packet_finish(&p));
    assert_false(packet_feed(&p, SLICE("y")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_largest_chunk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
