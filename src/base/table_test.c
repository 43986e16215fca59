// SPDX-License-Identifier: MIT
#include "base/table.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct hash128 key_of(uint64_t n) {
    return hash_keyed(&n, sizeof(n));
}

// A key that falls into the first shard and, as all keys with the same `lo` do, into one chain.
static struct hash128 key_in_shard_0(uint64_t n, uint64_t lo) {
    return (struct hash128){.lo = lo, .hi = n * 16};
}

static bool set(struct table *t, struct hash128 key, int value) {
    bool created = false;
    int *v = table_lock(t, key, true, &created);
    if (v == NULL)
        return false;
    if (created)
        assert_int_equal(*v, 0);
    *v = value;
    table_unlock(t, key);
    return true;
}

// The value, or -1.
static int get(struct table *t, struct hash128 key) {
    int *v = table_lock(t, key, false, NULL);
    if (v == NULL)
        return -1;
    int value = *v;
    table_unlock(t, key);
    return value;
}

static void values_stand_under_their_keys(void **state) {
    struct table *t = table_new(sizeof(int), 10000);
    assert_int_equal(get(t, key_of(1)), -1);
    assert_int_equal(table_count(t), 0);
    for (int i = 0; i < 5000; i++)
        assert_true(set(t, key_of((uint64_t)i), i + 1));
    assert_int_equal(table_count(t), 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(get(t, key_of((uint64_t)i)), i + 1);
    for (int i = 0; i < 5000; i += 2) {
        struct hash128 key = key_of((uint64_t)i);
        assert_non_null(table_lock(t, key, false, NULL));
        table_remove(t, key);
        table_unlock(t, key);
    }
    assert_int_equal(table_count(t), 2500);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(get(t, key_of((uint64_t)i)), i % 2 == 0 ? -1 : i + 1);
    table_free(t);
    table_free(NULL);
}

static void keys_of_one_chain_are_told_apart(void **state) {
    struct table *t = table_new(sizeof(int), 1600);
    for (int i = 0; i < 60; i++)
        assert_true(set(t, key_in_shard_0((uint64_t)i, 5), i));
    for (int i = 0; i < 60; i++)
        assert_int_equal(get(t, key_in_shard_0((uint64_t)i, 5)), i);
    struct hash128 middle = key_in_shard_0(30, 5);
    assert_non_null(table_lock(t, middle, false, NULL));
    table_remove(t, middle);
    table_unlock(t, middle);
    for (int i = 0; i < 60; i++)
        assert_int_equal(get(t, key_in_shard_0((uint64_t)i, 5)), i == 30 ? -1 : i);
    table_free(t);
}

static void the_longest_unused_makes_room(void **state) {
    struct table *t = table_new(sizeof(int), 16 * 4); // four entries a shard
    for (int i = 0; i < 4; i++)
        assert_true(set(t, key_in_shard_0((uint64_t)i, (uint64_t)i), i));
    assert_int_equal(get(t, key_in_shard_0(0, 0)), 0); // now 1 is the longest unused
    assert_true(set(t, key_in_shard_0(4, 4), 4));
    assert_int_equal(table_count(t), 4);
    assert_int_equal(get(t, key_in_shard_0(1, 1)), -1);
    assert_int_equal(get(t, key_in_shard_0(0, 0)), 0);
    for (int i = 2; i <= 4; i++)
        assert_int_equal(get(t, key_in_shard_0((uint64_t)i, (uint64_t)i)), i);
    table_free(t);
}

static void pin(struct table *t, struct hash128 key, bool pinned) {
    assert_non_null(table_lock(t, key, false, NULL));
    table_pin(t, key, pinned);
    table_unlock(t, key);
}

static void pinned_values_stay(void **state) {
    struct table *t = table_new(sizeof(int), 16 * 2);
    struct hash128 a = key_in_shard_0(1, 1), b = key_in_shard_0(2, 2), c = key_in_shard_0(3, 3);
    assert_true(set(t, a, 1));
    assert_true(set(t, b, 2));
    pin(t, a, true);
    assert_true(set(t, c, 3)); // b goes, though a is older
    assert_int_equal(get(t, a), 1);
    assert_int_equal(get(t, b), -1);
    pin(t, c, true);
    assert_null(table_lock(t, b, true, NULL)); // nothing may go
    pin(t, a, false);
    assert_true(set(t, b, 2));
    assert_int_equal(get(t, a), -1);
    assert_int_equal(get(t, c), 3);
    table_free(t);
}

enum { THREADS = 4, ROUNDS = 5000, SHARED_KEYS = 50 };

static void *count_up(void *arg) {
    struct table *t = arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct hash128 key = key_of(i % SHARED_KEYS);
        int *v = table_lock(t, key, true, NULL);
        assert_non_null(v);
        (*v)++;
        table_unlock(t, key);
    }
    return NULL;
}

static void threads_do_not_lose_counts(void **state) {
    struct table *t = table_new(sizeof(int), 10000);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, t), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (uint64_t i = 0; i < SHARED_KEYS; i++)
        assert_int_equal(get(t, key_of(i)), THREADS * ROUNDS / SHARED_KEYS);
    table_free(t);
}

// Threads that create, evict and remove at once; the sanitizers watch.
static void *churn(void *arg) {
    struct table *t = arg;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct hash128 key = key_of(i * 7 % 500);
        int *v = table_lock(t, key, true, NULL);
        if (v == NULL)
            continue;
        *v = 1;
        if (i % 3 == 0)
            table_remove(t, key);
        table_unlock(t, key);
    }
    return NULL;
}

static void threads_evict(void **state) {
    struct table *t = table_new(sizeof(int), 64);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, t), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(table_count(t) <= 64);
    table_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stand_under_their_keys), cmocka_unit_test(keys_of_one_chain_are_told_apart),
        cmocka_unit_test(the_longest_unused_makes_room), cmocka_unit_test(pinned_values_stay),
        cmocka_unit_test(threads_do_not_lose_counts),    cmocka_unit_test(threads_evict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
