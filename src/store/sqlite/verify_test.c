// SPDX-License-Identifier: MIT
// Each kind of damage that verify knows is planted and found.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/queue_support.h"

// A small store: accounts 1 and 2, message 1 (body 1, inline) in both, message 2 (body 2, in a file) in account 1.
static void fill(struct fixture *f) {
    fixture_init(f);
    make_account(f, "a@example.org", NULL);
    make_account(f, "b@example.org", NULL);
    uint8_t dedup[32] = {1};
    struct store_deliver *d = store_deliver_new(make_body(f, "hello", 5), dedup);
    store_deliver_add(d, SLICE("a@example.org"));
    store_deliver_add(d, SLICE("b@example.org"));
    assert_int_equal(run_and_free(f, &d->op), STORE_OK);
    char *large = make_message(100000, 1);
    assert_int_equal(deliver(f, "a@example.org", large, 100000, NULL), STORE_DELIVERED);
    free(large);
    assert_int_equal(run_and_free(f, &store_token_add_new(1, SLICE("token"))->op), STORE_OK);
    fixture_close(f);
}

// Another last octet than it has.
#define OTHER(column, at) "CASE substr(" column ", " at ", 1) WHEN x'00' THEN x'01' ELSE x'00' END"
#define NOT_A_TOKEN "device token 1: is not one: it has an octet or a length that none may have\n"

