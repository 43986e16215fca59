// SPDX-License-Identifier: MIT
// The contract of every backend: delivery, reading, flags, copying, expunging.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/store_internal.h"
#include "store/test_support.h"

static const struct store_uid_range all = {1, UINT32_MAX};

static void test_delivers_to_many(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox_a, inbox_b;
    uint64_t a = make_account(&f, "a@example.org", &inbox_a), b = make_account(&f, "b@example.org", &inbox_b);
    char *data = make_message(1000, 1);
    uint8_t dedup[32] = {1};
    struct store_deliver *d = store_deliver_new(make_body(&f, data, 1000), dedup);
    store_deliver_add(d, SLICE("a@example.org"));
    store_deliver_add(d, SLICE("nobody@example.org"));
    store_deliver_add(d, SLICE("b@example.org"));
    store_deliver_add(d, SLICE("a@example.org"));
    assert_int_equal(run_op(&f, &d->op), STORE_OK);
    static const enum store_delivery_outcome want[] = {STORE_DELIVERED, STORE_UNKNOWN, STORE_DELIVERED,
                                                       STORE_DUPLICATE};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_int_equal(d->deliveries[i].ret_outcome, want[i]);
    assert_int_equal(d->deliveries[0].ret_uid, 1);
    assert_int_equal(d->deliveries[2].ret_account_id, b);
    store_op_free(&d->op);
    assert_string_equal(describe(&f, a, "INBOX"), "2/1/1/0/1000");
    assert_string_equal(describe(&f, b, "inbox"), "2/1/1/0/1000");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 1);
    assert_int_equal(fixture_number(&f, "SELECT refs FROM body"), 2);
    assert_string_equal(fixture_changes(&f), "added 1:1 origin=0;added 2:1 origin=0;");

    // The same transaction again, to one who had it and one who had not.
    make_account(&f, "c@example.org", NULL);
    d = store_deliver_new(make_body(&f, data, 1000), dedup);
    store_deliver_add(d, SLICE("a@example.org"));
    store_deliver_add(d, SLICE("c@example.org"));
    assert_int_equal(run_op(&f, &d->op), STORE_OK);
    assert_int_equal(d->deliveries[0].ret_outcome, STORE_DUPLICATE);
    assert_int_equal(d->deliveries[1].ret_outcome, STORE_DELIVERED);
    store_op_free(&d->op);
    free(data);
    fixture_done(&f);
}

static void check_fetch(struct fixture *f, uint64_t mailbox, const char *want_data, size_t len) {
    struct store_fetch *fetch = store_fetch_new(mailbox, &all, 1, STORE_FETCH_BODY);
    assert_int_equal(run_op(f, &fetch->op), STORE_OK);
    assert_int_equal(fetch->ret_n_messages, 1);
    struct store_message *m = &fetch->ret_messages[0];
    assert_int_equal(m->size, len);
    if (m->is_inline) {
        assert_int_equal(m->data_len, len);
        assert_memory_equal(m->data, want_data, len);
    } else {
        assert_null(m->data);
    }
    static const size_t offsets[] = {0, 1, 65535, 65536, 65537, 131071, 200000};
    for (size_t i = 0; i < ARRAY_LEN(offsets); i++) {
        struct store_body_read *r = store_body_read_new(m, offsets[i], 100000);
        assert_int_equal(run_op(f, &r->op), STORE_OK);
        size_t want = offsets[i] >= len ? 0 : len - offsets[i] < 100000 ? len - offsets[i] : 100000;
        assert_int_equal(r->ret_data_len, want);
        if (want > 0)
            assert_memory_equal(r->ret_data, want_data + offsets[i], want);
        store_op_free(&r->op);
    }
    store_op_free(&fetch->op);
}

static void test_bodies_of_every_size(void **state) {
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 131072, 131073, 200000, 5 << 20};
    struct fixture f;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char address[32];
        uint64_t inbox;
        (void)snprintf(address, sizeof(address), "a%zu@example.org", i);
        make_account(&f, address, &inbox);
        char *data = make_message(sizes[i], (unsigned)i);
        assert_int_equal(deliver(&f, address, data, sizes[i], NULL), STORE_DELIVERED);
        check_fetch(&f, inbox, data, sizes[i]);
        free(data);
    }
    assert_int_equal(fixture_files(&f, NULL), 5);
    fixture_done(&f);
}

