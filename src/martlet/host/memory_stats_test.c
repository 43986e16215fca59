// SPDX-License-Identifier: MIT
#include "martlet/host/memory_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void cgroup_lines(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool found, is_v2;
        const char *path;
    } rows[] = {
        {"0::/system.slice/martlet.service\n", true, true, "/system.slice/martlet.service"},
        {"0::/\n", true, true, "/"},
        {"0::/no/newline", true, true, "/no/newline"},
        {"5:devices:/\n4:memory:/a\n0::/b\n", true, false, "/a"},
        {"0::/b\n4:cpu,memory,pids:/a\n", true, false, "/a"},
        {"4:memory,cpu:/a:b\n", true, false, "/a:b"},
        {"9:name=systemd:/\n3:memoryless:/x\n", false, false, ""},
        {"", false, false, ""},
        {"no colons\n\n:\n", false, false, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool is_v2 = false;
        struct slice path = SLICE_EMPTY;
        bool found = memory_parse_cgroup(slice_from_cstr(rows[i].text), &is_v2, &path);
        if (found != rows[i].found || is_v2 != rows[i].is_v2 || !slice_eq(path, slice_from_cstr(rows[i].path)))
            fail_msg("%s: got %d %d %.*s", rows[i].text, found, is_v2, SLICE_FMT(path));
    }
}

static void version_2_counts_what_stays(void **state) {
    (void)state;
    static const char text[] = "anon 1000\nfile 5000000\nkernel 900\nkernel_stack 20\npagetables 30\nsock 400\n"
                               "shmem 5\nslab_reclaimable 700\nslab_unreclaimable 60\nanon_thp 7\n";
    assert_int_equal(memory_parse_stat_v2(slice_from_cstr(text)), 1000 + 20 + 30 + 400 + 5 + 60);
    assert_int_equal(memory_parse_stat_v2(SLICE("anon\nsock x\n\n")), 0);
}

static void version_1_counts_files_below(void **state) {
    (void)state;
    uint64_t files, limit;
    memory_parse_stat_v1(SLICE("cache 9\nrss 8\nhierarchical_memory_limit 4096\ntotal_inactive_file 100\ntotal_rss 7\n"
                               "total_active_file 5"),
                         &files, &limit);
    assert_int_equal(files, 105);
    assert_int_equal(limit, 4096);
    memory_parse_stat_v1(SLICE_EMPTY, &files, &limit);
    assert_int_equal(files, 0);
    assert_true(limit == UINT64_MAX);
}

static void limits(void **state) {
    (void)state;
    assert_int_equal(memory_parse_limit(SLICE("123456\n")), 123456);
    assert_true(memory_parse_limit(SLICE("max\n")) == UINT64_MAX);
    assert_true(memory_parse_limit(SLICE_EMPTY) == UINT64_MAX);
}

static void pages_of_statm(void **state) {
    (void)state;
    struct memory_statm m;
    assert_true(memory_parse_statm(SLICE("100 50 20 7 0 30 0\n"), 4096, &m));
    assert_int_equal(m.size, 100 * 4096);
    assert_int_equal(m.resident, 50 * 4096);
    assert_int_equal(m.shared, 20 * 4096);
    assert_int_equal(m.data, 30 * 4096);
    assert_false(memory_parse_statm(SLICE("100 50 20"), 4096, &m));
    assert_false(memory_parse_statm(SLICE_EMPTY, 4096, &m));
}

// Of this very process.
static void the_closest_limit(void **state) {
    (void)state;
    struct memory_reading r;
    memory_stats_open();
    memory_stats_read(0, &r);
    assert_true(r.taken > 0 && r.limit > r.taken);
    memory_stats_read(r.taken / 1000 + 1, &r); // far below what this takes
    assert_string_equal(r.of, "max_memory");
    assert_true(r.taken > r.limit);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroup_lines),
        cmocka_unit_test(version_2_counts_what_stays),
        cmocka_unit_test(version_1_counts_files_below),
        cmocka_unit_test(limits),
        cmocka_unit_test(pages_of_statm),
        cmocka_unit_test(the_closest_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
