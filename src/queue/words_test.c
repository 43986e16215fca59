// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/panic.h"
#include "queue/backoff.h"
#include "queue/memory.h"
#include "queue/words.h"

static void test_log_words(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"451 TLS error: certificate is for another name", "451 TLS error: certificate is for another name"},
        {"550 5.1.1 <bob@b.example> unknown", "550 5.1.1 - unknown"},
        {"450 4.2.1 <bob>: greylisted, <postmaster> knows", "450 4.2.1 - greylisted, - knows"},
        {"450 no route to 192.0.2.1 or 2001:db8::1 now", "450 no route to - or - now"},
        {"421 mx.b.example is busy.", "421 - is busy."},
        {"451 a\tb \"c\" \xc3\xa9", "451 a b - -"},
        {"", ""},
        {"   ", ""},
        {"1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 "
         "1234567890 "
         "1234567890 1234567890 1234567890 1234567890 1234567890",
         "1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 1234567890 "
         "1234567890 "
         "1234567890 1234567890 1234567890 1234567890"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[WORDS_MAX];
        words_for_log(slice_from_cstr(cases[i].text), got);
        assert_string_equal(got, cases[i].want);
    }
}

static void test_status(void **state) {
    static const struct {
        const char *reply, *want;
    } cases[] = {
        {"550 5.1.1 no such user", "5.1.1"},
        {"550 no such user", "5.0.0"},
        {"550 4.2.1 the class does not fit", "5.0.0"},
        {"450 4.2.2 full", "4.2.2"},
        {"421 Failed to connect to any mail server", "4.4.7"},
        {"554 5.7.123 x", "5.7.123"},
        {"554 5.7.1234 x", "5.0.0"},
        {"554 5.7 x", "5.0.0"},
        {"554 5.7.1.1 x", "5.0.0"},
        {"", "5.0.0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[WORDS_STATUS_MAX];
        words_status(slice_from_cstr(cases[i].reply), got);
        assert_string_equal(got, cases[i].want);
    }
}

static void test_backoff(void **state) {
    static const struct {
        uint32_t attempts, min, max;
        int64_t want; // in the middle
    } cases[] = {
        {1, 300, 4000, 300},           {2, 300, 4000, 600},  {3, 300, 4000, 1200},
        {4, 300, 4000, 2400},          {5, 300, 4000, 4000}, {6, 300, 4000, 4000},
        {UINT32_MAX, 300, 4000, 4000}, {0, 300, 4000, 300},  {1, 500, 300, 500},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t quarter = cases[i].want / 4;
        bool low = false, high = false;
        for (uint64_t chance = 0; chance < 5000; chance++) {
            int64_t got = backoff_delay(cases[i].attempts, cases[i].min, cases[i].max, chance);
            assert_in_range(got, cases[i].want - quarter, cases[i].want + quarter);
            low = low || got == cases[i].want - quarter;
            high = high || got == cases[i].want + quarter;
        }
        assert_true(low && high);
    }
    assert_int_equal(backoff_delay(1, 0, 0, 7), 1);
    assert_int_equal(backoff_delay(1, 1, 1, 7), 1);
}

static void test_memory(void **state) {
    clock_set_fake(0, 0);
    struct memory *m = memory_new(100, 1000);
    assert_false(memory_has(m, "mx.b.test"));
    memory_remember(m, "mx.b.test");
    memory_remember(m, "mx.c.test");
    clock_set_fake(999 * 1000, 0);
    assert_true(memory_has(m, "mx.b.test"));
    memory_forget(m, "mx.c.test");
    memory_forget(m, "mx.d.test");
    assert_false(memory_has(m, "mx.c.test"));
    clock_set_fake(1000 * 1000, 0);
    assert_false(memory_has(m, "mx.b.test"));
    for (char name[3] = "aa"; name[0] <= 'z'; name[0]++)
        for (name[1] = 'a'; name[1] <= 'z'; name[1]++)
            memory_remember(m, name);
    assert_true(memory_has(m, "zz"));
    memory_free(m);
    memory_free(NULL);
    clock_use_real();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_words),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
