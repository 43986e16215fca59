// SPDX-License-Identifier: MIT
// /proc/self/statm (proc(5)) is kept open for ever: the sandbox opens no file of /proc, and what a descriptor shows is
// made anew by each read.
#include "martlet/process_stats.h"

#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/slice.h"

static int statm_fd = -1;
static int64_t started_s;

// The second number: resident pages.
static int64_t read_resident(void *arg, size_t value) {
    char text[128];
    ssize_t n = pread(statm_fd, text, sizeof(text), 0);
    struct slice rest = slice_make(text, n > 0 ? (size_t)n : 0);
    uint64_t pages = 0;
    (void)slice_next_word(&rest);
    if (!slice_to_u64(slice_next_word(&rest), &pages))
        return 0;
    return (int64_t)(pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static int64_t read_start(void *arg, size_t value) {
    return started_s;
}

static struct metric_gauge resident = METRIC_GAUGE("process_resident_memory_bytes", "Memory of this process in RAM");
static struct metric_gauge start = METRIC_GAUGE("process_start_time_seconds", "Unix time at which this process began");

void process_stats_open(void) {
    started_s = clock_wall_s();
    metric_gauge_open(&start, read_start, NULL);
    statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (statm_fd >= 0)
        metric_gauge_open(&resident, read_resident, NULL);
}