static void test_rows(void **state) {
    static const struct {
        const char *damage, *want, *repair;
    } cases[] = {
        {"UPDATE account SET inbox_id = 2 WHERE id = 1", "account 1: has no INBOX\n",
         "UPDATE account SET inbox_id = id"},
        {"UPDATE mailbox SET account_id = 9 WHERE id = 2",
         "account 2: has no INBOX\nmailbox 2: belongs to no account\n", "UPDATE mailbox SET account_id = id"},
        {"UPDATE token SET account_id = 9", "device token 1: belongs to no account\n",
         "UPDATE token SET account_id = 1"},
        {"UPDATE token SET token = 'a b'", NOT_A_TOKEN, "UPDATE token SET token = '!#[]^~'"},
        {"UPDATE token SET token = 'a\"b'", NOT_A_TOKEN, "UPDATE token SET token = 'x'"},
        {"UPDATE token SET token = 'a\\b'", NOT_A_TOKEN, "UPDATE token SET token = printf('%.4096c', 'x')"},
        {"UPDATE token SET token = token || 'x'", NOT_A_TOKEN, "UPDATE token SET token = 'x'"},
        {"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 22)"
         " INSERT INTO token(id, account_id, token, day) SELECT i, 2, i, 1 FROM n",
         "account 2: has more device tokens than it may\n", "DELETE FROM token WHERE id = 22"},
        {"INSERT INTO push VALUES(1, 5, 0, 5), (99, 5, 0, 5)", "push 99: its device token is gone\n",
         "DELETE FROM push WHERE token_id = 99"},
        {"UPDATE mailbox SET uid_validity = uid_validity + 5 WHERE id = 2",
         "mailbox 2: has a UIDVALIDITY that was not given out, or twice\n",
         "UPDATE mailbox SET uid_validity = uid_validity - 5 WHERE id = 2"},
        {"UPDATE mailbox SET unseen = 1 WHERE id = 1", "mailbox 1: its counters differ from its messages\n",
         "UPDATE mailbox SET unseen = 2 WHERE id = 1"},
        {"UPDATE mailbox SET octets = 6 WHERE id = 2", "mailbox 2: its counters differ from its messages\n",
         "UPDATE mailbox SET octets = 5 WHERE id = 2"},
        {"UPDATE mailbox SET uid_next = 2 WHERE id = 1",
         "mailbox 1: has a message whose UID or modseq was not given out\n",
         "UPDATE mailbox SET uid_next = 3 WHERE id = 1"},
        {"UPDATE mailbox SET modseq = 2 WHERE id = 1",
         "mailbox 1: has a message whose UID or modseq was not given out\n",
         "UPDATE mailbox SET modseq = 3 WHERE id = 1"},
        {"UPDATE entry SET mailbox_id = 7 WHERE mailbox_id = 2",
         "mailbox 2: its counters differ from its messages\nmailbox 7: is gone, but messages of it are there\n",
         "UPDATE entry SET mailbox_id = 2 WHERE mailbox_id = 7"},
        {"INSERT INTO doomed VALUES(2)", "mailbox 2: is there, but was deleted\n", "DELETE FROM doomed"},
        {"INSERT INTO secret VALUES('short', randomblob(32)); PRAGMA ignore_check_constraints = ON;"
         "UPDATE secret SET value = x'00'",
         "database: CHECK constraint failed in secret\n", "DELETE FROM secret"},
        {"UPDATE entry SET body_id = 9 WHERE mailbox_id = 2",
         "body 9: is missing, but a message refers to it\nbody 1: counts references that are not there, or misses "
         "some\n",
         "UPDATE entry SET body_id = 1 WHERE mailbox_id = 2"},
        {"UPDATE body SET refs = 3 WHERE id = 1", "body 1: counts references that are not there, or misses some\n",
         "UPDATE body SET refs = 2 WHERE id = 1"},
        {"UPDATE body SET size = 6 WHERE id = 1",
         "body 1: has another size than a message that refers to it\nbody 1: does not decrypt\n",
         "UPDATE body SET size = 5 WHERE id = 1"},
        {"UPDATE body_data SET id = 5 WHERE id = 1",
         "body 1: has octets both in the database and in a file, or nowhere\nbody 5: has octets but no row\n"
         "body 1: cannot be opened\n",
         "UPDATE body_data SET id = 1 WHERE id = 5"},
        {"UPDATE entry SET key = CAST(key || x'00' AS BLOB) WHERE mailbox_id = 2",
         "body 1: has a message with a malformed key\n", "UPDATE entry SET key = substr(key, 1, 33)"},
        {"UPDATE entry SET key = CAST(substr(key, 1, 32) || " OTHER("key", "33") " AS BLOB) WHERE mailbox_id = 2",
         "body 1: does not decrypt\n",
         "UPDATE entry SET key = (SELECT key FROM entry WHERE mailbox_id = 1 AND uid = 1) WHERE mailbox_id = 2"},
        {"UPDATE body_data SET data = CAST(substr(data, 1, 20) || " OTHER("data", "21") " AS BLOB)",
         "body 1: does not decrypt\n", NULL},
    };
    struct fixture f;
    fill(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int n;
        assert_string_equal(fixture_verify(&f, &n), "");
        fixture_sql(&f, cases[i].damage);
        const char *got = fixture_verify(&f, &n);
        assert_string_equal(got, cases[i].want);
        int lines = 0;
        for (const char *p = got; *p != '\0'; p++)
            lines += *p == '\n';
        assert_int_equal(n, lines);
        if (cases[i].repair != NULL)
            fixture_sql(&f, cases[i].repair);
    }
    fixture_sql(&f, "DELETE FROM body_data; DELETE FROM entry WHERE body_id = 1; DELETE FROM body WHERE id = 1;"
                    "UPDATE mailbox SET messages = 0, unseen = 0, octets = 0 WHERE id = 2;"
                    "UPDATE mailbox SET messages = 1, unseen = 1, octets = 100000 WHERE id = 1");
    fixture_open(&f);
    fixture_done(&f);
}

// Letters 1 to one.net and two.net from account 1, and 2 to one.net from nobody.
static void fill_queue(struct fixture *f) {
    fixture_init(f);
    make_account(f, "a@example.org", NULL);
    uint64_t first = send_letter(f, 1, "b@one.net c@one.net d@two.net");
    send_letter(f, 0, "b@one.net");
    assert_int_equal(settle(f, first, "c@one.net b@one.net", 5, "450"), STORE_OK);
    assert_int_equal(defer(f, "two.net", 1, 5, "refused"), STORE_OK);
    fixture_close(f);
}

