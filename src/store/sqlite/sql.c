// SPDX-License-Identifier: MIT
#include "store/sqlite/sql.h"

#include <assert.h>

#include "store/expiry_ops.h"

static_assert(STORE_LARGE_OCTETS == 200000, "it stands in statements, an index and verify");

#define MAILBOX_COLUMNS                                                                                                \
    "m.id, m.account_id, m.uid_validity, m.uid_next, m.modseq, m.messages, m.unseen, m.deleted, m.octets"
#define ACCOUNT_ROW                                                                                                    \
    "id, address, blocked, last_login_day,"                                                                            \
    " (SELECT coalesce(sum(octets), 0) FROM mailbox WHERE account_id = a.id),"                                         \
    " (SELECT coalesce(sum(messages), 0) FROM mailbox WHERE account_id = a.id)"
#define ENTRY_COLUMNS "uid, body_id, key, flags, keywords, size, date, modseq, hour, shown"

#define DESTINATION_COLUMNS_WITH(error)                                                                                \
    "name, next_at, deferred_until, attempts, failing_since, " error ", oldest, dues, recipients, octets"
#define DESTINATION_COLUMNS DESTINATION_COLUMNS_WITH("error")
// A host that answers may still have put off what waits: then the words for what is tried last.
#define ERROR_OR_REPLY                                                                                                 \
    "iif(error != '', error, coalesce((SELECT reply FROM due WHERE destination_id = destination.id"                    \
    " ORDER BY next_at DESC LIMIT 1), ''))"
// What `struct store_due` wants, in the order of due_read(). The order of the joins is ours: from few to many.
#define DUE_COLUMNS                                                                                                    \
    "d.id, x.name, d.created, d.next_at, d.attempts, d.reply, d.n_recipients, d.recipients,"                           \
    " l.body_id, l.key, l.size, l.reverse_path, l.flags, s.account_id, length(l.prefix), l.prefix"
#define DUES_OF_DESTINATION                                                                                            \
    "destination x CROSS JOIN due d ON d.destination_id = x.id CROSS JOIN letter l ON l.id = d.letter_id"              \
    " LEFT JOIN sender s ON s.id = l.sender_id"

