// SPDX-License-Identifier: MIT
#include "martlet/host/disk_reserve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

enum { MIB = 1024 * 1024 };

static char dir[64], path[128];

static int setup(void **state) {
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/martlet-reserve-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 1;
    (void)snprintf(path, sizeof(path), "%s/reserve", dir);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    (void)unlink(path);
    return rmdir(dir);
}

static void assert_holds(long long octets) {
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, octets);
    assert_true(octets == 0 || st.st_blocks > 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void it_is_filled_emptied_and_filled_again(void **state) {
    (void)state;
    struct disk_reserve r;
    disk_reserve_open(&r, dir, 64 * MIB);
    assert_holds(0);
    disk_reserve_update(&r, DISK_HAS_ROOM, 4 * MIB); // no more than what it would take twice
    assert_holds(0);
    disk_reserve_update(&r, DISK_HAS_ROOM, 10 * MIB);
    assert_holds(2 * MIB);
    disk_reserve_update(&r, DISK_IS_SHORT, 3 * MIB); // not yet
    assert_holds(2 * MIB);
    disk_reserve_update(&r, DISK_HAS_ROOM, 0); // mail is still taken: nobody's emergency
    assert_holds(2 * MIB);
    disk_reserve_update(&r, DISK_IS_SHORT, 2 * MIB - 1);
    assert_holds(0);
    disk_reserve_update(&r, DISK_IS_SHORT, 10 * MIB); // not before mail is taken again
    assert_holds(0);
    disk_reserve_update(&r, DISK_HAS_ROOM, 10 * MIB);
    assert_holds(2 * MIB);
    disk_reserve_close(&r);
    disk_reserve_update(&r, DISK_IS_SHORT, 0); // closed: nothing happens
    assert_holds(2 * MIB);
}

// A file system that compresses, as ZFS does by itself, gives no space to what is the same all over.
static void it_cannot_be_compressed(void **state) {
    (void)state;
    struct disk_reserve r;
    static uint8_t data[2 * MIB], packed[4 * MIB];
    uLongf len = sizeof(packed);
    disk_reserve_open(&r, dir, 64 * MIB);
    disk_reserve_update(&r, DISK_HAS_ROOM, 10 * MIB);
    assert_int_equal(pread(r.fd, data, sizeof(data), 0), sizeof(data));
    assert_int_equal(compress2(packed, &len, data, sizeof(data), 1), Z_OK);
    assert_in_range(len, sizeof(data) / 5 * 4, sizeof(packed));
    for (size_t i = 0; i < sizeof(data); i++) // nothing that could be taken for text
        assert_true(data[i] >= 0x80);
    disk_reserve_close(&r);
}

static void it_is_taken_over(void **state) {
    (void)state;
    struct disk_reserve r;
    disk_reserve_open(&r, dir, UINT64_MAX);
    assert_int_equal(r.want, 4 * MIB); // never more
    disk_reserve_update(&r, DISK_HAS_ROOM, 100 * MIB);
    disk_reserve_close(&r);
    disk_reserve_open(&r, dir, UINT64_MAX);
    assert_true(r.is_held);
    disk_reserve_update(&r, DISK_IS_SHORT, 0);
    assert_holds(0);
    disk_reserve_close(&r);
}

static void where_nothing_can_be_made(void **state) {
    (void)state;
    struct disk_reserve r;
    disk_reserve_open(&r, "/nonexistent", 64 * MIB);
    assert_int_equal(r.fd, -1);
    disk_reserve_update(&r, DISK_HAS_ROOM, 100 * MIB);
    disk_reserve_close(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_filled_emptied_and_filled_again, setup, teardown),
        cmocka_unit_test_setup_teardown(it_cannot_be_compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_taken_over, setup, teardown),
        cmocka_unit_test(where_nothing_can_be_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
