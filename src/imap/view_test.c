// SPDX-License-Identifier: MIT
// The view of a mailbox against changes that arrive before, while and after it is read, in the orders that threads
// allow.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "imap/view.h"
#include "intake/hub.h"
#include "net/conn.h"

enum { MAILBOX = 7, ORIGIN = 5, OTHER = 6 };

static size_t nothing_read(void *session, const char *data, size_t len) {
    return len;
}
static void nothing(void *session) {}
static void nothing_closed(void *session, enum conn_end why) {}
static const struct conn_ops ops = {.on_read = nothing_read, .on_timeout = nothing, .on_close = nothing_closed};

struct stage {
    struct loop *loop;
    struct hub *hub;
    struct conn *c;
    struct imap_view *v;
    int news;
};

static void count_news(void *arg) {
    ((struct stage *)arg)->news++;
}

static void stage_open(struct stage *s) {
    *s = (struct stage){.loop = loop_new()};
    s->hub = hub_new(&s->loop, 1);
    s->c = conn_new_memory(s->loop, &ops, NULL, true);
    s->v = imap_view_new(s->hub, s->loop, ORIGIN, count_news, s);
    imap_view_watch(s->v, MAILBOX);
}

static void stage_close(struct stage *s) {
    imap_view_free(s->v);
    conn_memory_free(s->c);
    hub_free(s->hub);
    loop_free(s->loop);
}

static void change(struct stage *s, enum store_change_kind kind, uint64_t origin, const uint32_t *uids, size_t n) {
    struct store_change c = {.kind = kind, .mailbox_id = MAILBOX, .origin = origin, .uids = uids, .n_uids = n};
    hub_publish(s->hub, &c);
    loop_run_ready(s->loop);
}

#define CHANGE(s, kind, origin, ...)                                                                                   \
    change(s, kind, origin, (const uint32_t[]){__VA_ARGS__}, ARRAY_LEN(((const uint32_t[]){__VA_ARGS__})))

static void load(struct stage *s, uint32_t uid_next, const uint32_t *uids, size_t n) {
    struct store_mailbox_open opened = {.ret_mailbox_id = MAILBOX, .ret_uid_next = uid_next, .ret_n_uids = n};
    opened.ret_uids = mem_alloc(n * sizeof(*uids));
    memcpy(opened.ret_uids, uids, n * sizeof(*uids));
    imap_view_load(s->v, &opened);
    assert_null(opened.ret_uids);
    s->v->n_told = s->v->uids.n;
}

static void expect_uids(const struct stage *s, const uint32_t *uids, size_t n) {
    assert_int_equal(s->v->uids.n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(s->v->uids.v[i], uids[i]);
}

#define LOAD(s, next, ...) load(s, next, (const uint32_t[]){__VA_ARGS__}, ARRAY_LEN(((const uint32_t[]){__VA_ARGS__})))
#define EXPECT_UIDS(s, ...)                                                                                            \
    expect_uids(s, (const uint32_t[]){__VA_ARGS__}, ARRAY_LEN(((const uint32_t[]){__VA_ARGS__})))

static void expect_output(struct stage *s, const char *want) {
    struct slice got = conn_memory_output(s->c);
    if (!slice_eq(got, slice_from_cstr(want)))
        fail_msg("got %.*s, want %s", SLICE_FMT(got), want);
    conn_memory_take_output(s->c);
}

// What the hub says while the mailbox is being read may be in what was read, or not yet.
static void test_changes_while_reading(void **state) {
    static struct stage s;
    stage_open(&s);
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 3); // is in what was read
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 4); // was there, and is gone when it is read
    CHANGE(&s, STORE_CHANGE_EXPUNGED, OTHER, 4, 1);
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 6); // came after the reading
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 7); // came after it, and is gone
    CHANGE(&s, STORE_CHANGE_EXPUNGED, OTHER, 7, 2);
    LOAD(&s, 6, 1, 2, 3, 5); // read before 1 and 2 were expunged
    EXPECT_UIDS(&s, 3, 5, 6);
    assert_int_equal(s.v->uid_next, 7 + 1);
    assert_int_equal(s.news, 0);
    // Told again, late.
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 6, 7);
    EXPECT_UIDS(&s, 3, 5, 6);
    stage_close(&s);
}