const char *const sql_text[SQL_COUNT] = {
    [SQL_ACCOUNT_BY_ADDRESS] = "SELECT id, inbox_id, password, blocked, last_login_day FROM account WHERE address = ?1",
    [SQL_ACCOUNT_INSERT] = "INSERT INTO account(address, password, inbox_id, last_login_day) VALUES(?1, ?2, 0, ?3)",
    [SQL_ACCOUNT_SET_INBOX] = "UPDATE account SET inbox_id = ?2 WHERE id = ?1",
    [SQL_ACCOUNT_TOUCH] = "UPDATE account SET last_login_day = ?2 WHERE id = ?1 AND last_login_day < ?2",
    [SQL_ACCOUNT_EXISTS] = "SELECT 1 FROM account WHERE id = ?1",
    [SQL_ACCOUNT_USED] = "SELECT coalesce(sum(octets), 0) FROM mailbox WHERE account_id = ?1",
    [SQL_ACCOUNT_MESSAGES] = "SELECT coalesce(sum(messages), 0) FROM mailbox WHERE account_id = ?1",
    [SQL_ACCOUNT_MAY_SEND] = "SELECT 1 FROM account WHERE id = ?1 AND NOT blocked",
    [SQL_ACCOUNT_ROW] = "SELECT " ACCOUNT_ROW " FROM account a WHERE address = ?1",
    [SQL_ACCOUNT_PAGE] = "SELECT " ACCOUNT_ROW " FROM account a WHERE id > ?1 ORDER BY id LIMIT ?2",
    [SQL_ACCOUNT_BLOCK] = "UPDATE account SET blocked = ?2 WHERE id = ?1",
    [SQL_ACCOUNT_DELETE] = "DELETE FROM account WHERE id = ?1 AND last_login_day <= ?2",

    [SQL_TOKEN_FIND] = "SELECT id, day FROM token WHERE account_id = ?1 AND token = ?2",
    [SQL_TOKEN_INSERT] = "INSERT INTO token(account_id, token, day) VALUES(?1, ?2, ?3)",
    [SQL_TOKEN_SET_DAY] = "UPDATE token SET day = ?2 WHERE id = ?1",
    // Those of days that are still to come, which nobody can use, go first.
    [SQL_TOKEN_TRIM] = "DELETE FROM token WHERE account_id = ?1 AND id NOT IN (SELECT id FROM token"
                       " WHERE account_id = ?1 ORDER BY day <= ?3 DESC, day DESC, id DESC LIMIT ?2)",
    [SQL_TOKEN_LIST] = "SELECT token FROM token WHERE account_id = ?1 AND day BETWEEN ?2 AND ?3 ORDER BY id",
    [SQL_TOKEN_DELETE] = "DELETE FROM token WHERE id = ?1",
    [SQL_TOKEN_DELETE_ALL] = "DELETE FROM token WHERE account_id = ?1",
    [SQL_TOKEN_DELETE_EXPIRED] = "DELETE FROM token WHERE account_id = ?1 AND day <= ?2",
    [SQL_TOKEN_PURGE] = "DELETE FROM token WHERE id IN"
                        " (SELECT id FROM token WHERE day <= ?1 ORDER BY day LIMIT ?2)",
    // Every delivery runs it; the index on account and day answers it alone when there is no token.
    [SQL_PUSH_ASK] = "INSERT INTO push(token_id, asked_ms, tries, next_ms)"
                     " SELECT id, ?4, 0, ?4 FROM token WHERE account_id = ?1 AND day BETWEEN ?2 AND ?3"
                     " ON CONFLICT(token_id) DO UPDATE"
                     " SET asked_ms = excluded.asked_ms, tries = 0, next_ms = excluded.next_ms",
    [SQL_PUSH_LOAD] = "SELECT p.token_id, t.token, p.asked_ms, p.tries FROM push p CROSS JOIN token t"
                      " ON t.id = p.token_id WHERE (p.tries > 0) = ?1 AND p.next_ms <= ?2 ORDER BY p.next_ms",
    [SQL_PUSH_NEXT_AFTER] = "SELECT next_ms FROM push WHERE (tries > 0) = ?1 AND next_ms > ?2"
                            " ORDER BY next_ms LIMIT 1",
    [SQL_PUSH_EXISTS] = "SELECT 1 FROM push WHERE token_id = ?1",
    [SQL_PUSH_DELETE] = "DELETE FROM push WHERE token_id = ?1 AND asked_ms BETWEEN ?2 AND ?3",
    [SQL_PUSH_RETRY] = "UPDATE push SET next_ms = ?4, tries = ?5 WHERE token_id = ?1 AND asked_ms BETWEEN ?2 AND ?3",
    [SQL_PUSH_TOTAL] = "SELECT (SELECT count(*) FROM push), (SELECT count(*) FROM push WHERE (tries > 0) = 1),"
                       " (SELECT count(*) FROM token)",
    [SQL_PUSH_PURGE] = "DELETE FROM push WHERE token_id IN (SELECT token_id FROM push"
                       " WHERE (tries > 0) = ?1 AND next_ms < ?2 ORDER BY next_ms LIMIT ?3)",

    [SQL_OVERVIEW_ACCOUNTS] = "SELECT a.id, a.last_login_day, a.blocked <> 0, instr(a.address, 'ci-') > 0,"
                              " ifnull(sum(m.messages), 0), ifnull(sum(m.octets), 0)"
                              " FROM account a LEFT JOIN mailbox m ON m.account_id = a.id"
                              " WHERE a.id > ?1 GROUP BY a.id ORDER BY a.id LIMIT ?2",
    [SQL_OVERVIEW_FILES] = "SELECT file, size FROM body WHERE file IS NOT NULL AND file > ?1 ORDER BY file LIMIT ?2",

    [SQL_EXPIRY_ACCOUNTS] = "SELECT last_login_day, id,"
                            " (SELECT coalesce(sum(messages), 0) FROM mailbox WHERE account_id = a.id),"
                            " (SELECT coalesce(sum(octets), 0) FROM mailbox WHERE account_id = a.id)"
                            " FROM account a WHERE last_login_day <= ?1 AND (last_login_day, id) > (?2, ?3)"
                            " ORDER BY last_login_day, id LIMIT ?4",
    // The last column: whether the message is this rule's. Those of accounts that are due, or gone, are not.
    [SQL_EXPIRY_MAILS] = "SELECT e.hour, e.mailbox_id, e.uid, e.size, ifnull(a.last_login_day > ?6, 0)"
                         " FROM entry e INDEXED BY entry_hour LEFT JOIN mailbox m ON m.id = e.mailbox_id"
                         " LEFT JOIN account a ON a.id = m.account_id"
                         " WHERE e.hour <= ?1 AND (e.hour, e.mailbox_id, e.uid) > (?2, ?3, ?4)"
                         " ORDER BY e.hour, e.mailbox_id, e.uid LIMIT ?5",
    [SQL_EXPIRY_LARGE] = "SELECT e.hour, e.mailbox_id, e.uid, e.size, ifnull(a.last_login_day > ?6, 0)"
                         " FROM entry e INDEXED BY entry_large LEFT JOIN mailbox m ON m.id = e.mailbox_id"
                         " LEFT JOIN account a ON a.id = m.account_id"
                         " WHERE e.shown AND e.hour <= ?1 AND (e.hour, e.mailbox_id, e.uid) > (?2, ?3, ?4)"
                         " ORDER BY e.hour, e.mailbox_id, e.uid LIMIT ?5",
    [SQL_EXPIRY_CROWDED] = "SELECT c.account_id,"
                           " (SELECT coalesce(sum(octets), 0) FROM mailbox WHERE account_id = c.account_id)"
                           " FROM crowded c LEFT JOIN account a ON a.id = c.account_id"
                           " WHERE c.account_id > ?1 AND c.next_hour <= ?2 AND ifnull(a.last_login_day > ?3, 1)"
                           " ORDER BY c.account_id LIMIT 1",
    // What goes by another rule.
    [SQL_EXPIRY_DUE_OCTETS] = "SELECT coalesce(sum(e.size), 0) FROM mailbox m CROSS JOIN entry e"
                              " ON e.mailbox_id = m.id WHERE m.account_id = ?1"
                              " AND (e.hour <= ?2 OR (e.shown AND e.hour <= ?3))",
    [SQL_EXPIRY_OLDEST] = "SELECT e.hour, e.mailbox_id, e.uid, e.size FROM mailbox m CROSS JOIN entry e"
                          " ON e.mailbox_id = m.id WHERE m.account_id = ?1"
                          " AND NOT (e.hour <= ?2 OR (e.shown AND e.hour <= ?3)) AND e.hour <= ?4"
                          " ORDER BY e.hour, e.mailbox_id, e.uid",
    [SQL_CROWDED_INSERT] = "INSERT INTO crowded(account_id, next_hour) VALUES(?1, 0) ON CONFLICT DO NOTHING",
    [SQL_CROWDED_LATER] = "UPDATE crowded SET next_hour = ?2 WHERE account_id = ?1",
    [SQL_CROWDED_DELETE] = "DELETE FROM crowded WHERE account_id = ?1",
    [SQL_ENTRY_LARGE_WAITS] = "SELECT 1 FROM entry INDEXED BY entry_large_waits"
                              " WHERE mailbox_id = ?1 AND size > 200000 AND NOT shown LIMIT 1",
    [SQL_ENTRY_SET_SHOWN] = "UPDATE entry INDEXED BY entry_large_waits SET shown = 1"
                            " WHERE mailbox_id = ?1 AND uid <= ?2 AND size > 200000 AND NOT shown",
    [SQL_ENTRY_MEND] = "UPDATE entry SET hour = ?1 WHERE (mailbox_id, uid) IN"
                       " (SELECT mailbox_id, uid FROM entry WHERE hour > ?1 + 24 ORDER BY hour DESC LIMIT ?2)",
    [SQL_ACCOUNT_MEND] =
        "UPDATE account SET last_login_day = ?1 WHERE id IN"
        " (SELECT id FROM account WHERE last_login_day > ?1 + 1 ORDER BY last_login_day DESC LIMIT ?2)",
    [SQL_CROWDED_MEND] = "UPDATE crowded SET next_hour = ?1 WHERE account_id IN"
                         " (SELECT account_id FROM crowded WHERE next_hour > ?1 + 24 LIMIT ?2)",
    [SQL_EXPIRY_CLOCK] = "SELECT coalesce((SELECT value FROM meta WHERE name = 'expiry_hour'), -1),"
                         " coalesce((SELECT value FROM meta WHERE name = 'expiry_held'), 0),"
                         " max(coalesce((SELECT max(hour) FROM entry), 0),"
                         " 24 * coalesce((SELECT max(last_login_day) FROM account), 0))",
    [SQL_EXPIRY_CLOCK_KEEP] = "INSERT INTO meta(name, value) VALUES('expiry_hour', ?1), ('expiry_held', ?2)"
                              " ON CONFLICT DO UPDATE SET value = excluded.value",

    [SQL_INVITATION_INSERT] = "INSERT INTO invitation(number, uses, last_day) VALUES(?1, ?2, ?3)"
                              " ON CONFLICT DO NOTHING",
    [SQL_INVITATION_PURGE] = "DELETE FROM invitation WHERE last_day < ?1",
    [SQL_INVITATION_FIND] = "SELECT uses, last_day FROM invitation WHERE number = ?1 AND last_day >= ?2",
    [SQL_INVITATION_LIST] = "SELECT number, uses, last_day FROM invitation WHERE (last_day, number) > (?1, ?2)"
                            " ORDER BY last_day, number LIMIT ?3",
    [SQL_INVITATION_DELETE] = "DELETE FROM invitation WHERE number = ?1",
    [SQL_INVITATION_USE] = "UPDATE invitation SET uses = uses - 1 WHERE number = ?1 AND last_day >= ?2 AND uses > 1",
    [SQL_INVITATION_USE_UP] = "DELETE FROM invitation WHERE number = ?1 AND last_day >= ?2 AND uses = 1",
    [SQL_SECRET_FIND] = "SELECT value FROM secret WHERE name = ?1",
    [SQL_SECRET_INSERT] = "INSERT INTO secret(name, value) VALUES(?1, ?2)",

    [SQL_UID_VALIDITY_NEXT] = "UPDATE meta SET value = value + 1 WHERE name = 'uid_validity' RETURNING value",
    [SQL_MAILBOX_INSERT] = "INSERT INTO mailbox(account_id, name, uid_validity, subscribed) VALUES(?1, ?2, ?3, ?4)",
    [SQL_MAILBOX_LIST] = "SELECT id, name, subscribed FROM mailbox WHERE account_id = ?1 ORDER BY name",
    [SQL_MAILBOX_COUNT] = "SELECT count(*) FROM mailbox WHERE account_id = ?1",
    [SQL_MAILBOX_BY_NAME] = "SELECT " MAILBOX_COLUMNS " FROM mailbox m WHERE m.account_id = ?1 AND m.name = ?2",
    [SQL_MAILBOX_BY_ID] = "SELECT " MAILBOX_COLUMNS " FROM mailbox m WHERE m.id = ?1",
    [SQL_MAILBOX_FOR_DELIVERY] =
        "SELECT " MAILBOX_COLUMNS
        " FROM account a JOIN mailbox m ON m.id = a.inbox_id WHERE a.address = ?1 AND NOT a.blocked",
    [SQL_MAILBOX_FOR_DELIVERY_BY_ID] =
        "SELECT " MAILBOX_COLUMNS
        " FROM account a JOIN mailbox m ON m.id = a.inbox_id WHERE a.id = ?1 AND NOT a.blocked",
    [SQL_MAILBOX_SAVE] =
        "UPDATE mailbox SET uid_next = ?2, modseq = ?3, messages = ?4, unseen = ?5, deleted = ?6, octets = ?7"
        " WHERE id = ?1",
    [SQL_MAILBOX_RENAME] = "UPDATE mailbox SET name = ?2, uid_validity = ?3 WHERE id = ?1",
    [SQL_MAILBOX_SUBSCRIBE] = "UPDATE mailbox SET subscribed = ?2 WHERE id = ?1",
    [SQL_MAILBOX_DELETE] = "DELETE FROM mailbox WHERE id = ?1",
    // "0" is the octet after "/": the names between are those that begin with name and "/".
    [SQL_MAILBOX_CHILDREN] =
        "SELECT id, name FROM mailbox WHERE account_id = ?1 AND name > ?2 || '/' AND name < ?2 || '0'"
        " ORDER BY name",
    [SQL_MAILBOX_DOOM] = "INSERT INTO doomed(mailbox_id) VALUES(?1)",
    [SQL_MAILBOX_DOOM_ALL] = "INSERT INTO doomed(mailbox_id) SELECT id FROM mailbox WHERE account_id = ?1",
    [SQL_MAILBOX_DELETE_ALL] = "DELETE FROM mailbox WHERE account_id = ?1",
    [SQL_DOOMED_FIRST] = "SELECT mailbox_id FROM doomed WHERE mailbox_id > 0 ORDER BY mailbox_id LIMIT 1",
    [SQL_DOOMED_DELETE] = "DELETE FROM doomed WHERE mailbox_id = ?1",

    [SQL_ENTRY_INSERT] =
        "INSERT INTO entry(mailbox_id, " ENTRY_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [SQL_ENTRY_RANGE] =
        "SELECT " ENTRY_COLUMNS " FROM entry WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 ORDER BY uid",
    [SQL_ENTRY_DELETED] = "SELECT " ENTRY_COLUMNS " FROM entry INDEXED BY entry_deleted"
                          " WHERE mailbox_id = ?1 AND uid BETWEEN ?2 AND ?3 AND flags & 8 ORDER BY uid",
    [SQL_ENTRY_UIDS] = "SELECT uid, flags FROM entry WHERE mailbox_id = ?1 ORDER BY uid",
    [SQL_ENTRY_SET_FLAGS] =
        "UPDATE entry SET flags = ?3, keywords = ?4, modseq = ?5 WHERE mailbox_id = ?1 AND uid = ?2",
    [SQL_ENTRY_DELETE] = "DELETE FROM entry WHERE mailbox_id = ?1 AND uid = ?2",

    [SQL_BODY_INSERT] = "INSERT INTO body(format, refs, size, file) VALUES(?1, ?2, ?3, ?4)",
    [SQL_BODY_DATA_INSERT] = "INSERT INTO body_data(id, data) VALUES(?1, ?2)",
    [SQL_BODY_REF] = "UPDATE body SET refs = refs + 1 WHERE id = ?1",
    [SQL_BODY_UNREF] = "UPDATE body SET refs = refs - 1 WHERE id = ?1 AND refs > 1",
    [SQL_BODY_DELETE] = "DELETE FROM body WHERE id = ?1 RETURNING file",
    [SQL_BODY_DATA_DELETE] = "DELETE FROM body_data WHERE id = ?1",
    [SQL_BODY_LOAD] = "SELECT format, size, file FROM body WHERE id = ?1",
    [SQL_BODY_DATA_LOAD] = "SELECT data FROM body_data WHERE id = ?1",
    [SQL_BODY_HAS_FILE] = "SELECT 1 FROM body INDEXED BY body_file WHERE file = ?1",

    // Remembered under the day before counts too, and under the one after, when the clock was set back over midnight;
    // the same of this day is a conflict. Nothing is inserted then.
    [SQL_ACCEPTED_INSERT] = "INSERT INTO accepted(day, hash) SELECT ?1, ?2"
                            " WHERE NOT EXISTS(SELECT 1 FROM accepted WHERE day IN (?1 - 1, ?1 + 1) AND hash = ?2)"
                            " ON CONFLICT DO NOTHING",
    [SQL_ACCEPTED_DELETE] = "DELETE FROM accepted WHERE day = ?1 AND hash = ?2",
    [SQL_ACCEPTED_PURGE] = "DELETE FROM accepted WHERE (day, hash) IN"
                           " (SELECT day, hash FROM accepted WHERE day < ?1 ORDER BY day, hash LIMIT ?2)",
    [SQL_ACCEPTED_PURGE_FUTURE] = "DELETE FROM accepted WHERE (day, hash) IN"
                                  " (SELECT day, hash FROM accepted WHERE day > ?1 ORDER BY day, hash LIMIT ?2)",

    [SQL_LETTER_INSERT] = "INSERT INTO letter(body_id, key, size, reverse_path, sender_id, flags, dues, prefix)"
                          " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    [SQL_LETTER_SET_DUES] = "UPDATE letter SET dues = ?2 WHERE id = ?1",
    [SQL_LETTER_DELETE] = "DELETE FROM letter WHERE id = ?1",
    [SQL_DUE_INSERT] = "INSERT INTO due(letter_id, destination_id, created, next_at, attempts, reply, n_recipients,"
                       " recipients) VALUES(?1, ?2, ?3, ?3, 0, '', ?4, ?5)",
    [SQL_DUE_DEFER] = "UPDATE due SET next_at = ?2, attempts = attempts + 1, reply = ?3, n_recipients = ?4,"
                      " recipients = ?5 WHERE id = ?1",
    [SQL_DUE_DELETE] = "DELETE FROM due WHERE id = ?1",
    [SQL_DUE_FOR_CHANGE] =
        "SELECT d.letter_id, d.destination_id, d.n_recipients, l.dues, l.body_id, l.sender_id,"
        " l.size + length(l.prefix) FROM due d CROSS JOIN letter l ON l.id = d.letter_id WHERE d.id = ?1",
    [SQL_DUE_LOAD] = "SELECT " DUE_COLUMNS " FROM " DUES_OF_DESTINATION
                     " WHERE x.name = ?1 AND d.next_at <= ?2 ORDER BY d.next_at, d.id",
    [SQL_DUE_EXPIRED] = "SELECT " DUE_COLUMNS " FROM " DUES_OF_DESTINATION
                        " WHERE x.oldest < ?1 AND d.created < ?1 ORDER BY x.oldest, x.id, d.created, d.id",
    [SQL_DUE_PAGE] = "SELECT " DUE_COLUMNS " FROM " DUES_OF_DESTINATION
                     " WHERE x.name = ?1 AND (d.created, d.id) > (?2, ?3) ORDER BY d.created, d.id",
    [SQL_DUE_FIND] = "SELECT " DUE_COLUMNS " FROM due d CROSS JOIN destination x ON x.id = d.destination_id"
                     " CROSS JOIN letter l ON l.id = d.letter_id LEFT JOIN sender s ON s.id = l.sender_id"
                     " WHERE d.id = ?1",
    [SQL_DUE_FIRST_NEXT] = "SELECT next_at FROM due WHERE destination_id = ?1 ORDER BY next_at LIMIT 1",
    [SQL_DUE_FIRST_CREATED] = "SELECT created FROM due WHERE destination_id = ?1 ORDER BY created LIMIT 1",
    [SQL_DUE_NEXT_AFTER] = "SELECT d.next_at FROM destination x CROSS JOIN due d ON d.destination_id = x.id"
                           " WHERE x.name = ?1 AND d.next_at > ?2 ORDER BY d.next_at LIMIT 1",
    [SQL_DUE_RETRY] = "UPDATE due SET next_at = ?2 WHERE id IN"
                      " (SELECT id FROM due WHERE destination_id = ?1 AND next_at > ?2 ORDER BY next_at LIMIT ?3)",
    [SQL_DESTINATION_BY_NAME] = "SELECT id, next_at, deferred_until, attempts, oldest, dues, recipients, octets"
                                " FROM destination WHERE name = ?1",
    [SQL_DESTINATION_BY_ID] = "SELECT id, next_at, deferred_until, attempts, oldest, dues, recipients, octets"
                              " FROM destination WHERE id = ?1",
    [SQL_DESTINATION_INSERT] = "INSERT INTO destination(name, next_at, oldest, dues, recipients, octets)"
                               " VALUES(?1, 0, 0, 0, 0, 0)",
    [SQL_DESTINATION_SAVE] = "UPDATE destination SET next_at = ?2, oldest = ?3, dues = ?4, recipients = ?5,"
                             " octets = ?6 WHERE id = ?1",
    [SQL_DESTINATION_SET_FAILURE] =
        "UPDATE destination SET next_at = ?2, deferred_until = ?3, attempts = ?4,"
        " failing_since = iif(?4 > 0 AND attempts > 0, failing_since, ?5), error = ?6 WHERE id = ?1",
    [SQL_DESTINATION_RETRY] = "UPDATE destination SET deferred_until = 0, next_at = ?2 WHERE id = ?1",
    [SQL_DESTINATION_DELETE] = "DELETE FROM destination WHERE id = ?1",
    [SQL_DESTINATION_READY] = "SELECT " DESTINATION_COLUMNS " FROM destination"
                              " WHERE next_at <= ?1 AND (next_at, name) > (?2, ?3) ORDER BY next_at, name LIMIT ?4",
    [SQL_DESTINATION_NEXT_AFTER] = "SELECT next_at FROM destination WHERE next_at > ?1 ORDER BY next_at LIMIT 1",
    [SQL_DESTINATION_LIST] = "SELECT " DESTINATION_COLUMNS_WITH(ERROR_OR_REPLY) " FROM destination WHERE name > ?1"
                                                                                " ORDER BY name LIMIT ?2",
    [SQL_DESTINATION_SHOW] = "SELECT " DESTINATION_COLUMNS " FROM destination WHERE name = ?1",
    [SQL_DESTINATION_OLDEST] = "SELECT oldest FROM destination WHERE oldest > 0 ORDER BY oldest LIMIT 1",
    [SQL_DESTINATION_NAME_AFTER] = "SELECT name FROM destination WHERE name > ?1 ORDER BY name LIMIT 1",
    [SQL_SENDER_BY_ACCOUNT] = "SELECT id, recipients FROM sender WHERE account_id = ?1",
    [SQL_SENDER_INSERT] = "INSERT INTO sender(account_id, recipients) VALUES(?1, 0)",
    [SQL_SENDER_TAKE] = "UPDATE sender SET recipients = recipients + ?2 WHERE id = ?1",
    [SQL_SENDER_DELETE_IDLE] = "DELETE FROM sender WHERE id = ?1 AND recipients = 0",
    [SQL_SENDER_FORGET] = "UPDATE sender SET account_id = NULL WHERE account_id = ?1",
    [SQL_QUEUE_LOAD] = "SELECT destinations, letters, dues, recipients, octets FROM queue WHERE id = 1",
    [SQL_QUEUE_SAVE] = "UPDATE queue SET destinations = ?1, letters = ?2, dues = ?3, recipients = ?4, octets = ?5"
                       " WHERE id = 1",

    // One that was fetched more than a day from now was fetched under a clock that was wrong.
    [SQL_STS_FIND] = "SELECT id, mode, mx, max_age, fetched_at FROM sts_policy"
                     " WHERE domain = ?1 AND fetched_at + max_age > ?2 AND fetched_at <= ?2 + 86400",
    [SQL_STS_UPDATE] = "UPDATE sts_policy SET id = ?2, mode = ?3, mx = ?4, max_age = ?5, fetched_at = ?6"
                       " WHERE domain = ?1",
    [SQL_STS_INSERT] = "INSERT INTO sts_policy(domain, id, mode, mx, max_age, fetched_at)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [SQL_STS_TRIM] = "DELETE FROM sts_policy WHERE domain IN"
                     " (SELECT domain FROM sts_policy ORDER BY fetched_at DESC LIMIT -1 OFFSET ?1)",
    [SQL_STS_DELETE] = "DELETE FROM sts_policy WHERE domain = ?1",
    [SQL_STS_PURGE] = "DELETE FROM sts_policy WHERE domain IN"
                      " (SELECT domain FROM sts_policy WHERE fetched_at + max_age <= ?1"
                      " ORDER BY fetched_at + max_age LIMIT ?2)",

    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SAVEPOINT] = "SAVEPOINT op",
    [SQL_SAVEPOINT_RELEASE] = "RELEASE op",
    [SQL_SAVEPOINT_ROLLBACK] = "ROLLBACK TO op",
};
