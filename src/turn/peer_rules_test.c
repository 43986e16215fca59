// SPDX-License-Identifier: MIT
// Refused networks at both ends of each range, IPv4 in the clothes of IPv6, and the operator's exceptions.
#include "turn/peer_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct turn_peer peer_of(const char *ip) {
    struct turn_peer p = {.address.port = 5000, .ipv6 = strchr(ip, ':') != NULL};
    assert_true(net_address_parse(slice_from_cstr(ip), &p.address));
    return p;
}

static void by_default(void **state) {
    static const struct {
        const char *ip;
        bool allowed;
    } cases[] = {
        {"1.0.0.0", true},
        {"0.0.0.0", false},
        {"0.255.255.255", false},
        {"9.255.255.255", true},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"11.0.0.0", true},
        {"100.63.255.255", true},
        {"100.64.0.0", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"126.255.255.255", true},
        {"127.0.0.1", false},
        {"127.255.255.255", false},
        {"128.0.0.0", true},
        {"169.253.255.255", true},
        {"169.254.169.254", false},
        {"169.255.0.0", true},
        {"172.15.255.255", true},
        {"172.16.0.0", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"191.255.255.255", true},
        {"192.0.0.0", false},
        {"192.0.0.255", false},
        {"192.0.1.0", true},
        {"192.167.255.255", true},
        {"192.168.0.0", false},
        {"192.168.255.255", false},
        {"192.169.0.0", true},
        {"198.17.255.255", true},
        {"198.18.0.0", false},
        {"198.19.255.255", false},
        {"198.20.0.0", true},
        {"223.255.255.255", true},
        {"224.0.0.1", false},
        {"239.255.255.255", false},
        {"240.0.0.0", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::7f00:1", false}, // IPv4-compatible
        {"::808:808", false},
        {"::ffff:127.0.0.1", false}, // IPv4-mapped
        {"::ffff:10.0.0.1", false},
        {"::ffff:8.8.8.8", false},
        {"0:0:0:0:ffff:0:808:808", false}, // IPv4-translated, RFC 2765
        {"64:ff9b::7f00:1", false},        // NAT64
        {"64:ff9b::a00:1", false},
        {"64:ff9b::a9fe:a9fe", false},
        {"64:ff9b::808:808", true},
        {"64:ff9b:1::808:808", false},
        {"100::", false},
        {"100::ffff:ffff:ffff:ffff", false},
        {"2001::", false}, // Teredo
        {"2001:0:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"2001:1::", false},
        {"2001:1ff:ffff::", false},
        {"2001:200::", true},
        {"2001:2::1", false},
        {"2001:4860:4860::8888", true},
        {"2002:7f00:1::1", false}, // 6to4
        {"2002:a00:1::1", false},
        {"2002:c0a8:101::", false},
        {"2002:808:808::1", true},
        {"2a00::1", true},
        {"3fff:ffff::1", true},
        {"1fff::1", false},
        {"4000::1", false},
        {"fbff:ffff::", false},
        {"fc00::", false},
        {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
        {"fe00::", false},
        {"fe7f::", false},
        {"fe80::1", false},
        {"febf::", false},
        {"fec0::", false},
        {"feff::", false},
        {"ff00::", false},
        {"ff02::1", false},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false},
    };
    struct turn_peer_rules rules;
    assert_true(turn_peer_rules_parse(SLICE_EMPTY, &rules));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct turn_peer peer = peer_of(cases[i].ip);
        if (turn_peer_is_allowed(&rules, &peer) != cases[i].allowed)
            fail_msg("%s: want %d", cases[i].ip, cases[i].allowed);
        assert_false(turn_peer_is_listed(&rules, &peer));
    }
}

static void exceptions(void **state) {
    static const struct {
        const char *list, *ip;
        bool allowed;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "192.168.0.1", false},
        {"10.1.2.3", "10.1.2.3", true},
        {"10.1.2.3", "10.1.2.2", false},
        {"10.1.2.0/31", "10.1.2.1", true},
        {"10.1.2.0/31", "10.1.2.2", false},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"127.0.0.0/8, ::1", "127.0.0.1", true},
        {"127.0.0.0/8, ::1", "::1", true},
        {"127.0.0.0/8, ::1", "::2", false},
        {"127.0.0.0/8, ::1", "::ffff:127.0.0.1", false}, // written as IPv6
        {"fd00::/8", "fd12::1", true},
        {"fd00::/8", "fc12::1", false},
        {"fe80::/10 169.254.0.0/16", "fe80::1", true},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "127.0.0.1", false},
        {"::/0", "::ffff:127.0.0.1", false},
        {"64:ff9b::/96", "64:ff9b::a00:1", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct turn_peer_rules rules;
        assert_true(turn_peer_rules_parse(slice_from_cstr(cases[i].list), &rules));
        struct turn_peer peer = peer_of(cases[i].ip);
        if (turn_peer_is_allowed(&rules, &peer) != cases[i].allowed)
            fail_msg("%s with %s: want %d", cases[i].ip, cases[i].list, cases[i].allowed);
        if (cases[i].allowed)
            assert_true(turn_peer_is_listed(&rules, &peer));
    }
}

static void lists_that_are_none(void **state) {
    static const char *const cases[] = {"x", "10.0.0.0/33", "::/129", "10.0.0.0/8 x", "10.0.0.0/", "/8", "10.0.0/8"};
    struct turn_peer_rules rules = {.count = 7};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (turn_peer_rules_parse(slice_from_cstr(cases[i]), &rules))
            fail_msg("taken: %s", cases[i]);
    assert_int_equal(rules.count, 7); // untouched
}

static void the_longest_list(void **state) {
    char list[TURN_NETWORKS_MAX * 10 + 20] = "";
    size_t len = 0;
    for (size_t i = 0; i <= TURN_NETWORKS_MAX; i++, len += 9)
        memcpy(list + len, "10.0.0.1 ", 10);
    struct turn_peer_rules rules;
    assert_true(turn_peer_rules_parse(slice_make(list, len - 9), &rules));
    assert_int_equal(rules.count, TURN_NETWORKS_MAX);
    assert_false(turn_peer_rules_parse(slice_make(list, len), &rules));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_default),
        cmocka_unit_test(exceptions),
        cmocka_unit_test(lists_that_are_none),
        cmocka_unit_test(the_longest_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
