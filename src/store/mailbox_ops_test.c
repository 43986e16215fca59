// SPDX-License-Identifier: MIT
// The contract of every backend: mailboxes, and how their names are kept.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/mailbox_name.h"
#include "store/store_internal.h"
#include "store/test_support.h"

static void test_names(void **state) {
    static const struct {
        const char *name, *want; // NULL: none
    } cases[] = {
        {"Box", "Box"},
        {"inbox", "INBOX"},
        {"InBoX/a", "INBOX/a"},
        {"inboxes", "inboxes"},
        {"a/inbox", "a/inbox"},
        {"a/b/", "a/b"},
        {"&AOQ-", "&AOQ-"},
        {"a b", "a b"},
        {"", NULL},
        {"/", NULL},
        {"/a", NULL},
        {"a//b", NULL},
        {"a//", NULL},
        {"a\r\nb", NULL},
        {"a\x7f", NULL},
        {"inbox/", "INBOX"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[STORE_MAILBOX_NAME_MAX + 1] = "none";
        bool ok = mailbox_name_normal(cases[i].name, got);
        if (ok != (cases[i].want != NULL) || (ok && strcmp(got, cases[i].want) != 0))
            fail_msg("\"%s\": got %d \"%s\"", cases[i].name, ok, got);
    }
    char longest[STORE_MAILBOX_NAME_MAX + 2], got[STORE_MAILBOX_NAME_MAX + 1];
    memset(longest, 'a', sizeof(longest));
    longest[STORE_MAILBOX_NAME_MAX + 1] = '\0';
    assert_false(mailbox_name_normal(longest, got));
    longest[STORE_MAILBOX_NAME_MAX] = '\0';
    assert_true(mailbox_name_normal(longest, got));
}

// "name name* ..." of the account, a star behind subscribed ones.
static void expect_list(struct fixture *f, uint64_t account, const char *want) {
    struct store_mailbox_list *l = store_mailbox_list_new(account);
    char got[1024] = "";
    assert_int_equal(run_op(f, &l->op), STORE_OK);
    for (size_t i = 0; i < l->ret_n_mailboxes; i++)
        (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s ", l->ret_mailboxes[i].name,
                       l->ret_mailboxes[i].subscribed ? "*" : "");
    store_op_free(&l->op);
    assert_string_equal(got, want);
}

static void test_edits(void **state) {
    static const struct {
        enum store_mailbox_edit_kind kind;
        const char *name, *new_name;
        enum store_status status;
        const char *list;
    } cases[] = {
        {STORE_MAILBOX_CREATE, "Sent/", "", STORE_OK, "INBOX* Sent "},
        {STORE_MAILBOX_CREATE, "Sent", "", STORE_EXISTS, "INBOX* Sent "},
        {STORE_MAILBOX_CREATE, "Inbox", "", STORE_EXISTS, "INBOX* Sent "},
        {STORE_MAILBOX_CREATE, "a//b", "", STORE_INVALID, "INBOX* Sent "},
        {STORE_MAILBOX_CREATE, "a/b/c", "", STORE_OK, "INBOX* Sent a a/b a/b/c "},
        {STORE_MAILBOX_SUBSCRIBE, "a/b", "", STORE_OK, "INBOX* Sent a a/b* a/b/c "},
        {STORE_MAILBOX_SUBSCRIBE, "x", "", STORE_NOT_FOUND, "INBOX* Sent a a/b* a/b/c "},
        {STORE_MAILBOX_UNSUBSCRIBE, "inbox", "", STORE_OK, "INBOX Sent a a/b* a/b/c "},
        {STORE_MAILBOX_RENAME, "a", "Sent", STORE_EXISTS, "INBOX Sent a a/b* a/b/c "},
        {STORE_MAILBOX_RENAME, "x", "y", STORE_NOT_FOUND, "INBOX Sent a a/b* a/b/c "},
        {STORE_MAILBOX_RENAME, "a", "a/d", STORE_INVALID, "INBOX Sent a a/b* a/b/c "},
        {STORE_MAILBOX_RENAME, "a", "", STORE_INVALID, "INBOX Sent a a/b* a/b/c "},
        {STORE_MAILBOX_RENAME, "a", "n/m", STORE_OK, "INBOX Sent n n/m n/m/b* n/m/b/c "},
        {STORE_MAILBOX_DELETE, "n/m", "", STORE_OK, "INBOX Sent n n/m/b* n/m/b/c "},
        {STORE_MAILBOX_RENAME, "n/m/b", "n/m", STORE_OK, "INBOX Sent n n/m* n/m/c "},
        {STORE_MAILBOX_DELETE, "n", "", STORE_OK, "INBOX Sent n/m* n/m/c "},
        {STORE_MAILBOX_RENAME, "n/m", "n", STORE_OK, "INBOX Sent n* n/c "},
        {STORE_MAILBOX_DELETE, "inbox", "", STORE_INVALID, "INBOX Sent n* n/c "},
        {STORE_MAILBOX_DELETE, "x", "", STORE_NOT_FOUND, "INBOX Sent n* n/c "},
        {STORE_MAILBOX_CREATE, "n0", "", STORE_OK, "INBOX Sent n* n/c n0 "},
        {STORE_MAILBOX_RENAME, "n", "z", STORE_OK, "INBOX Sent n0 z* z/c "},
    };
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL), b = make_account(&f, "b@example.org", NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum store_status status = edit(&f, cases[i].kind, a, cases[i].name, cases[i].new_name);
        if (status != cases[i].status)
            fail_msg("case %zu: got %d, want %d", i, (int)status, (int)cases[i].status);
        expect_list(&f, a, cases[i].list);
    }
    expect_list(&f, b, "INBOX* ");
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, 99, "x", ""), STORE_NOT_FOUND);
    assert_string_equal(describe(&f, a, "nowhere"), "status 1");
    assert_string_equal(describe(&f, a, ""), "status 1");
    fixture_done(&f);
}

