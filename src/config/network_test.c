// SPDX-License-Identifier: MIT
#include "config/network.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// All networks of the list as "address/prefix ", and "|" before what is left.
static void write_all(const char *text, char *ret, size_t size) {
    struct slice rest = slice_from_cstr(text);
    struct config_network one;
    size_t len = 0;
    ret[0] = '\0';
    while (config_network_next(&rest, &one)) {
        char address[INET6_ADDRSTRLEN];
        assert_non_null(inet_ntop(one.is_ipv6 ? AF_INET6 : AF_INET, one.address, address, sizeof(address)));
        len += (size_t)snprintf(ret + len, size - len, "%s/%u ", address, one.prefix);
    }
    if (slice_trim(rest).len > 0)
        (void)snprintf(ret + len, size - len, "|%.*s", SLICE_FMT(rest));
}

static void networks(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"10.0.0.0/8", "10.0.0.0/8 "},
        {"10.1.2.3/8, fd00::1/7\t192.0.2.1 ,", "10.0.0.0/8 fc00::/7 192.0.2.1/32 | ,"},
        {"2001:db8::ffff/127 ::/0 0.0.0.0/0", "2001:db8::fffe/127 ::/0 0.0.0.0/0 "},
        {"203.0.113.255/25", "203.0.113.128/25 "},
        {"2001:db8::1", "2001:db8::1/128 "},
        {"10.0.0.0/33", "|10.0.0.0/33"},
        {"::1/129", "|::1/129"},
        {"10.0.0.0/", "|10.0.0.0/"},
        {"10.0.0.0/-1", "|10.0.0.0/-1"},
        {"10.0.0.0/255.0.0.0", "|10.0.0.0/255.0.0.0"},
        {"10.0.0", "|10.0.0"},
        {"192.0.2.1 home 192.0.2.2", "192.0.2.1/32 | home 192.0.2.2"},
        {"[::1]", "|[::1]"},
        {"1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8", "|1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8:1:2:3:4:5:6:7:8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char got[512];
        write_all(cases[i].text, got, sizeof(got));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("\"%s\": got %s, want %s", cases[i].text, got, cases[i].want);
    }
    struct slice rest = SLICE("10.0.0.1\0");
    struct config_network one;
    assert_false(config_network_next(&rest, &one));
}

static void ports(void **state) {
    static const struct {
        const char *text;
        uint16_t first, last; // 0: refused
    } cases[] = {
        {"49152-65535", 49152, 65535},
        {"50000 - 50100", 50000, 50100},
        {"4000", 4000, 4000},
        {"1-1", 1, 1},
        {"", 0, 0},
        {"-", 0, 0},
        {"1-", 0, 0},
        {"-1", 0, 0},
        {"2-1", 0, 0},
        {"0-1", 0, 0},
        {"1-65536", 0, 0},
        {"1-2-3", 0, 0},
        {"a-b", 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint16_t first = 0, last = 0;
        bool ok = config_ports_parse(slice_from_cstr(cases[i].text), &first, &last);
        if (ok != (cases[i].first != 0) || first != cases[i].first || last != cases[i].last)
            fail_msg("\"%s\": got %d %u-%u", cases[i].text, ok, first, last);
    }
}

static void endpoints(void **state) {
    static const struct {
        const char *text, *want; // "": refused
        bool is_private;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1 3903", true},
        {"127.255.0.1:9100", "127.255.0.1 9100", true},
        {"::1", "::1 3903", true},
        {"[::1]:80", "::1 80", true},
        {"[fd00::2]", "fd00::2 3903", true},
        {"10.1.2.3:1", "10.1.2.3 1", true},
        {"172.16.0.1", "172.16.0.1 3903", true},
        {"172.32.0.1", "172.32.0.1 3903", false},
        {"192.168.9.9", "192.168.9.9 3903", true},
        {"100.64.0.1", "100.64.0.1 3903", true},
        {"100.128.0.1", "100.128.0.1 3903", false},
        {"0.0.0.0", "0.0.0.0 3903", false},
        {"::", ":: 3903", false},
        {"192.0.2.1", "192.0.2.1 3903", false},
        {"2001:db8::1", "2001:db8::1 3903", false},
        {"::ffff:127.0.0.1", "::ffff:127.0.0.1 3903", false},
        {"127.0.0.1:", "", false},
        {"127.0.0.1:0", "", false},
        {"127.0.0.1:65536", "", false},
        {"127.0.0.1:80:80", "", false},
        {"[127.0.0.1]", "", false},
        {"[127.0.0.1]:80", "", false},
        {"[::1", "", false},
        {"[::1]80", "", false},
        {"[::1]:", "", false},
        {"localhost:3903", "", false},
        {"3903", "", false},
        {":3903", "", false},
        {"127.0.0.1/8", "", false},
        {"", "", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config_endpoint e;
        char got[80] = "", address[INET6_ADDRSTRLEN];
        bool ok = config_endpoint_parse(slice_from_cstr(cases[i].text), 3903, &e);
        if (ok)
            (void)snprintf(got, sizeof(got), "%s %u",
                           inet_ntop(e.is_ipv6 ? AF_INET6 : AF_INET, e.address, address, sizeof(address)), e.port);
        if (strcmp(got, cases[i].want) != 0 || (ok && config_endpoint_is_private(&e) != cases[i].is_private))
            fail_msg("\"%s\": got \"%s\", want \"%s\", private %d", cases[i].text, got, cases[i].want,
                     cases[i].is_private);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),
        cmocka_unit_test(ports),
        cmocka_unit_test(endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