static void test_overquota_and_blocked(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    make_account(&f, "b@example.org", NULL);
    char *data = make_message(1000, 1);
    store_set_mailbox_quota(f.store, 2500);
    assert_int_equal(deliver(&f, "a@example.org", data, 1000, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "a@example.org", data, 1000, NULL), STORE_DELIVERED);
    assert_int_equal(deliver(&f, "a@example.org", data, 1000, NULL), STORE_OVERQUOTA);
    assert_int_equal(deliver(&f, "a@example.org", data, 500, NULL), STORE_DELIVERED);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 3);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM accepted"), 3);

    // What was refused for want of room is not remembered as delivered.
    uint8_t dedup[32] = {7};
    static const struct {
        uint64_t quota;
        enum store_delivery_outcome outcome;
    } cases[] = {{2500, STORE_OVERQUOTA}, {1 << 20, STORE_DELIVERED}, {0, STORE_DUPLICATE}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        store_set_mailbox_quota(f.store, cases[i].quota);
        struct store_deliver *d = store_deliver_new(make_body(&f, data, 1000), dedup);
        store_deliver_add(d, SLICE("a@example.org"));
        assert_int_equal(run_op(&f, &d->op), STORE_OK);
        assert_int_equal(d->deliveries[0].ret_outcome, cases[i].outcome);
        store_op_free(&d->op);
    }
    struct store_append *ap = store_append_new(make_body(&f, data, 1000), a, SLICE("INBOX"));
    assert_int_equal(run_and_free(&f, &ap->op), STORE_QUOTA);
    struct store_quota *q = store_quota_new(a);
    assert_int_equal(run_op(&f, &q->op), STORE_OK);
    assert_int_equal(q->ret_used, 3500);
    assert_int_equal(q->ret_limit, 0);
    store_op_free(&q->op);

    store_set_mailbox_quota(f.store, 1 << 20);
    fixture_sql(&f, "UPDATE account SET blocked = 1 WHERE address = 'b@example.org'");
    assert_int_equal(deliver(&f, "b@example.org", data, 1000, NULL), STORE_UNKNOWN);
    assert_int_equal(deliver(&f, "", data, 1000, NULL), STORE_UNKNOWN);
    fixture_sql(&f, "UPDATE mailbox SET messages = 200000 WHERE account_id = 1");
    assert_int_equal(deliver(&f, "a@example.org", data, 10, NULL), STORE_OVERQUOTA);
    fixture_sql(&f, "UPDATE mailbox SET messages = 4 WHERE account_id = 1");
    free(data);
    fixture_done(&f);
}

static void test_remembers_for_a_day(void **state) {
    static const struct {
        int64_t seconds_later;
        enum store_delivery_outcome outcome;
    } cases[] = {
        {0, STORE_DELIVERED},
        {86399, STORE_DUPLICATE},
        {86400, STORE_DUPLICATE},
        {2 * 86400, STORE_DELIVERED},
        {2 * 86400 + 1, STORE_DUPLICATE},
        {5 * 86400, STORE_DELIVERED},
        {5 * 86400 - 1, STORE_DUPLICATE},
    };
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    uint8_t dedup[32] = {9};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        clock_set_fake(1000000, 1800000000 / 86400 * 86400 + cases[i].seconds_later);
        struct store_deliver *d = store_deliver_new(make_body(&f, "x", 1), dedup);
        store_deliver_add(d, SLICE("a@example.org"));
        assert_int_equal(run_op(&f, &d->op), STORE_OK);
        if (d->deliveries[0].ret_outcome != cases[i].outcome)
            fail_msg("case %zu: got %d, want %d", i, d->deliveries[0].ret_outcome, cases[i].outcome);
        store_op_free(&d->op);
    }
    clock_use_real();
    fixture_done(&f);
}

