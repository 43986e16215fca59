// SPDX-License-Identifier: MIT
// Reading bodies, wherever they are kept.
#pragma once

#include "store/sqlite/rows.h"

// The body's octets, opened; of its sealed form, in memory or in a file.
struct body_access {
    struct body_source source;
    char *data; // owned
};

// STORE_NOT_FOUND: no such body any more. STORE_FAILED: damaged. `key` is borrowed.
MUST_USE enum store_status body_access_open(struct db *db, uint64_t id, const uint8_t key[BODY_KEY_LEN],
                                            struct body_access *ret);
void body_access_close(struct body_access *a);
