// SPDX-License-Identifier: MIT
// Every statement finds its rows through an index: what a message costs does not grow with what is stored. Here
// SQLite's own plan of each is looked at; a scan must be one of those that are meant.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "store/sqlite/db.h"
#include "store/test_support.h"

// Sorting the tokens of one account, of which there are few; counting policies of other domains, which are at most
// STORE_STS_MAX, when a new one comes; crowded accounts, and the messages of one; and the row that an INSERT ... SELECT
// without a table has.
static bool is_meant(enum sql sql, const char *step) {
    if (sql == SQL_TOKEN_TRIM || sql == SQL_TOKEN_LIST)
        return strcmp(step, "USE TEMP B-TREE FOR ORDER BY") == 0;
    if (sql == SQL_PUSH_TOTAL)
        return strcmp(step, "SCAN CONSTANT ROW") == 0 ||
               strcmp(step, "SCAN push USING COVERING INDEX push_next") == 0 ||
               strcmp(step, "SCAN token USING COVERING INDEX token_day") == 0;
    if (sql == SQL_EXPIRY_OLDEST)
        return strcmp(step, "USE TEMP B-TREE FOR ORDER BY") == 0;
    if (sql == SQL_EXPIRY_CLOCK)
        return strcmp(step, "SCAN CONSTANT ROW") == 0;
    if (sql == SQL_CROWDED_MEND)
        return strcmp(step, "SCAN crowded") == 0;
    if (sql == SQL_EXPIRY_CLOCK_KEEP)
        return strcmp(step, "SCAN 2 CONSTANT ROWS") == 0;
    if (sql == SQL_STS_TRIM)
        return strcmp(step, "SCAN sts_policy USING COVERING INDEX sts_policy_fetched") == 0;
    return sql == SQL_ACCEPTED_INSERT && strcmp(step, "SCAN CONSTANT ROW") == 0;
}

static void test_plans(void **state) {
    struct fixture f;
    fixture_init(&f);
    const char *error = NULL;
    struct db *db = db_open(f.dir, &error);
    assert_non_null(db);
    for (int i = 0; i < SQL_BEGIN_READ; i++) {
        char explain[1024];
        sqlite3_stmt *stmt = NULL;
        assert_non_null(sql_text[i]);
        (void)snprintf(explain, sizeof(explain), "EXPLAIN QUERY PLAN %s", sql_text[i]);
        assert_int_equal(sqlite3_prepare_v2(db->handle, explain, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *step = (const char *)sqlite3_column_text(stmt, 3);
            bool scans = strncmp(step, "SCAN", 4) == 0, sorts = strstr(step, "TEMP B-TREE") != NULL;
            if ((scans || sorts) && !is_meant((enum sql)i, step))
                fail_msg("\"%s\": %s", sql_text[i], step);
        }
        assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    }
    db_close(db);
    fixture_done(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans)};
    return cmocka_run_group_tests_name("store/sql", tests, NULL, NULL);
}