static atomic_bool flips;

// Sets the clock over midnight and back, until it is told to stop.
static void *flip_days(void *arg) {
    int64_t midnight = *(const int64_t *)arg;
    for (unsigned i = 0; atomic_load(&flips); i++) {
        clock_set_fake(1000000, midnight - i % 2);
        (void)sched_yield();
    }
    return NULL;
}

// What is refused at midnight for want of room is not remembered either, under the day before or the new one: the
// sender who tries again would be told that it is delivered.
static void test_overquota_at_midnight(void **state) {
    enum { TRIES = 100 };
    static int64_t midnight = 1800000000 / 86400 * 86400;
    struct fixture f;
    fixture_init(&f);
    make_account(&f, "a@example.org", NULL);
    store_set_mailbox_quota(f.store, 0);
    pthread_t thread;
    clock_set_fake(1000000, midnight);
    atomic_store(&flips, true);
    assert_int_equal(pthread_create(&thread, NULL, flip_days, &midnight), 0);
    for (unsigned i = 0; i < TRIES; i++)
        assert_int_equal(deliver(&f, "a@example.org", "x", 1, NULL), STORE_OVERQUOTA);
    atomic_store(&flips, false);
    assert_int_equal(pthread_join(thread, NULL), 0);
    clock_use_real();
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM accepted"), 0);
    fixture_done(&f);
}

// ---- reading ----

static void test_header(void **state) {
    static const struct {
        const char *message;
        size_t pad; // octets of 'x' behind it
        const char *header;
        size_t header_pad;
    } cases[] = {
        {"A: b\r\n\r\nbody", 0, "A: b\r\n\r\n", 0},
        {"A: b\r\n\r\n", 0, "A: b\r\n\r\n", 0},
        {"\r\nbody", 0, "\r\n", 0},
        {"no empty line", 0, "no empty line", 0},
        {"", 0, "", 0},
        {"A: b\n\nbody", 0, "A: b\n\nbody", 0},
        {"A: b\r\n\r\n", 300000, "A: b\r\n\r\n", 0},
        {"A: ", 300000, "A: ", STORE_HEADER_MAX - 3},
    };
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox;
    make_account(&f, "a@example.org", &inbox);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].message), want = strlen(cases[i].header);
        char *data = mem_alloc(n + cases[i].pad);
        memcpy(data, cases[i].message, n);
        memset(data + n, 'x', cases[i].pad);
        assert_int_equal(deliver(&f, "a@example.org", data, n + cases[i].pad, NULL), STORE_DELIVERED);
        struct store_uid_range one = {(uint32_t)i + 1, (uint32_t)i + 1};
        struct store_fetch *fetch = store_fetch_new(inbox, &one, 1, STORE_FETCH_HEADER);
        assert_int_equal(run_op(&f, &fetch->op), STORE_OK);
        assert_int_equal(fetch->ret_n_messages, 1);
        assert_non_null(fetch->ret_messages[0].data);
        assert_int_equal(fetch->ret_messages[0].data_len, want + cases[i].header_pad);
        assert_memory_equal(fetch->ret_messages[0].data, data, want + cases[i].header_pad);
        assert_true(malloc_usable_size(fetch->ret_messages[0].data) < want + cases[i].header_pad + 8192);
        store_op_free(&fetch->op);
        free(data);
    }
    fixture_done(&f);
}

// The end of the header is found wherever a chunk of 64 KiB ends in it.
static void test_header_across_chunks(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox;
    make_account(&f, "a@example.org", &inbox);
    for (size_t at = 65530; at < 65540; at++) {
        char *data = mem_alloc(140000);
        memset(data, 'x', 140000);
        memcpy(data + at, "\r\n\r\n", 4);
        uint32_t uid;
        assert_int_equal(deliver(&f, "a@example.org", data, 140000, &uid), STORE_DELIVERED);
        struct store_uid_range one = {uid, uid};
        struct store_fetch *fetch = store_fetch_new(inbox, &one, 1, STORE_FETCH_HEADER | STORE_FETCH_BODY);
        assert_int_equal(run_op(&f, &fetch->op), STORE_OK);
        assert_false(fetch->ret_messages[0].is_inline);
        assert_int_equal(fetch->ret_messages[0].data_len, at + 4);
        store_op_free(&fetch->op);
        free(data);
    }
    fixture_done(&f);
}

