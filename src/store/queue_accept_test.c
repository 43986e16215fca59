// SPDX-License-Identifier: MIT
// Letters on their way into the queue: what is taken, what is refused, and that it is one commit with the local copies.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "store/account_ops.h"
#include "store/queue_support.h"
#include "store/store_internal.h"

enum { NOW = 1800000000 };

static void set_now(int64_t now) {
    clock_set_fake(1000000, now);
}

static void init(struct fixture *f) {
    set_now(NOW);
    fixture_init(f);
}

// ---- accepting ----

// One commit, one body, one letter, one row for each destination.
static void test_accept(void **state) {
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    struct store_deliver *d = make_letter(&f, a, "hello", "b@two.net c@one.net d@two.net", 1);
    store_deliver_add(d, SLICE("a@example.org"));
    uint64_t commits = store_test_commits(f.store);
    assert_int_equal(run_op(&f, &d->op), STORE_OK);
    assert_int_equal(store_test_commits(f.store), commits + 1);
    assert_int_equal(d->deliveries[0].ret_outcome, STORE_DELIVERED);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(d->remotes[i].ret_outcome, STORE_QUEUED);
    assert_int_equal(d->remotes[0].ret_due_id, d->remotes[2].ret_due_id);
    assert_int_not_equal(d->remotes[0].ret_due_id, d->remotes[1].ret_due_id);
    store_op_free(&d->op);
    assert_string_equal(total_text(&f), "2/1/2/3/24");
    assert_string_equal(list_text(&f), "one.net 1/1/24 next=1800000000;two.net 1/2/24 next=1800000000;");
    assert_string_equal(load_text(&f, "two.net", NOW, 10), "b@two.net,d@two.net;");
    assert_string_equal(load_text(&f, "one.net", NOW, 10), "c@one.net;");
    assert_string_equal(load_text(&f, "other.net", NOW, 10), "");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 1);
    assert_int_equal(fixture_number(&f, "SELECT refs FROM body"), 2);
    fixture_done(&f);
}

static void test_content(void **state) {
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    static const size_t sizes[] = {1, 5000, 65536, 65537, 300000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *message = make_message(sizes[i] + 1, 1);
        message[sizes[i]] = '\0';
        struct store_deliver *d = make_letter(&f, a, message, "b@example.net", (uint8_t)i);
        assert_int_equal(run_op(&f, &d->op), STORE_OK);
        uint64_t id = d->remotes[0].ret_due_id;
        store_op_free(&d->op);
        struct store_queue_find *find = store_queue_find_new(id);
        assert_int_equal(run_op(&f, &find->op), STORE_OK);
        const struct store_due *due = &find->ret_due;
        assert_int_equal(due->id, id);
        assert_string_equal(due->destination, "example.net");
        assert_string_equal(due->reverse_path, "a@example.org");
        assert_int_equal(due->prefix_len, 19);
        assert_memory_equal(due->prefix, "DKIM-Signature: x\r\n", 19);
        assert_int_equal(due->flags, 7);
        assert_int_equal(due->sender_id, a);
        assert_int_equal(due->created, NOW);
        assert_int_equal(due->body_size, sizes[i]);
        assert_string_equal(due->last_reply, "");
        enum store_status status;
        char *got = read_letter(&f, due, &status);
        assert_int_equal(status, STORE_OK);
        assert_memory_equal(got, message, sizes[i]);
        free(got);
        free(message);
        assert_int_equal(settle(&f, id, NULL, 0, ""), STORE_OK);
        free(read_letter(&f, due, &status));
        assert_int_equal(status, STORE_NOT_FOUND);
        store_op_free(&find->op);
        assert_int_equal(run_and_free(&f, &store_queue_find_new(id)->op), STORE_NOT_FOUND);
    }
    assert_string_equal(total_text(&f), "0/0/0/0/0");
    fixture_close(&f);
    assert_int_equal(fixture_files(&f, NULL), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM sender"), 0);
    fixture_open(&f);
    fixture_done(&f);
}

// Sent again within a day: queued once for each recipient, also when the first is delivered and gone.
static void test_duplicates(void **state) {
    static const struct {
        int64_t seconds_later;
        const char *recipients, *outcomes;
    } cases[] = {
        {0, "b@example.net", "Q"},
        {10, "b@example.net", "D"},
        {10, "c@example.net b@example.net b@other.net c@example.net", "QDQD"},
        {86400, "b@example.net", "D"},
        {2 * 86400, "b@example.net", "Q"},
    };
    struct fixture f;
    init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        set_now(NOW / 86400 * 86400 + cases[i].seconds_later);
        struct store_deliver *d = make_letter(&f, 0, "hello", cases[i].recipients, 1);
        assert_int_equal(run_op(&f, &d->op), STORE_OK);
        assert_int_equal(d->n_remotes, strlen(cases[i].outcomes));
        for (size_t j = 0; j < d->n_remotes; j++) {
            bool is_new = d->remotes[j].ret_outcome == STORE_QUEUED;
            assert_int_equal(is_new ? 'Q' : 'D', cases[i].outcomes[j]);
            if (is_new)
                assert_int_equal(settle(&f, d->remotes[j].ret_due_id, NULL, 0, ""), STORE_OK);
        }
        store_op_free(&d->op);
    }
    assert_string_equal(total_text(&f), "0/0/0/0/0");
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 0);
    fixture_done(&f);
}

