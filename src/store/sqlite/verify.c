// SPDX-License-Identifier: MIT
// `martlet verify`: everything the rows promise is looked at. Nothing is changed.
#include "store/sqlite/verify.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/hex.h"
#include "base/mem.h"
#include "store/sqlite/body_access.h"
#include "store/sqlite/schema.h"

struct verify {
    struct db *db;
    struct body_dir *bodies;
    void (*on_problem)(void *arg, const char *sentence);
    void *arg;
    int n_problems;
};

static void PRINTF_LIKE(2, 3) problem(struct verify *v, const char *fmt, ...) {
    char sentence[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    v->n_problems++;
    v->on_problem(v->arg, sentence);
}

// Each row of the query is one problem, told by its number.
struct check {
    const char *what; // "<what> <number>: <wrong>"
    const char *wrong;
    const char *sql;
};

// Whatever refers to a body: an entry of a mailbox, or a letter in the queue.
#define REFERENCES "(SELECT body_id, key, size FROM entry UNION ALL SELECT body_id, key, size FROM letter)"

static const struct check checks[] = {
    {"account", "has no INBOX",
     "SELECT id FROM account a WHERE NOT EXISTS"
     " (SELECT 1 FROM mailbox m WHERE m.id = a.inbox_id AND m.account_id = a.id AND m.name = 'INBOX')"},
    {"mailbox", "belongs to no account", "SELECT id FROM mailbox WHERE account_id NOT IN (SELECT id FROM account)"},
    {"device token", "belongs to no account", "SELECT id FROM token WHERE account_id NOT IN (SELECT id FROM account)"},
    {"device token", "is not one: it has an octet or a length that none may have",
     "SELECT id FROM token WHERE length(token) NOT BETWEEN 1 AND 4096 OR token GLOB '*[^]!#-[^-~]*'"},
    {"account", "has more device tokens than it may",
     "SELECT account_id FROM token GROUP BY account_id HAVING count(*) > 20"},
    {"push", "its device token is gone", "SELECT token_id FROM push WHERE token_id NOT IN (SELECT id FROM token)"},
    {"mailbox", "has a UIDVALIDITY that was not given out, or twice",
     "SELECT id FROM mailbox m WHERE uid_validity NOT BETWEEN 1 AND"
     " (SELECT value FROM meta WHERE name = 'uid_validity')"
     " OR uid_validity IN (SELECT uid_validity FROM mailbox GROUP BY uid_validity HAVING count(*) > 1)"},
    {"mailbox", "its counters differ from its messages",
     "SELECT m.id FROM mailbox m LEFT JOIN (SELECT mailbox_id, count(*) AS messages, sum(flags & 1 = 0) AS unseen,"
     " sum(flags & 8 != 0) AS deleted, sum(size) AS octets FROM entry GROUP BY mailbox_id) e ON e.mailbox_id = m.id"
     " WHERE m.messages != ifnull(e.messages, 0) OR m.unseen != ifnull(e.unseen, 0)"
     " OR m.deleted != ifnull(e.deleted, 0) OR m.octets != ifnull(e.octets, 0)"},
    {"mailbox", "has a message whose UID or modseq was not given out",
     "SELECT DISTINCT m.id FROM mailbox m JOIN entry e ON e.mailbox_id = m.id"
     " WHERE e.uid NOT BETWEEN 1 AND m.uid_next - 1 OR e.modseq NOT BETWEEN 1 AND m.modseq"},
    // Those of a deleted one go piece by piece; a relay that was killed meanwhile goes on when it starts.
    {"mailbox", "is gone, but messages of it are there",
     "SELECT DISTINCT mailbox_id FROM entry WHERE mailbox_id NOT IN (SELECT id FROM mailbox)"
     " AND mailbox_id NOT IN (SELECT mailbox_id FROM doomed)"},
    {"mailbox", "is there, but was deleted", "SELECT id FROM mailbox WHERE id IN (SELECT mailbox_id FROM doomed)"},
    {"body", "is missing, but a message refers to it",
     "SELECT DISTINCT body_id FROM " REFERENCES " WHERE body_id NOT IN (SELECT id FROM body)"},
    {"body", "counts references that are not there, or misses some",
     "SELECT b.id FROM body b LEFT JOIN (SELECT body_id, count(*) AS n FROM " REFERENCES
     " GROUP BY body_id) e ON e.body_id = b.id WHERE b.refs != ifnull(e.n, 0) OR b.refs < 1"},
    {"body", "has another size than a message that refers to it",
     "SELECT DISTINCT b.id FROM " REFERENCES " e JOIN body b ON b.id = e.body_id WHERE b.size != e.size"},
    {"body", "has octets both in the database and in a file, or nowhere",
     "SELECT id FROM body b WHERE (file IS NULL) != EXISTS(SELECT 1 FROM body_data d WHERE d.id = b.id)"},
    {"body", "has octets but no row", "SELECT id FROM body_data WHERE id NOT IN (SELECT id FROM body)"},
    {"body", "has a message with a malformed key",
     "SELECT DISTINCT body_id FROM " REFERENCES " WHERE length(key) != 33 OR substr(key, 1, 1) != x'01'"},

    {"crowded account", "is not there",
     "SELECT account_id FROM crowded WHERE account_id NOT IN (SELECT id FROM account)"},
    {"mailbox", "has a message that counts as shown and is not large",
     "SELECT DISTINCT mailbox_id FROM entry WHERE shown AND size <= 200000"},

    {"due row", "belongs to no letter", "SELECT id FROM due WHERE letter_id NOT IN (SELECT id FROM letter)"},
    {"due row", "belongs to no destination",
     "SELECT id FROM due WHERE destination_id NOT IN (SELECT id FROM destination)"},
    {"due row", "has another number of recipients than it counts, or none",
     "SELECT id FROM due WHERE n_recipients < 1"
     " OR n_recipients != length(recipients) - length(replace(recipients, char(10), ''))"
     " OR substr(recipients, -1) != char(10) OR substr(recipients, 1, 1) = char(10)"
     " OR instr(recipients, char(10) || char(10))"},
    {"letter", "counts due rows that are not there, or misses some",
     "SELECT l.id FROM letter l LEFT JOIN (SELECT letter_id, count(*) AS n FROM due GROUP BY letter_id) d"
     " ON d.letter_id = l.id WHERE l.dues != ifnull(d.n, 0) OR l.dues < 1"},
    {"letter", "has a sender that is not there",
     "SELECT id FROM letter WHERE sender_id != 0 AND sender_id NOT IN (SELECT id FROM sender)"},
    {"sender", "is an account that is not there",
     "SELECT id FROM sender WHERE account_id IS NOT NULL AND account_id NOT IN (SELECT id FROM account)"},
    {"sender", "its counter differs from its letters",
     "SELECT s.id FROM sender s LEFT JOIN (SELECT l.sender_id, sum(d.n_recipients) AS n FROM due d"
     " JOIN letter l ON l.id = d.letter_id GROUP BY l.sender_id) d ON d.sender_id = s.id"
     " WHERE s.recipients != ifnull(d.n, 0) OR s.recipients < 1"},
    {"destination", "its counters or times differ from its due rows",
     "SELECT x.id FROM destination x LEFT JOIN (SELECT d.destination_id, count(*) AS dues,"
     " sum(d.n_recipients) AS recipients, sum(l.size + length(l.prefix)) AS octets, min(d.next_at) AS next_at,"
     " min(d.created) AS oldest FROM due d JOIN letter l ON l.id = d.letter_id GROUP BY d.destination_id) d"
     " ON d.destination_id = x.id WHERE (x.dues, x.recipients, x.octets, x.next_at, x.oldest)"
     " IS NOT (d.dues, d.recipients, d.octets, max(d.next_at, x.deferred_until), d.oldest)"},
    {"queue", "its counters differ from what is in it",
     "SELECT 1 WHERE (SELECT count(*) FROM queue WHERE id = 1 AND destinations = (SELECT count(*) FROM destination)"
     " AND letters = (SELECT count(*) FROM letter) AND dues = (SELECT count(*) FROM due)"
     " AND recipients = (SELECT ifnull(sum(n_recipients), 0) FROM due)"
     " AND octets = (SELECT ifnull(sum(size + length(prefix)), 0) FROM letter)) != 1"},
};

static bool run_check(struct verify *v, const struct check *check) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(v->db->handle, check->sql, -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW)
            problem(v, "%s %lld: %s", check->what, (long long)sqlite3_column_int64(stmt, 0), check->wrong);
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

// SQLite's own look at its pages and indexes.
static bool check_integrity(struct verify *v) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(v->db->handle, "PRAGMA integrity_check", -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (text != NULL && strcmp(text, "ok") != 0)
            problem(v, "database: %s", text);
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

// ---- bodies ----

static void check_body(struct verify *v, uint64_t id, const uint8_t key[BODY_KEY_LEN]) {
    struct body_access body;
    enum store_status status = body_access_open(v->db, id, key, &body);
    if (status != STORE_OK) {
        problem(v, "body %llu: cannot be opened", (unsigned long long)id);
        return;
    }
    struct stat st = {0};
    if (body.source.fd >= 0 &&
        (fstat(body.source.fd, &st) != 0 || (uint64_t)st.st_size != body_sealed_size(body.source.size)))
        problem(v, "body %llu: its file has another size", (unsigned long long)id);
    char *chunk = mem_alloc(BODY_CHUNK);
    size_t n;
    uint64_t at = 0;
    do {
        if (!body_source_read(&body.source, at, BODY_CHUNK, chunk, &n)) {
            problem(v, "body %llu: does not decrypt", (unsigned long long)id);
            break;
        }
        at += n;
    } while (at < body.source.size);
    free(chunk);
    body_access_close(&body);
}

// One body may be in many mailboxes and in the queue; it is read once as long as all agree on its key.
static bool check_bodies(struct verify *v) {
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(v->db->handle,
                                "SELECT DISTINCT body_id, key FROM " REFERENCES " WHERE length(key) = 33"
                                " AND body_id IN (SELECT id FROM body) ORDER BY body_id",
                                -1, &stmt, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc != SQLITE_ROW)
            break;
        uint8_t key[STORED_KEY_LEN];
        memcpy(key, sqlite3_column_blob(stmt, 1), sizeof(key));
        check_body(v, (uint64_t)sqlite3_column_int64(stmt, 0), key + 1);
    }
    (void)sqlite3_finalize(stmt);
    return rc == SQLITE_DONE;
}

static void check_file(void *arg, const struct body_name *name) {
    struct verify *v = arg;
    struct query q;
    query_begin(&q, v->db, SQL_BODY_HAS_FILE);
    query_bind_blob(&q, name->octets, sizeof(name->octets));
    bool known = query_row(&q);
    if (query_end(&q) == STORE_OK && known)
        return;
    char hex[2 * sizeof(name->octets) + 1];
    hex_encode(name->octets, sizeof(name->octets), hex);
    problem(v, "body file %.2s/%s: no message refers to it", hex, hex + 2);
}

static void report_stray(void *arg, const char *path) {
    problem(arg, "body file %s: does not belong here", path);
}

static bool verify_all(struct verify *v) {
    bool ok = check_integrity(v);
    for (size_t i = 0; i < ARRAY_LEN(checks) && ok; i++)
        ok = run_check(v, &checks[i]);
    return ok && check_bodies(v) && body_dir_walk(v->bodies, check_file, report_stray, v);
}

static const char *state_error(enum schema_state state) {
    static const char *const errors[] = {
        [SCHEMA_CURRENT] = NULL,
        [SCHEMA_NEW] = "the database is empty",
        [SCHEMA_OLDER] = "the database is of an older version; start the relay once",
        [SCHEMA_NEWER] = "the database was written by a newer version of this program",
        [SCHEMA_FOREIGN] = "the database belongs to another program",
        [SCHEMA_UNREADABLE] = "the database cannot be read",
    };
    return errors[state];
}

int sqlite_verify(struct backend_context *context, void (*on_problem)(void *arg, const char *sentence), void *arg,
                  const char **ret_error) {
    struct db *db = db_open(context->dir, ret_error);
    if (db == NULL)
        return -1;
    db->conn.context = context;
    const char *error = state_error(schema_check(db, schema_n_migrations));
    struct verify v = {db, context->bodies, on_problem, arg, 0};
    if (error == NULL && !verify_all(&v) && v.n_problems == 0)
        error = "the database could not be read to its end";
    db_close(db);
    if (error == NULL)
        return v.n_problems;
    *ret_error = error;
    return -1;
}
