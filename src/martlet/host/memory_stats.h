// SPDX-License-Identifier: MIT
// How much memory this process takes of what it may take. Whoever sets a limit counts in his own way: a control group
// (cgroups(7), both versions) all of its processes and their sockets, RLIMIT_AS and RLIMIT_DATA pages that nobody has
// touched, an operator or the machine itself what is resident. Files that the kernel only caches are left out where
// they would count: they go by themselves.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

// The limit that is closest.
struct memory_reading {
    uint64_t taken, limit; // octets; limit 0: there is none
    const char *of;        // whose limit: "cgroup", "RLIMIT_AS", "RLIMIT_DATA", "max_memory", "machine"
};

// Before the sandbox, which opens nothing of /proc or /sys afterwards.
void memory_stats_open(void);
// `own_limit` is the operator's, 0: none. One thread.
void memory_stats_read(uint64_t own_limit, struct memory_reading *ret);

// ---- what the kernel writes; for tests, too ----

struct memory_statm {
    uint64_t size, resident, shared, data; // octets
};
// /proc/self/statm (proc(5))
MUST_USE bool memory_parse_statm(struct slice text, uint64_t page, struct memory_statm *ret);
// The line of /proc/self/cgroup that names where memory is counted: version 2, or the controller "memory" of version 1.
MUST_USE bool memory_parse_cgroup(struct slice text, bool *ret_is_v2, struct slice *ret_path);
// memory.stat of version 2 without what the kernel can take back at once.
uint64_t memory_parse_stat_v2(struct slice text);
// memory.stat of version 1: octets of cached files, those of the groups below included, and the limits of all above.
// What is taken is the rest of memory.usage_in_bytes.
void memory_parse_stat_v1(struct slice text, uint64_t *ret_files, uint64_t *ret_limit);
// memory.max, memory.high: a number or "max", which is UINT64_MAX; so is what makes no sense.
uint64_t memory_parse_limit(struct slice text);