static void test_telling(void **state) {
    static struct stage s;
    stage_open(&s);
    LOAD(&s, 10, 1, 3, 5, 7, 9);
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 10, 11);
    assert_int_equal(s.news, 1);
    CHANGE(&s, STORE_CHANGE_EXPUNGED, OTHER, 3, 9, 11, 100);
    // The client's numbers stay until it is told; what it never knew of is gone without a word.
    EXPECT_UIDS(&s, 1, 3, 5, 7, 9, 10);
    assert_int_equal(imap_view_seq(s.v, 5), 3);
    assert_int_equal(imap_view_seq(s.v, 10), 0);
    imap_view_tell_added(s.v, s.c);
    expect_output(&s, "* 6 EXISTS\r\n");
    imap_view_tell_expunged(s.v, s.c);
    expect_output(&s, "* 5 EXPUNGE\r\n* 2 EXPUNGE\r\n");
    EXPECT_UIDS(&s, 1, 5, 7, 10);
    imap_view_tell_added(s.v, s.c);
    imap_view_tell_expunged(s.v, s.c);
    expect_output(&s, "");
    stage_close(&s);
}

static void test_flags(void **state) {
    static struct stage s;
    stage_open(&s);
    LOAD(&s, 4, 1, 2, 3);
    CHANGE(&s, STORE_CHANGE_FLAGS, ORIGIN, 1); // its own doing
    CHANGE(&s, STORE_CHANGE_FLAGS, OTHER, 2, 3, 9);
    assert_int_equal(s.v->changed.n, 2);
    CHANGE(&s, STORE_CHANGE_EXPUNGED, OTHER, 3);
    assert_int_equal(s.v->changed.n, 1);
    assert_int_equal(s.v->changed.v[0], 2);
    CHANGE(&s, STORE_CHANGE_FLAGS, OTHER, 3);
    assert_int_equal(s.v->changed.n, 1);
    stage_close(&s);
}

static void test_deleted(void **state) {
    static struct stage s;
    stage_open(&s);
    LOAD(&s, 4, 1, 2);
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 4);
    change(&s, STORE_CHANGE_DELETED, OTHER, NULL, 0);
    imap_view_tell_expunged(s.v, s.c);
    imap_view_tell_added(s.v, s.c);
    expect_output(&s, "* 2 EXPUNGE\r\n* 1 EXPUNGE\r\n");
    assert_int_equal(s.v->uids.n, 0);
    stage_close(&s);
}

// The mailbox goes after it was read and before the answer has come back to the loop.
static void test_deleted_while_opening(void **state) {
    static struct stage s;
    stage_open(&s);
    change(&s, STORE_CHANGE_DELETED, OTHER, NULL, 0);
    LOAD(&s, 4, 1, 2);
    assert_int_equal(s.v->uids.n, 0);
    stage_close(&s);
}

static void test_resolve(void **state) {
    static struct stage s;
    static struct store_uid_range r[2];
    struct imap_set set = {r, 1};
    stage_open(&s);
    LOAD(&s, 21, 5, 10, 20);
    r[0] = (struct store_uid_range){1, 3};
    assert_true(imap_view_resolve(s.v, &set, false));
    assert_int_equal(r[0].first, 5);
    assert_int_equal(r[0].last, 20);
    r[0] = (struct store_uid_range){4, 4};
    assert_false(imap_view_resolve(s.v, &set, false));
    // What has not been announced is out of reach.
    CHANGE(&s, STORE_CHANGE_ADDED, 0, 21);
    r[0] = (struct store_uid_range){1, 500};
    assert_true(imap_view_resolve(s.v, &set, true));
    assert_int_equal(r[0].last, 20);
    r[0] = (struct store_uid_range){21, 500};
    assert_true(imap_view_resolve(s.v, &set, true));
    assert_int_equal(set.n, 0);
    stage_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_while_reading),
        cmocka_unit_test(test_telling),
        cmocka_unit_test(test_flags),
        cmocka_unit_test(test_deleted),
        cmocka_unit_test(test_deleted_while_opening),
        cmocka_unit_test(test_resolve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
