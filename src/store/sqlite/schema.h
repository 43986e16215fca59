// SPDX-License-Identifier: MIT
// The schema and its history. Each migration takes the database from one version to the next. All that are needed run
// in one transaction with the new number: when one fails, or the machine does, the program of before finds its own
// version. What is newer than this program is refused and left as it is.
#pragma once

#include "store/sqlite/db.h"

// "mrlt": tells our database from anybody's.
enum { SCHEMA_APPLICATION_ID = 0x6d726c74 };

typedef enum store_status schema_migration(struct db *db);

// migrations[i] makes version i + 1.
extern schema_migration *const schema_migrations[];
extern const size_t schema_n_migrations;

enum schema_state { SCHEMA_CURRENT, SCHEMA_NEW, SCHEMA_OLDER, SCHEMA_NEWER, SCHEMA_FOREIGN, SCHEMA_UNREADABLE };
enum schema_state schema_check(struct db *db, size_t n_migrations);

// Brings the database to version n. False with a sentence; then it is as it was.
MUST_USE bool schema_migrate(struct db *db, schema_migration *const *migrations, size_t n, const char **ret_error);
