// SPDX-License-Identifier: MIT
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGES = 64 };

static size_t resident(void *p, size_t size) {
    unsigned char in[PAGES];
    assert_int_equal(mincore(p, size, in), 0);
    size_t n = 0;
    for (size_t i = 0; i < PAGES; i++)
        n += in[i] & 1;
    return n;
}

static void pages_that_are_not_touched_take_nothing(void **state) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), size = PAGES * page;
    char *p = mem_map(size);
    assert_int_equal(resident(p, size), 0);
    p[5 * page] = 1;
    assert_int_equal(resident(p, size), 1);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(p[i], i == 5 * page);
    mem_unmap(p, size);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_that_are_not_touched_take_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