// A child's name would be too long: nothing is renamed.
static void test_rename_too_long(void **state) {
    char name[STORE_MAILBOX_NAME_MAX + 1];
    memset(name, 'n', sizeof(name));
    name[250] = '\0';
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "a/bcdefg", ""), STORE_OK);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "a", name), STORE_INVALID);
    expect_list(&f, a, "INBOX* a a/bcdefg ");
    fixture_done(&f);
}

static void test_uid_validity_grows(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Old", ""), STORE_OK);
    uint32_t first = uid_validity(&f, a, "Box"), inbox = uid_validity(&f, a, "INBOX");
    assert_true(first > inbox);
    assert_int_equal(edit(&f, STORE_MAILBOX_DELETE, a, "Box", ""), STORE_OK);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    uint32_t second = uid_validity(&f, a, "Box");
    assert_true(second > first);
    assert_int_equal(edit(&f, STORE_MAILBOX_DELETE, a, "Box", ""), STORE_OK);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "Old", "Box"), STORE_OK);
    assert_true(uid_validity(&f, a, "Box") > second);
    fixture_close(&f);
    fixture_open(&f);
    assert_int_equal(uid_validity(&f, a, "INBOX"), inbox);
    fixture_done(&f);
}

static void test_rename_inbox(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "INBOX/child", ""), STORE_OK);
    append(&f, a, "INBOX", "one", STORE_FLAG_SEEN, "");
    append(&f, a, "INBOX", "two", STORE_FLAG_DELETED, "");
    uint32_t validity = uid_validity(&f, a, "INBOX");
    (void)fixture_changes(&f);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "inbox", "Archive/1"), STORE_OK);
    assert_string_equal(fixture_changes(&f), "expunged 1:1,2 origin=0;");
    expect_list(&f, a, "Archive Archive/1 INBOX* INBOX/child ");
    assert_string_equal(describe(&f, a, "INBOX"), "3/0/0/0/0");
    assert_string_equal(describe(&f, a, "Archive/1"), "3/2/1/1/6");
    assert_int_equal(uid_validity(&f, a, "INBOX"), validity);
    assert_int_equal(edit(&f, STORE_MAILBOX_RENAME, a, "INBOX", "Archive/1"), STORE_EXISTS);
    append(&f, a, "INBOX", "three", 0, "");
    assert_string_equal(describe(&f, a, "INBOX"), "4/1/1/0/5");
    fixture_done(&f);
}

