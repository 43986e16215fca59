// SPDX-License-Identifier: MIT
// Readers of a configuration and a reload beside them; the sanitizers watch.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

static struct config *config_of(const char *override) {
    const char *const overrides[] = {"mail_domain=a.org", override, NULL};
    struct config *c = config_parse(SLICE_EMPTY, "test", overrides, NULL, NULL);
    assert_non_null(c);
    return c;
}

static void readers_keep_what_they_acquired(void **state) {
    struct config_holder *h = config_holder_new(config_of("user=first"));
    const struct config *a = config_acquire(h), *b = config_acquire(h);
    assert_ptr_equal(a, b);
    config_holder_replace(h, config_of("user=second"));
    const struct config *c = config_acquire(h);
    assert_string_equal(a->user, "first");
    assert_string_equal(c->user, "second");
    config_holder_replace(h, config_of("user=third"));
    config_holder_replace(h, config_of("user=fourth")); // nobody saw the third
    config_release(h, a);
    assert_string_equal(b->user, "first");
    config_release(h, c);
    config_release(h, b);
    config_release(h, NULL);
    c = config_acquire(h);
    assert_string_equal(c->user, "fourth");
    config_release(h, c);
    config_holder_free(h);
    config_holder_free(NULL);
}

enum { READERS = 3, ROUNDS = 3000, RELOADS = 200 };

static void *read_often(void *arg) {
    struct config_holder *h = arg;
    for (int i = 0; i < ROUNDS; i++) {
        const struct config *c = config_acquire(h), *again = config_acquire(h);
        assert_int_equal(strncmp(c->user, "user", 4), 0);
        config_release(h, c);
        assert_string_equal(again->mail_domain, "a.org");
        config_release(h, again);
    }
    return NULL;
}

static void threads_read_while_it_is_replaced(void **state) {
    struct config_holder *h = config_holder_new(config_of("user=user"));
    pthread_t threads[READERS];
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_often, h), 0);
    for (int i = 0; i < RELOADS; i++)
        config_holder_replace(h, config_of(i % 2 == 0 ? "user=user1" : "user=user2"));
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    config_holder_free(h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_keep_what_they_acquired),
        cmocka_unit_test(threads_read_while_it_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