static void test_many_recipients(void **state) {
    struct fixture f;
    init(&f);
    uint8_t dedup[32] = {9};
    struct store_deliver *d = store_deliver_new(make_body(&f, "x", 1), dedup);
    for (unsigned i = 0; i < 250; i++) {
        char recipient[64];
        (void)snprintf(recipient, sizeof(recipient), "r%u@example.net", i);
        store_deliver_add_remote(d, SLICE("example.net"), slice_from_cstr(recipient));
    }
    store_deliver_set_letter(d, SLICE_EMPTY, SLICE_EMPTY, 0);
    assert_int_equal(run_op(&f, &d->op), STORE_OK);
    assert_int_equal(d->remotes[0].ret_due_id, d->remotes[99].ret_due_id);
    assert_int_equal(d->remotes[99].ret_due_id + 1, d->remotes[100].ret_due_id);
    assert_int_equal(d->remotes[249].ret_due_id, d->remotes[0].ret_due_id + 2);
    assert_string_equal(total_text(&f), "1/1/3/250/1");
    for (uint64_t id = d->remotes[0].ret_due_id; id <= d->remotes[249].ret_due_id; id++)
        assert_int_equal(settle(&f, id, NULL, 0, ""), STORE_OK);
    store_op_free(&d->op);
    fixture_done(&f);
}

static void test_invalid(void **state) {
    static char long_name[STORE_RECIPIENT_MAX + 2], long_prefix[STORE_PREFIX_MAX + 1];
    struct fixture f;
    init(&f);
    memset(long_name, 'x', sizeof(long_name) - 1);
    memset(long_prefix, 'x', sizeof(long_prefix));
    struct slice name = slice_from_cstr(long_name), ok = SLICE("b@example.net"), domain = SLICE("example.net");
    const struct {
        struct slice destination, recipient, prefix, reverse_path;
    } cases[] = {
        {SLICE_EMPTY, ok, SLICE_EMPTY, SLICE_EMPTY},
        {name, ok, SLICE_EMPTY, SLICE_EMPTY},
        {domain, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY},
        {domain, name, SLICE_EMPTY, SLICE_EMPTY},
        {domain, SLICE("b@exam\nple.net"), SLICE_EMPTY, SLICE_EMPTY},
        {domain, SLICE("b@exam\0ple.net"), SLICE_EMPTY, SLICE_EMPTY},
        {domain, ok, slice_make(long_prefix, sizeof(long_prefix)), SLICE_EMPTY},
        {domain, ok, SLICE_EMPTY, name},
        {domain, ok, SLICE_EMPTY, SLICE("a\0b")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t dedup[32] = {1};
        struct store_deliver *d = store_deliver_new(make_body(&f, "x", 1), dedup);
        store_deliver_add_remote(d, cases[i].destination, cases[i].recipient);
        store_deliver_set_letter(d, cases[i].prefix, cases[i].reverse_path, 0);
        assert_int_equal(run_and_free(&f, &d->op), STORE_INVALID);
    }
    assert_string_equal(total_text(&f), "0/0/0/0/0");
    fixture_done(&f);
}

// ---- bounds ----

static void reopen(struct fixture *f, uint64_t dues, uint64_t per_sender, uint64_t octets) {
    const char *error;
    fixture_close(f);
    struct store_settings settings = {.dir = f->dir,
                                      .mailbox_quota = 1 << 20,
                                      .n_readers = 1,
                                      .queue_dues = dues,
                                      .queue_per_sender = per_sender,
                                      .queue_octets = octets};
    f->store = store_open(&settings, &error);
    assert_non_null(f->store);
}

// When it is refused nothing is done, not even for the local recipient.
static void expect_status(struct fixture *f, uint64_t sender, const char *recipients, enum store_status want) {
    struct store_deliver *d = make_letter(f, sender, "refused", recipients, 200);
    store_deliver_add(d, SLICE("a@example.org"));
    assert_int_equal(run_and_free(f, &d->op), want);
}

static void test_bounds(void **state) {
    struct fixture f;
    init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), b = make_account(&f, "b@example.org", NULL);
    reopen(&f, 3, 100, 0);
    send_letter(&f, a, "x@one.net x@two.net");
    expect_status(&f, a, "x@one.net x@two.net", STORE_FULL);
    uint64_t id = send_letter(&f, b, "x@one.net");
    expect_status(&f, 0, "x@one.net", STORE_FULL);
    assert_int_equal(settle(&f, id, NULL, 0, ""), STORE_OK);
    id = send_letter(&f, b, "x@one.net");
    reopen(&f, 100, 3, 0);
    expect_status(&f, a, "x@one.net y@one.net", STORE_BACKLOG);
    send_letter(&f, b, "x@one.net y@one.net");
    send_letter(&f, 0, "x@one.net y@one.net z@one.net u@one.net");
    send_letter(&f, a, "x@three.net");
    expect_status(&f, a, "x@one.net", STORE_BACKLOG);
    expect_status(&f, b, "x@one.net", STORE_BACKLOG);
    assert_int_equal(settle(&f, id, NULL, 0, ""), STORE_OK);
    send_letter(&f, b, "x@one.net");
    assert_string_equal(describe(&f, a, "INBOX"), "1/0/0/0/0");
    char want[64];
    (void)snprintf(want, sizeof(want), "3/5/6/10/%d", 5 * 34);
    assert_string_equal(total_text(&f), want);
    reopen(&f, 0, 0, 6 * 34 - 1);
    expect_status(&f, a, "x@one.net", STORE_OK); // it is shorter
    expect_status(&f, a, "y@one.net", STORE_FULL);
    reopen(&f, 0, 0, 0);
    fixture_done(&f);
}

static int teardown(void **state) {
    clock_use_real();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),          cmocka_unit_test(test_content), cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_many_recipients), cmocka_unit_test(test_invalid), cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests_name("store/queue_accept", tests, NULL, teardown);
}
