// SPDX-License-Identifier: MIT
// The file `reserve` in the state directory: a few megabytes of noise. To delete from the database takes space before
// it gives some back; when others have taken the last octet of the disk, the relay empties this file, and users and
// expiry can go on deleting. New messages are long refused by then. It is filled again when there is room.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"

enum disk_state { DISK_HAS_ROOM, DISK_IS_SHORT };

struct disk_reserve {
    int fd;        // -1: there is none, and cannot be
    uint64_t want; // octets
    bool is_held;
};

// `total` is the size of the file system. What stands there from before is taken over.
void disk_reserve_open(struct disk_reserve *r, const char *state_dir, uint64_t total);
// Fills or empties it. DISK_IS_SHORT: new messages are refused; `left` is what is free.
void disk_reserve_update(struct disk_reserve *r, enum disk_state state, uint64_t left);
// The file stays.
void disk_reserve_close(struct disk_reserve *r);
