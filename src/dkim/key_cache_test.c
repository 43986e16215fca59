// SPDX-License-Identifier: MIT
// The key cache: names, times, eviction, dropping; many threads at once.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dkim/key_cache.h"

static struct dkim_key *new_key(void) {
    struct dkim_key *key;
    const char *reason;
    struct slice record = SLICE("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    assert_int_equal(dkim_key_parse(record, &key, &reason), DKIM_KEY_OK);
    return key;
}

static void put(struct dkim_key_cache *cache, const char *name, int64_t now, uint32_t ttl) {
    struct dkim_key *key = new_key();
    dkim_key_cache_put(cache, slice_from_cstr(name), key, now, ttl);
    dkim_key_unref(key);
}

static bool has(struct dkim_key_cache *cache, const char *name, int64_t now) {
    struct dkim_key *key = dkim_key_cache_get(cache, slice_from_cstr(name), now);
    dkim_key_unref(key);
    return key != NULL;
}

static void test_names_and_times(void **state) {
    struct dkim_key_cache *cache = dkim_key_cache_new(10);
    assert_false(has(cache, "a.example", 0));
    put(cache, "A.example", 1000, 60);
    assert_true(has(cache, "a.EXAMPLE", 1059));
    assert_false(has(cache, "a.exampl", 1000));
    assert_false(has(cache, "a.example", 1060)); // and gone with that
    assert_int_equal(dkim_key_cache_count(cache), 0);
    put(cache, "b", 1000, UINT32_MAX);
    assert_true(has(cache, "b", 1000 + DKIM_KEY_CACHE_TTL_MAX_S - 1));
    assert_false(has(cache, "b", 1000 + DKIM_KEY_CACHE_TTL_MAX_S));
    put(cache, "c", 1000, 0);
    assert_false(has(cache, "c", 1000));
    dkim_key_cache_free(cache);
}

static void test_eviction(void **state) {
    struct dkim_key_cache *cache = dkim_key_cache_new(3);
    put(cache, "a", 0, 60);
    put(cache, "b", 0, 60);
    put(cache, "c", 0, 60);
    assert_true(has(cache, "a", 1)); // used: b is the oldest now
    put(cache, "d", 0, 60);
    assert_int_equal(dkim_key_cache_count(cache), 3);
    assert_true(has(cache, "a", 1) && !has(cache, "b", 1) && has(cache, "c", 1) && has(cache, "d", 1));
    put(cache, "a", 0, 60); // replaces
    assert_int_equal(dkim_key_cache_count(cache), 3);
    dkim_key_cache_free(cache);
    dkim_key_cache_free(NULL);
}

static void test_drop(void **state) {
    struct dkim_key_cache *cache = dkim_key_cache_new(3);
    struct dkim_key *old = new_key(), *fresh = new_key();
    dkim_key_cache_put(cache, SLICE("a"), old, 0, 60);
    dkim_key_cache_put(cache, SLICE("a"), fresh, 0, 60);
    dkim_key_cache_drop(cache, SLICE("a"), old); // someone else has replaced it
    assert_true(has(cache, "a", 1));
    dkim_key_cache_drop(cache, SLICE("A"), fresh);
    assert_false(has(cache, "a", 1));
    dkim_key_cache_drop(cache, SLICE("a"), fresh);
    dkim_key_unref(old);
    dkim_key_unref(fresh);
    dkim_key_cache_free(cache);
}

enum { THREADS = 4, ROUNDS = 5000 };

static void *run(void *arg) {
    struct dkim_key_cache *cache = arg;
    struct dkim_key *key = new_key();
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[16];
        snprintf(text, sizeof(text), "n%u", i * 7 % 40);
        struct slice name = slice_from_cstr(text);
        struct dkim_key *got = dkim_key_cache_get(cache, name, i);
        if (got == NULL)
            dkim_key_cache_put(cache, name, key, i, 60);
        else if (i % 5 == 0)
            dkim_key_cache_drop(cache, name, got);
        dkim_key_unref(got);
    }
    dkim_key_unref(key);
    return NULL;
}

static void test_threads(void **state) {
    struct dkim_key_cache *cache = dkim_key_cache_new(20);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, cache), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_in_range(dkim_key_cache_count(cache), 1, 20);
    dkim_key_cache_free(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_times),
        cmocka_unit_test(test_eviction),
        cmocka_unit_test(test_drop),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
