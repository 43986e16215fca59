// SPDX-License-Identifier: MIT
// What the machine has left. Files of /proc and the file system are read on worker threads only, at most once a second;
// what cannot be read is simply not known, and no reason to refuse anybody.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct account_resources;

struct account_resource_values {
    bool has_load, has_memory, has_disk;
    double load_1m;
    uint64_t memory_mb, disk_mb; // available memory; free space of the file system
};

// `proc_dir` is "/proc" outside of tests.
struct account_resources *account_resources_new(const char *proc_dir);
void account_resources_free(struct account_resources *r);

// Any worker thread. The disk is the one that holds state_dir.
void account_resources_read(struct account_resources *r, const char *state_dir, struct account_resource_values *ret);
