// SPDX-License-Identifier: MIT
// Files of /proc (proc(5)) are kept open for ever: the sandbox opens none, and what a descriptor shows is made anew by
// each read.
#include "martlet/host/process_stats.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/slice.h"

enum { COUNT_EVERY_MS = 30 * 1000, DESCRIPTORS_OF_ITS_OWN = 1 };

static int own_fd = -1, parent_fd = -1; // statm of this process and of the one that started it
static DIR *descriptors;                // of this process
static _Atomic int64_t n_descriptors;
static uint64_t counted_ms; // 0: not yet
static int64_t started_s;

// ---- memory ----

// The first two numbers of statm are pages: of all that is mapped, and of what of that is resident.
enum statm { STATM_MAPPED, STATM_RESIDENT };

static int64_t read_statm(int fd, enum statm which) {
    char text[128];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    struct slice rest = slice_make(text, n > 0 ? (size_t)n : 0);
    uint64_t pages = 0;
    if (which == STATM_RESIDENT)
        (void)slice_next_word(&rest);
    if (!slice_to_u64(slice_next_word(&rest), &pages))
        return 0;
    return (int64_t)(pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static int64_t read_resident(void *arg, size_t value) {
    return read_statm(own_fd, STATM_RESIDENT);
}

static int64_t read_mapped(void *arg, size_t value) {
    return read_statm(own_fd, STATM_MAPPED);
}

static int64_t read_parent(void *arg, size_t value) {
    return read_statm(parent_fd, STATM_RESIDENT);
}

static struct metric_gauge resident = METRIC_GAUGE("process_resident_memory_bytes", "Memory of this process in RAM");
static struct metric_gauge mapped = METRIC_GAUGE("process_virtual_memory_bytes", "Address space of this process");
static struct metric_gauge parent =
    METRIC_GAUGE("martlet_parent_resident_memory_bytes", "Memory of the process that holds the ports, in RAM");

// ---- descriptors ----

static int64_t read_descriptors(void *arg, size_t value) {
    return atomic_load(&n_descriptors);
}

static int64_t read_descriptor_limit(void *arg, size_t value) {
    struct rlimit limit = {0};
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    return (int64_t)limit.rlim_cur;
}

static struct metric_gauge open_fds = METRIC_GAUGE("process_open_fds", "File descriptors of this process");
static struct metric_gauge max_fds = METRIC_GAUGE("process_max_fds", "File descriptors that this process may have");

static void count_descriptors(void) {
    int64_t n = 0;
    rewinddir(descriptors);
    for (const struct dirent *e; (e = readdir(descriptors)) != NULL;)
        n += e->d_name[0] != '.';
    atomic_store(&n_descriptors, n - DESCRIPTORS_OF_ITS_OWN);
}

void process_stats_tick(uint64_t now_ms) {
    if (descriptors == NULL || (counted_ms != 0 && now_ms < counted_ms + COUNT_EVERY_MS))
        return;
    counted_ms = now_ms;
    count_descriptors();
}

// ---- time ----

static int64_t read_start(void *arg, size_t value) {
    return started_s;
}

static int64_t read_cpu(void *arg, size_t value) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t read_clock(void *arg, size_t value) {
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct metric_gauge start = METRIC_GAUGE("process_start_time_seconds", "Unix time at which this process began");
static struct metric_gauge cpu =
    METRIC_TOTAL_SECONDS("process_cpu_seconds", "Time that this process has spent on a processor");
static struct metric_gauge wall =
    METRIC_GAUGE_SECONDS("martlet_clock_seconds", "Unix time by the clock of this machine");

// ---- the program ----

static const char *const versions[] = {MARTLET_VERSION};
static struct metric_gauge build =
    METRIC_GAUGE_BY("martlet_build_info", "Always 1; the label says which program this is", "version", versions);

static int64_t read_build(void *arg, size_t value) {
    return 1;
}

void process_stats_open(int parent_statm_fd) {
    started_s = clock_wall_s();
    metric_gauge_open(&start, read_start, NULL);
    metric_gauge_open(&cpu, read_cpu, NULL);
    metric_gauge_open(&wall, read_clock, NULL);
    metric_gauge_open(&build, read_build, NULL);
    metric_gauge_open(&max_fds, read_descriptor_limit, NULL);
    own_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (own_fd >= 0) {
        metric_gauge_open(&resident, read_resident, NULL);
        metric_gauge_open(&mapped, read_mapped, NULL);
    }
    parent_fd = parent_statm_fd;
    if (parent_fd >= 0)
        metric_gauge_open(&parent, read_parent, NULL);
    descriptors = opendir("/proc/self/fd");
    if (descriptors != NULL)
        metric_gauge_open(&open_fds, read_descriptors, NULL);
}
