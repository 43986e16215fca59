// SPDX-License-Identifier: MIT
// What this process takes of the machine, as gauges under the names that every exporter gives them
// (process_resident_memory_bytes, process_start_time_seconds).
#pragma once

// Opens what will be read, so before the sandbox is entered, and registers the gauges. What cannot be opened has no
// value.
void process_stats_open(void);