static void test_fetch_limits(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox;
    make_account(&f, "a@example.org", &inbox);
    char *data = make_message(1000, 1);
    for (size_t i = 0; i < 10; i++)
        assert_int_equal(deliver(&f, "a@example.org", data, 1000, NULL), STORE_DELIVERED);
    static const struct {
        uint32_t want;
        size_t max_messages, max_octets;
        size_t n;
        bool more;
        uint32_t last;
    } cases[] = {
        {STORE_FETCH_META, 100, 1, 7, false, 10},     {STORE_FETCH_META, 3, 1, 3, true, 5},
        {STORE_FETCH_BODY, 100, 1, 1, true, 1},       {STORE_FETCH_BODY, 100, 2500, 3, true, 5},
        {STORE_FETCH_BODY, 7, 1000000, 7, false, 10}, {STORE_FETCH_HEADER, 100, 76, 2, true, 2},
    };
    static const struct store_uid_range ranges[] = {{1, 2}, {5, 7}, {9, UINT32_MAX}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_fetch *fetch = store_fetch_new(inbox, ranges, 3, cases[i].want);
        fetch->max_messages = cases[i].max_messages;
        fetch->max_octets = cases[i].max_octets;
        assert_int_equal(run_op(&f, &fetch->op), STORE_OK);
        if (fetch->ret_n_messages != cases[i].n || fetch->ret_more != cases[i].more ||
            fetch->ret_messages[cases[i].n - 1].uid != cases[i].last)
            fail_msg("case %zu: got %zu messages, more %d", i, fetch->ret_n_messages, fetch->ret_more);
        store_op_free(&fetch->op);
    }
    free(data);
    fixture_done(&f);
}

// ---- changing ----

