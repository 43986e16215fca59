// SPDX-License-Identifier: MIT
// The intrusive list, and the clock that tests can set.
#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

struct item {
    int number;
    struct list link;
};

static int number_of(struct list *node) {
    return CONTAINER_OF(node, struct item, link)->number;
}

static void order_and_removal(void **state) {
    struct list head;
    struct item items[5];
    list_init(&head);
    assert_true(list_is_empty(&head));
    assert_null(list_take_first(&head));
    for (int i = 0; i < 5; i++) {
        items[i].number = i;
        list_append(&head, &items[i].link);
    }
    list_remove(&items[2].link);
    list_remove(&items[2].link); // harmless
    assert_true(list_is_empty(&items[2].link));
    int want[] = {0, 1, 3, 4}, n = 0;
    LIST_FOREACH(node, &head) assert_int_equal(number_of(node), want[n++]);
    assert_int_equal(n, 4);
    assert_int_equal(number_of(list_take_first(&head)), 0);
    assert_int_equal(number_of(list_take_first(&head)), 1);
    list_append(&head, &items[0].link);
    assert_int_equal(number_of(head.prev), 0);
}

static void the_current_node_may_go(void **state) {
    struct list head;
    struct item items[6];
    list_init(&head);
    for (int i = 0; i < 6; i++) {
        items[i].number = i;
        list_append(&head, &items[i].link);
    }
    int seen = 0;
    LIST_FOREACH(node, &head) {
        seen++;
        if (number_of(node) % 2 == 0)
            list_remove(node);
    }
    assert_int_equal(seen, 6);
    LIST_FOREACH(node, &head) list_remove(node);
    assert_true(list_is_empty(&head));
}

static void the_clock_can_be_set(void **state) {
    uint64_t before = clock_mono_us();
    clock_set_fake(5000000, 86400 * 3 + 86399);
    assert_int_equal(clock_mono_us(), 5000000);
    assert_int_equal(clock_mono_ms(), 5000);
    assert_int_equal(clock_wall_s(), 86400 * 4 - 1);
    assert_int_equal(clock_wall_day(), 3);
    clock_set_fake(5000001, 86400 * 4);
    assert_int_equal(clock_wall_day(), 4);
    clock_use_real();
    assert_true(clock_mono_us() >= before);
    assert_true(clock_wall_s() > 1600000000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_removal),
        cmocka_unit_test(the_current_node_may_go),
        cmocka_unit_test(the_clock_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