static void test_queue(void **state) {
    static const struct {
        const char *damage, *want, *repair;
    } cases[] = {
        {"UPDATE due SET letter_id = 9 WHERE id = 3",
         "due row 3: belongs to no letter\nletter 2: counts due rows that are not there, or misses some\n"
         "destination 1: its counters or times differ from its due rows\n",
         "UPDATE due SET letter_id = 2 WHERE id = 3"},
        {"UPDATE due SET destination_id = 9 WHERE id = 2",
         "due row 2: belongs to no destination\n"
         "destination 2: its counters or times differ from its due rows\n",
         "UPDATE due SET destination_id = 2 WHERE id = 2"},
        {"UPDATE due SET recipients = 'd@two.net' WHERE id = 2",
         "due row 2: has another number of recipients than it counts, or none\n",
         "UPDATE due SET recipients = 'd@two.net' || char(10) WHERE id = 2"},
        {"UPDATE letter SET sender_id = 9 WHERE id = 1",
         "letter 1: has a sender that is not there\nsender 1: its counter differs from its letters\n",
         "UPDATE letter SET sender_id = 1 WHERE id = 1"},
        {"UPDATE sender SET recipients = 2", "sender 1: its counter differs from its letters\n",
         "UPDATE sender SET recipients = 3"},
        {"UPDATE sender SET account_id = 9", "sender 1: is an account that is not there\n",
         "UPDATE sender SET account_id = 1"},
        {"UPDATE destination SET octets = 1 WHERE id = 1",
         "destination 1: its counters or times differ from its due rows\n",
         "UPDATE destination SET octets = 68 WHERE id = 1"},
        {"UPDATE destination SET next_at = next_at + 1 WHERE id = 2",
         "destination 2: its counters or times differ from its due rows\n",
         "UPDATE destination SET next_at = next_at - 1 WHERE id = 2"},
        {"UPDATE destination SET oldest = oldest - 1 WHERE id = 2",
         "destination 2: its counters or times differ from its due rows\n",
         "UPDATE destination SET oldest = oldest + 1 WHERE id = 2"},
        {"INSERT INTO destination VALUES(7, 'x', 0, 0, 0, 0, 0, 0, 0, 0, '')",
         "destination 7: its counters or times differ from its due rows\n"
         "queue 1: its counters differ from what is in it\n",
         "DELETE FROM destination WHERE id = 7"},
        {"UPDATE queue SET octets = octets + 1", "queue 1: its counters differ from what is in it\n",
         "UPDATE queue SET octets = octets - 1"},
        {"UPDATE letter SET body_id = 9 WHERE id = 2",
         "body 9: is missing, but a message refers to it\n"
         "body 2: counts references that are not there, or misses some\n",
         "UPDATE letter SET body_id = 2 WHERE id = 2"},
        {"UPDATE body SET refs = 2 WHERE id = 1", "body 1: counts references that are not there, or misses some\n",
         "UPDATE body SET refs = 1 WHERE id = 1"},
        {"UPDATE letter SET key = CAST(key || x'00' AS BLOB) WHERE id = 2",
         "body 2: has a message with a malformed key\n", "UPDATE letter SET key = substr(key, 1, 33)"},
        {"UPDATE letter SET key = CAST(substr(key, 1, 32) || " OTHER("key", "33") " AS BLOB) WHERE id = 2",
         "body 2: does not decrypt\n", NULL},
    };
    struct fixture f;
    fill_queue(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int n;
        assert_string_equal(fixture_verify(&f, &n), "");
        fixture_sql(&f, cases[i].damage);
        const char *got = fixture_verify(&f, &n);
        assert_string_equal(got, cases[i].want);
        if (cases[i].repair != NULL)
            fixture_sql(&f, cases[i].repair);
    }
    fixture_open(&f);
    assert_int_equal(settle(&f, 1, NULL, 0, ""), STORE_OK);
    assert_int_equal(settle(&f, 3, NULL, 0, ""), STORE_OK);
    fixture_done(&f);
}

