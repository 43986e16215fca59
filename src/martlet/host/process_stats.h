// SPDX-License-Identifier: MIT
// What this process takes of the machine, as gauges under the names that every exporter gives them
// (process_resident_memory_bytes, process_cpu_seconds, process_open_fds, ...), what its parent takes, and the machine's
// clock.
#pragma once

#include <stdint.h>

// Opens what will be read, so before the sandbox is entered, and registers the gauges. What cannot be opened has no
// value. parent_statm_fd: its /proc/self/statm, kept for ever; -1: none.
void process_stats_open(int parent_statm_fd);
// Now and then, in a thread that nobody waits for: counts the descriptors, which takes a millisecond for thousands of
// them, twice a minute at most.
void process_stats_tick(uint64_t now_ms);
