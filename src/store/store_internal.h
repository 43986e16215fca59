// SPDX-License-Identifier: MIT
// What the parts of the store know of it. Private to the store.
#pragma once

#include "store/store.h"

struct body_dir;

// A living body keeps the store's memory, not its threads: after store_close() operations fail, and files are removed
// on the calling thread.
struct store *store_ref(struct store *s);
void store_unref(struct store *s);

struct body_dir *store_body_dir(struct store *s);

// For tests: the next commit fails with this status; or it fails, but will be found after a crash. Commits so far.
void store_test_fail_next_commit(struct store *s, enum store_status status);
void store_test_doubt_next_commit(struct store *s);
uint64_t store_test_commits(struct store *s);
// For tests: other times than WRITER_IDLE_MS and WRITER_BUSY_TIDY_MS (store/writer.h).
void store_test_set_tidying(struct store *s, uint64_t idle_ms, uint64_t busy_tidy_ms);