static void test_delete_with_messages(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    char *large = make_message(70001, 1);
    large[70000] = '\0';
    append(&f, a, "Box", large, 0, "");
    append(&f, a, "Box", "small", 0, "");
    assert_int_equal(fixture_files(&f, NULL), 1);
    (void)fixture_changes(&f);
    struct store_mailbox_edit *e = store_mailbox_edit_new(STORE_MAILBOX_DELETE, a, SLICE("Box"), SLICE_EMPTY);
    e->origin = 12;
    assert_int_equal(run_and_free(&f, &e->op), STORE_OK);
    assert_string_equal(fixture_changes(&f), "deleted 2: origin=12;");
    fixture_wait_deleted(&f);
    fixture_close(&f);
    assert_int_equal(fixture_files(&f, NULL), 0);
    fixture_open(&f);
    assert_int_equal(fixture_number(&f, "SELECT (SELECT count(*) FROM body) + (SELECT count(*) FROM entry)"), 0);
    free(large);
    fixture_done(&f);
}

// A mailbox can hold 200,000 messages and all of a quota. Nobody waits for more than a piece of them: what made it a
// mailbox goes in one commit, and the messages afterwards, as those of an account do.
static void test_delete_in_pieces(void **state) {
    enum { MANY = 4096, LEAST_COMMITS = 4 };
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    struct store_uid_range range = {1, append(&f, a, "Box", "one of many", 0, "")};
    uint64_t box = mailbox_id(&f, a, "Box");
    for (; range.last < MANY; range.last *= 2)
        assert_int_equal(run_and_free(&f, &store_copy_new(a, box, &range, 1, SLICE("Box"), false)->op), STORE_OK);
    append(&f, a, "INBOX", "kept", 0, "");
    uint64_t before = store_test_commits(f.store);
    assert_int_equal(edit(&f, STORE_MAILBOX_DELETE, a, "Box", ""), STORE_OK);
    struct store_quota *q = store_quota_new(a);
    assert_int_equal(run_op(&f, &q->op), STORE_OK);
    assert_int_equal(q->ret_used, 4);
    store_op_free(&q->op);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "Box", ""), STORE_OK);
    assert_string_equal(describe(&f, a, "Box"), "1/0/0/0/0");
    fixture_wait_deleted(&f);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM entry"), 1);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM body"), 1);
    uint64_t commits = store_test_commits(f.store) - before;
    if (commits < LEAST_COMMITS)
        fail_msg("%llu commits", (unsigned long long)commits);
    fixture_done(&f);
}

static void test_too_many(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    char name[16];
    for (int i = 2; i <= STORE_MAILBOXES_MAX - 1; i++) {
        (void)snprintf(name, sizeof(name), "m%d", i);
        assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, name, ""), STORE_OK);
    }
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "x/y", ""), STORE_QUOTA);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "x", ""), STORE_OK);
    assert_int_equal(edit(&f, STORE_MAILBOX_CREATE, a, "y", ""), STORE_QUOTA);
    assert_int_equal(fixture_number(&f, "SELECT count(*) FROM mailbox"), STORE_MAILBOXES_MAX);
    fixture_done(&f);
}

static void test_first_unseen(void **state) {
    struct fixture f;
    fixture_init(&f);
    uint64_t a = make_account(&f, "a@example.org", NULL);
    append(&f, a, "INBOX", "1", STORE_FLAG_SEEN, "");
    append(&f, a, "INBOX", "2", 0, "");
    append(&f, a, "INBOX", "3", 0, "");
    struct store_mailbox_open *o = store_mailbox_open_new(a, SLICE("INBOX"), true);
    assert_int_equal(run_op(&f, &o->op), STORE_OK);
    assert_int_equal(o->ret_first_unseen_uid, 2);
    assert_int_equal(o->ret_n_uids, 3);
    assert_int_equal(o->ret_uids[2], 3);
    assert_int_equal(o->ret_highest_modseq, 4);
    store_op_free(&o->op);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_rename_too_long),
        cmocka_unit_test(test_uid_validity_grows),
        cmocka_unit_test(test_rename_inbox),
        cmocka_unit_test(test_delete_with_messages),
        cmocka_unit_test(test_delete_in_pieces),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_first_unseen),
    };
    return cmocka_run_group_tests_name("store/mailbox", tests, NULL, NULL);
}