static void test_append_and_flags(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox, a = make_account(&f, "a@example.org", &inbox);
    append(&f, a, "INBOX", "one", 0, "");
    append(&f, a, "INBOX", "two", STORE_FLAG_SEEN | STORE_FLAG_DELETED, "$b  $A $B");
    append(&f, a, "INBOX", "three", 0, "x");
    assert_string_equal(describe(&f, a, "INBOX"), "4/3/2/1/11");
    struct store_append *missing = store_append_new(make_body(&f, "x", 1), a, SLICE("nowhere"));
    assert_int_equal(run_and_free(&f, &missing->op), STORE_NOT_FOUND);
    (void)fixture_changes(&f);
    static const struct {
        enum store_flags_mode mode;
        uint32_t flags;
        const char *keywords;
        const char *want; // "uid=flags(keywords)@modseq" of UIDs 1 and 2
        const char *state, *changes;
    } cases[] = {
        {STORE_FLAGS_ADD, 0, "", "1=0()@2 2=9($A $b)@3 ", "4/3/2/1/11", ""},
        {STORE_FLAGS_ADD, STORE_FLAG_SEEN, "", "1=1()@5 2=9($A $b)@3 ", "4/3/1/1/11", "flags 1:1 origin=5;"},
        {STORE_FLAGS_ADD, STORE_FLAG_DELETED, "$c", "1=9($c)@6 2=9($A $b $c)@6 ", "4/3/1/2/11",
         "flags 1:1,2 origin=5;"},
        {STORE_FLAGS_REMOVE, STORE_FLAG_SEEN, "$a $C", "1=8()@7 2=8($b)@7 ", "4/3/3/2/11", "flags 1:1,2 origin=5;"},
        {STORE_FLAGS_REPLACE, STORE_FLAG_DRAFT, "z y", "1=16(y z)@8 2=16(y z)@8 ", "4/3/3/0/11",
         "flags 1:1,2 origin=5;"},
        {STORE_FLAGS_REPLACE, STORE_FLAG_DRAFT, "y z", "1=16(y z)@8 2=16(y z)@8 ", "4/3/3/0/11", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static const struct store_uid_range ranges[] = {{1, 2}, {70, 80}};
        struct store_flags *flags = store_flags_new(inbox, ranges, 2);
        flags->mode = cases[i].mode;
        flags->flags = cases[i].flags;
        flags->origin = 5;
        (void)snprintf(flags->keywords, sizeof(flags->keywords), "%s", cases[i].keywords);
        assert_int_equal(run_op(&f, &flags->op), STORE_OK);
        char got[256] = "";
        for (size_t j = 0; j < flags->ret_n_results; j++)
            (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u=%u(%s)@%u ", flags->ret_results[j].uid,
                           flags->ret_results[j].flags, flags->ret_results[j].keywords,
                           (unsigned)flags->ret_results[j].modseq);
        store_op_free(&flags->op);
        assert_string_equal(got, cases[i].want);
        assert_string_equal(describe(&f, a, "INBOX"), cases[i].state);
        assert_string_equal(fixture_changes(&f), cases[i].changes);
    }
    struct store_flags *gone = store_flags_new(999, &all, 1);
    assert_int_equal(run_and_free(&f, &gone->op), STORE_NOT_FOUND);
    struct store_fetch *fetch = store_fetch_new(inbox, &all, 1, STORE_FETCH_BODY);
    assert_int_equal(run_op(&f, &fetch->op), STORE_OK);
    assert_int_equal(fetch->ret_messages[1].internal_date, 1000);
    assert_string_equal(fetch->ret_messages[1].keywords, "y z");
    assert_memory_equal(fetch->ret_messages[2].data, "three", 5);
    store_op_free(&fetch->op);
    fixture_done(&f);
}

static void test_too_many_keywords(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox, a = make_account(&f, "a@example.org", &inbox);
    char long_keyword[STORE_KEYWORDS_MAX + 1];
    memset(long_keyword, 'k', sizeof(long_keyword) - 1);
    long_keyword[sizeof(long_keyword) - 1] = '\0';
    append(&f, a, "INBOX", "one", 0, long_keyword);
    struct store_flags *flags = store_flags_new(inbox, &all, 1);
    flags->mode = STORE_FLAGS_ADD;
    flags->keywords[0] = 'z';
    assert_int_equal(run_and_free(&f, &flags->op), STORE_INVALID);
    fixture_done(&f);
}

static void expunge(struct fixture *f, uint64_t mailbox, const struct store_uid_range *ranges, size_t n,
                    const char *want) {
    struct store_expunge *e = store_expunge_new(mailbox, ranges, n);
    e->origin = 8;
    assert_int_equal(run_op(f, &e->op), STORE_OK);
    char got[128] = "";
    for (size_t i = 0; i < e->ret_n_uids; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u ", e->ret_uids[i]);
    store_op_free(&e->op);
    assert_string_equal(got, want);
}

static void test_expunge(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox, a = make_account(&f, "a@example.org", &inbox);
    char *large = make_message(100000, 3);
    assert_int_equal(deliver(&f, "a@example.org", large, 100000, NULL), STORE_DELIVERED);
    for (uint32_t uid = 2; uid <= 6; uid++)
        append(&f, a, "INBOX", "x", uid % 2 == 0 ? STORE_FLAG_DELETED : 0, "");
    (void)fixture_changes(&f);
    static const struct store_uid_range some[] = {{1, 2}, {5, 6}};
    expunge(&f, inbox, some, 2, "2 6 ");
    assert_string_equal(fixture_changes(&f), "expunged 1:2,6 origin=8;");
    expunge(&f, inbox, some, 2, "");
    assert_string_equal(fixture_changes(&f), "");
    expunge(&f, inbox, NULL, 0, "4 ");
    assert_string_equal(describe(&f, a, "INBOX"), "7/3/3/0/100002");

    // The large one, with its file; then a UID that was used is not used again.
    struct store_flags *flags = store_flags_new(inbox, &all, 1);
    flags->flags = STORE_FLAG_DELETED;
    assert_int_equal(run_and_free(&f, &flags->op), STORE_OK);
    struct store_fetch *fetch = store_fetch_new(inbox, &all, 1, STORE_FETCH_META);
    assert_int_equal(run_op(&f, &fetch->op), STORE_OK);
    expunge(&f, inbox, NULL, 0, "1 3 5 ");
    assert_string_equal(describe(&f, a, "INBOX"), "7/0/0/0/0");
    for (size_t i = 0; i < 3; i++) {
        struct store_body_read *r = store_body_read_new(&fetch->ret_messages[i], 0, 10);
        assert_int_equal(run_and_free(&f, &r->op), STORE_NOT_FOUND);
    }
    store_op_free(&fetch->op);
    assert_int_equal(fixture_number(&f, "SELECT (SELECT count(*) FROM body) + (SELECT count(*) FROM body_data)"), 0);
    fixture_close(&f);
    assert_int_equal(fixture_files(&f, NULL), 0);
    fixture_open(&f);
    assert_int_equal(append(&f, a, "INBOX", "x", 0, ""), 7);
    free(large);
    fixture_done(&f);
}

// Octets that stand in the database are written over with zeros: a piece is not only so many messages.
static void test_expunge_octets(void **state) {
    enum { N = 80, LEN = 60000, LEAST_COMMITS = 3 };
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char *data = make_message(LEN + 1, 1);
    data[LEN] = '\0';
    for (unsigned i = 0; i < N; i++)
        append(&f, a, "INBOX", data, STORE_FLAG_DELETED, "");
    free(data);
    uint64_t before = store_test_commits(f.store);
    assert_int_equal(run_and_free(&f, &store_expunge_new(mailbox_id(&f, a, "INBOX"), NULL, 0)->op), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    uint64_t commits = store_test_commits(f.store) - before;
    if (commits < LEAST_COMMITS)
        fail_msg("%llu commits", (unsigned long long)commits);
    fixture_done(&f);
}

static void test_copy_and_move(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t inbox, a = make_account(&f, "a@example.org", &inbox), b = make_account(&f, "b@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    for (uint32_t uid = 1; uid <= 3; uid++)
        append(&f, a, "INBOX", "message", STORE_FLAG_SEEN, "$k");
    uint64_t box = mailbox_id(&f, a, "Box");
    static const struct {
        uint64_t account;
        bool from_box;
        const char *target;
        bool move;
        uint64_t quota;
        enum store_status status;
        const char *pairs, *inbox, *box, *changes;
    } cases[] = {
        {1, false, "Box", false, 1000, STORE_OK, "1>1 2>2 3>3 ", "4/3/0/0/21", "4/3/0/0/21", "added 3:1,2,3 origin=6;"},
        {1, false, "Box", false, 50, STORE_QUOTA, "", "4/3/0/0/21", "4/3/0/0/21", ""},
        {1, false, "None", false, 1000, STORE_NOT_FOUND, "", "4/3/0/0/21", "4/3/0/0/21", ""},
        {2, false, "INBOX", false, 1000, STORE_NOT_FOUND, "", "4/3/0/0/21", "4/3/0/0/21", ""},
        {1, false, "Box", true, 1, STORE_OK, "1>4 2>5 3>6 ", "4/0/0/0/0", "7/6/0/0/42",
         "added 3:4,5,6 origin=6;expunged 1:1,2,3 origin=6;"},
        {1, false, "Box", true, 1, STORE_OK, "", "4/0/0/0/0", "7/6/0/0/42", ""},
        {1, true, "Box", true, 1, STORE_OK, "1>7 2>8 3>9 4>10 5>11 6>12 ", "4/0/0/0/0", "13/6/0/0/42",
         "added 3:7,8,9,10,11,12 origin=6;expunged 3:1,2,3,4,5,6 origin=6;"},
        {1, true, "inbox", false, 1000, STORE_OK, "7>4 8>5 9>6 10>7 11>8 12>9 ", "10/6/0/0/42", "13/6/0/0/42",
         "added 1:4,5,6,7,8,9 origin=6;"},
    };
    assert_int_equal(b, 2);
    assert_int_equal(box, 3);
    (void)fixture_changes(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        store_set_mailbox_quota(f.store, cases[i].quota);
        struct store_copy *c = store_copy_new(cases[i].account, cases[i].from_box ? box : inbox, &all, 1,
                                              slice_from_cstr(cases[i].target), cases[i].move);
        c->origin = 6;
        if (run_op(&f, &c->op) != cases[i].status)
            fail_msg("case %zu: status %d", i, (int)c->op.status);
        char got[256] = "";
        for (size_t j = 0; j < c->ret_n_uids; j++)
            (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u>%u ", c->ret_from_uids[j],
                           c->ret_to_uids[j]);
        if (c->op.status == STORE_OK)
            assert_int_equal(c->ret_uid_validity, uid_validity(&f, a, cases[i].target));
        store_op_free(&c->op);
        assert_string_equal(got, cases[i].pairs);
        assert_string_equal(describe(&f, a, "INBOX"), cases[i].inbox);
        assert_string_equal(describe(&f, a, "Box"), cases[i].box);
        assert_string_equal(fixture_changes(&f), cases[i].changes);
    }
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 3);
    struct store_fetch *fetch = store_fetch_new(inbox, &all, 1, STORE_FETCH_BODY);
    assert_int_equal(run_op(&f, &fetch->op), STORE_OK);
    assert_memory_equal(fetch->ret_messages[5].data, "message", 7);
    assert_string_equal(fetch->ret_messages[5].keywords, "$k");
    assert_int_equal(fetch->ret_messages[5].internal_date, 1000);
    store_op_free(&fetch->op);
    fixture_done(&f);
}

static enum store_status copy_first(struct fixture *f, uint64_t account, uint32_t n, const char *target, bool move) {
    struct store_uid_range range = {1, n};
    struct store_copy *c =
        store_copy_new(account, mailbox_id(f, account, "INBOX"), &range, 1, slice_from_cstr(target), move);
    return run_and_free(f, &c->op);
}

// The mail of others waits while the writer is at it: there is an end to what one operation does.
static void test_copy_of_too_many(void **state) {
    struct fixture f;
    fixture_init(&f);
    store_set_mailbox_quota(f.store, 1 << 20);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    append(&f, a, "INBOX", "m", 0, "");
    uint32_t n = 1;
    for (; 2 * n <= STORE_COPY_MAX; n *= 2)
        assert_int_equal(copy_first(&f, a, n, "INBOX", false), STORE_OK);
    assert_int_equal(copy_first(&f, a, STORE_COPY_MAX + 1 - n, "INBOX", false), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), STORE_COPY_MAX + 1);
    assert_int_equal(copy_first(&f, a, UINT32_MAX, "Box", false), STORE_TOO_MANY);
    assert_int_equal(copy_first(&f, a, UINT32_MAX, "Box", true), STORE_TOO_MANY);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "INBOX", "Old"), STORE_TOO_MANY);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM mailbox"), 2);
    assert_int_equal(copy_first(&f, a, STORE_COPY_MAX, "Box", true), STORE_OK);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "INBOX", "Old"), STORE_OK);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), STORE_COPY_MAX + 1);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivers_to_many),
        cmocka_unit_test(test_bodies_of_every_size),
        cmocka_unit_test(test_overquota_and_blocked),
        cmocka_unit_test(test_remembers_for_a_day),
        cmocka_unit_test(test_overquota_at_midnight),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_header_across_chunks),
        cmocka_unit_test(test_fetch_limits),
        cmocka_unit_test(test_append_and_flags),
        cmocka_unit_test(test_too_many_keywords),
        cmocka_unit_test(test_expunge),
        cmocka_unit_test(test_expunge_octets),
        cmocka_unit_test(test_copy_and_move),
        cmocka_unit_test(test_copy_of_too_many),
    };
    return cmocka_run_group_tests_name("store/message", tests, NULL, NULL);
}
