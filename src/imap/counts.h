// SPDX-License-Identifier: MIT
// What the room counts: commands by name and by answer, how long they take, and sessions in IDLE. Any thread.
#pragma once

#include <stdint.h>

#include "base/slice.h"

// Once, so that zeroes are seen as well.
void imap_counts_register(void);
// A command was answered with `reply` ("OK ..."), so many microseconds after all of it had been read. `name` is the
// verb's; NULL: what came is no command.
void imap_count_command(const struct slice *name, const char *reply, uint64_t us);
// So many more sessions are in IDLE now.
void imap_count_idling(int by);
