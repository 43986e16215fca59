// SPDX-License-Identifier: MIT
// What the machine as a whole has left; of the relay itself and its disk base/pressure.h knows. Two files of /proc are
// read, at most once a second; what cannot be read is simply not known, and no reason to refuse anybody.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct account_resources;

struct account_resource_values {
    bool has_load, has_memory;
    double load_1m;
    uint64_t memory_mb; // available
};

// `proc_dir` is "/proc" outside of tests.
struct account_resources *account_resources_new(const char *proc_dir);
void account_resources_free(struct account_resources *r);

// Any thread.
void account_resources_read(struct account_resources *r, struct account_resource_values *ret);
