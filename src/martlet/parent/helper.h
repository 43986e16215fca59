// SPDX-License-Identifier: MIT
// A helper of the parent's: this very program in a process of its own, with a time by which it has to be done. It is
// alone in its process group, and whatever it has left behind ends with it.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/panic.h"

struct helper {
    pid_t pid; // 0: none runs
    uint64_t kill_at_ms;
};

// None may run. argv is NULL-terminated, with the subcommand in the second place. False: it has been logged.
MUST_USE bool helper_start(struct helper *h, const char *const *argv, uint32_t life_max_ms);
// Kills it when it has had its time; `what` it is, for the log.
void helper_check(struct helper *h, uint64_t now_ms, const char *what, uint32_t life_max_ms);
// Kills it, if it runs, and waits for its end.
void helper_stop(struct helper *h);
// Whether the process that ended was this one.
bool helper_ended(struct helper *h, pid_t pid, int status);