static void test_files(void **state) {
    struct fixture f;
    int n;
    fill(&f);
    char path[256], moved[300], stray[300];
    assert_int_equal(fixture_files(&f, path), 1);
    (void)snprintf(moved, sizeof(moved), "%s.away", path);
    assert_int_equal(rename(path, moved), 0);
    const char *got = fixture_verify(&f, &n);
    assert_int_equal(n, 2);
    assert_non_null(strstr(got, "body 2: cannot be opened\n"));
    assert_non_null(strstr(got, ".away: does not belong here\n"));
    assert_int_equal(rename(moved, path), 0);

    int fd = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(fd, "x", 1), 1);
    assert_string_equal(fixture_verify(&f, &n), "body 2: its file has another size\n");
    assert_int_equal(ftruncate(fd, 100000), 0);
    assert_string_equal(fixture_verify(&f, &n), "body 2: its file has another size\nbody 2: does not decrypt\n");
    (void)close(fd);

    (void)snprintf(stray, sizeof(stray), "%s/bodies/stray", f.dir);
    assert_int_equal(mkdir(stray, 0700), 0);
    fixture_sql(&f, "DELETE FROM entry WHERE body_id = 2; DELETE FROM body WHERE id = 2;"
                    "UPDATE mailbox SET messages = 1, unseen = 1, octets = 5 WHERE id = 1");
    got = fixture_verify(&f, &n);
    assert_int_equal(n, 2);
    assert_non_null(strstr(got, ": no message refers to it\n"));
    assert_non_null(strstr(got, "body file stray: does not belong here\n"));
    assert_int_equal(rmdir(stray), 0);
    fixture_open(&f); // sweeps the file
    fixture_done(&f);
}

// A page of the database that is overwritten.
static void test_pages(void **state) {
    struct fixture f;
    int n;
    fill(&f);
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/martlet.db", f.dir);
    int64_t root = fixture_number(&f, "SELECT rootpage FROM sqlite_schema WHERE name = 'entry_deleted'");
    int fd = open(path, O_RDWR);
    static uint8_t good[4096], bad[4096];
    assert_int_equal(pread(fd, good, sizeof(good), (root - 1) * 4096), sizeof(good));
    memset(bad, 0x5a, sizeof(bad));
    assert_int_equal(pwrite(fd, bad, sizeof(bad), (root - 1) * 4096), sizeof(bad));
    (void)fixture_verify(&f, &n);
    assert_true(n > 0);
    assert_int_equal(pwrite(fd, good, sizeof(good), (root - 1) * 4096), sizeof(good));
    (void)close(fd);
    fixture_open(&f);
    fixture_done(&f);
}

static void test_nothing_there(void **state) {
    const char *error = NULL;
    assert_int_equal(store_verify("/nonexistent", NULL, NULL, &error), -1);
    assert_string_equal(error, "the state directory cannot be opened: No such file or directory");
    char dir[] = "/tmp/martlet-store-XXXXXX";
    assert_non_null(mkdtemp(dir));
    assert_int_equal(store_verify(dir, NULL, NULL, &error), -1);
    assert_string_equal(error, "there is no store in the state directory");
    assert_int_equal(rmdir(dir), 0); // nothing was made
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),  cmocka_unit_test(test_queue),         cmocka_unit_test(test_files),
        cmocka_unit_test(test_pages), cmocka_unit_test(test_nothing_there),
    };
    return cmocka_run_group_tests_name("store/verify", tests, NULL, NULL);
}
