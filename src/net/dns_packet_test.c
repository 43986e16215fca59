// SPDX-License-Identifier: MIT
#include "net/dns_packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

// The question "a.b MX" and its header: flags, number of answers. The name stands at offset 12.
#define HEAD(flags, n) "\0\0" flags "\0\1\0" n "\0\0\0\0\1a\1b\0\0\x0f\0\1"
#define OK "\x81\x80"
#define NXDOMAIN "\x81\x83"
#define MX "\0\x0f\0\1\0\0\1\0"    // type, class, TTL 256
#define CNAME "\0\5\0\1\0\0\0\x10" // TTL 16
#define QNAME "\xc0\x0c"

static const char *render(const struct dns_answer *a) {
    static const char *const status[] = {"OK", "NODATA", "NXDOMAIN", "FAILED", "BOGUS"};
    static char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s %u %s", status[a->status], a->ttl, a->name);
    for (size_t i = 0; i < a->n_records; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, " ");
        for (size_t j = 0; j < a->records[i].len; j++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%02x", (unsigned char)a->records[i].ptr[j]);
    }
    return text;
}

#define PACKET(lit)                                                                                                    \
    { lit, sizeof(lit) - 1 }

static void packets(void **state) {
    static const struct {
        const char *label;
        struct slice packet;
        const char *want;
    } cases[] = {
        {"one record, compressed", PACKET(HEAD(OK, "\1") QNAME MX "\0\7\0\x0a\1m\xc0\x0c"),
         "FAILED 0 a.b"}, // its length says one octet more than there is
        {"one record", PACKET(HEAD(OK, "\1") QNAME MX "\0\6\0\x0a\1m\xc0\x0c"), "OK 256 a.b 000a016d0161016200"},
        {"name in other case", PACKET(HEAD(OK, "\1") "\1A\1B\0" MX "\0\4\0\x0a\1m"), "FAILED 0 a.b"},
        {"no record", PACKET(HEAD(OK, "\0")), "NODATA 0 a.b"},
        {"no such name", PACKET(HEAD(NXDOMAIN, "\0")), "NXDOMAIN 0 a.b"},
        {"refused", PACKET(HEAD("\x81\x85", "\0")), "FAILED 0 a.b"},
        {"truncated", PACKET(HEAD("\x83\x80", "\0")), "FAILED 0 a.b"},
        {"a question", PACKET(HEAD("\x01\x00", "\0")), "FAILED 0 a.b"},
        {"fewer records than it says", PACKET(HEAD(OK, "\2") QNAME MX "\0\3\0\1\0"), "FAILED 0 a.b"},
        {"two records", PACKET(HEAD(OK, "\2") QNAME MX "\0\3\0\1\0" QNAME MX "\0\3\0\2\0"), "OK 256 a.b 000100 000200"},
        {"of another name", PACKET(HEAD(OK, "\1") "\1x\0" MX "\0\3\0\1\0"), "NODATA 0 a.b"},
        {"of another type", PACKET(HEAD(OK, "\1") QNAME "\0\x10\0\1\0\0\0\0\0\1\0"), "NODATA 0 a.b"},
        {"of another class", PACKET(HEAD(OK, "\1") QNAME "\0\x0f\0\3\0\0\0\0\0\3\0\1\0"), "NODATA 0 a.b"},
        {"alias", PACKET(HEAD(OK, "\2") QNAME CNAME "\0\3\1c\0\1c\0" MX "\0\3\0\1\0"), "OK 16 c 000100"},
        {"alias behind its target", PACKET(HEAD(OK, "\2") "\1c\0" MX "\0\3\0\1\0" QNAME CNAME "\0\3\1c\0"),
         "OK 16 c 000100"},
        {"alias to nothing", PACKET(HEAD(NXDOMAIN, "\1") QNAME CNAME "\0\3\1c\0"), "NXDOMAIN 0 c"},
        {"alias of itself", PACKET(HEAD(OK, "\1") QNAME CNAME "\0\2" QNAME), "FAILED 0 a.b"},
        {"aliases in a circle", PACKET(HEAD(OK, "\2") QNAME CNAME "\0\3\1c\0\1c\0" CNAME "\0\2" QNAME), "FAILED 0 a.b"},
        {"alias that points beyond", PACKET(HEAD(OK, "\1") QNAME CNAME "\0\2\xff\xff"), "FAILED 0 a.b"},
        {"alias that is longer than its record", PACKET(HEAD(OK, "\1") QNAME CNAME "\0\1\1c\0"), "FAILED 0 a.b"},
        {"name that points at itself", PACKET(HEAD(OK, "\1") "\xc0\x15" MX "\0\3\0\1\0"), "FAILED 0 a.b"},
        {"name that points forward", PACKET(HEAD(OK, "\1") "\xc0\x17" MX "\0\3\0\1\0"), "FAILED 0 a.b"},
        {"exchanger without a name", PACKET(HEAD(OK, "\1") QNAME MX "\0\1\0"), "FAILED 0 a.b"},
        {"length beyond the end", PACKET(HEAD(OK, "\1") QNAME MX "\xff\xff\0\1\0"), "FAILED 0 a.b"},
        {"another question", PACKET("\0\0" OK "\0\1\0\0\0\0\0\0\1a\1c\0\0\x0f\0\1"), "FAILED 0 a.b"},
        {"another type asked", PACKET("\0\0" OK "\0\1\0\0\0\0\0\0\1a\1b\0\0\x10\0\1"), "FAILED 0 a.b"},
        {"no question", PACKET("\0\0" OK "\0\0\0\0\0\0\0\0"), "FAILED 0 a.b"},
        {"short", PACKET("\0\0" OK), "FAILED 0 a.b"},
        {"empty", {"", 0}, "FAILED 0 a.b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_answer *a = dns_packet_read(cases[i].packet, SLICE("A.b"), DNS_TYPE_MX);
        if (strcmp(render(a), cases[i].want) != 0)
            fail_msg("%s: got %s want %s", cases[i].label, render(a), cases[i].want);
        free(a);
    }
}

static void every_beginning_of_a_packet(void **state) {
    static const char whole[] = HEAD(OK, "\3") QNAME CNAME "\0\3\1c\0\1c\0" MX "\0\6\0\x0a\1m\xc0\x0c"
                                                           "\1c\0" MX "\0\3\0\0\0";
    for (size_t len = 0; len < sizeof(whole); len++) {
        char *copy = malloc(len + 1); // so that a sanitizer sees what is read beyond
        memcpy(copy, whole, len);
        struct dns_answer *a = dns_packet_read(slice_make(copy, len), SLICE("a.b"), DNS_TYPE_MX);
        assert_int_equal(a->status, len == sizeof(whole) - 1 ? DNS_OK : DNS_FAILED);
        free(a);
        free(copy);
    }
}

static void many_records(void **state) {
    struct buf b;
    buf_init(&b, 65536);
    assert_true(buf_append(&b, HEAD(OK, "\0"), sizeof(HEAD(OK, "\0")) - 1));
    size_t n = 0;
    for (; buf_slice(&b).len + 15 < 65536; n++)
        assert_true(buf_append(&b, QNAME MX "\0\3\0\1\0", 15));
    char *head = b.mem + b.start;
    head[6] = (char)(n >> 8);
    head[7] = (char)n;
    struct dns_answer *a = dns_packet_read(buf_slice(&b), SLICE("a.b"), DNS_TYPE_MX);
    assert_int_equal(a->status, DNS_OK);
    assert_int_equal(a->n_records, DNS_RECORDS_MAX);
    free(a);
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets),
        cmocka_unit_test(every_beginning_of_a_packet),
        cmocka_unit_test(many_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
