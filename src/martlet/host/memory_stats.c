// SPDX-License-Identifier: MIT
// What a descriptor of these files shows is made anew by each read; they stay open for ever.
#include "martlet/host/memory_stats.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT_MAX = 8192, LIMITS_MAX = 16 };

#define CGROUPS "/sys/fs/cgroup"

static int statm_fd = -1, stat_fd = -1, usage_fd = -1; // usage: of version 1
static bool is_v2;
static int limit_fds[LIMITS_MAX]; // of version 2: own and all above
static size_t n_limits;
static uint64_t machine;

// ---- what the kernel writes ----

bool memory_parse_statm(struct slice text, uint64_t page, struct memory_statm *ret) {
    uint64_t n[6];
    for (size_t i = 0; i < ARRAY_LEN(n); i++) {
        if (!slice_to_u64(slice_next_word(&text), &n[i]))
            return false;
        n[i] *= page;
    }
    *ret = (struct memory_statm){.size = n[0], .resident = n[1], .shared = n[2], .data = n[5]};
    return true;
}

// "4:cpu,memory:/path": one of the controllers between the colons.
static bool names_memory(struct slice controllers) {
    struct slice name, rest = controllers;
    while (rest.len > 0) {
        (void)slice_cut(rest, ',', &name, &rest);
        if (slice_eq(name, SLICE("memory")))
            return true;
    }
    return false;
}

bool memory_parse_cgroup(struct slice text, bool *ret_is_v2, struct slice *ret_path) {
    bool found = false;
    while (text.len > 0) {
        struct slice line, number, controllers, path;
        (void)slice_cut(text, '\n', &line, &text);
        if (!slice_cut(line, ':', &number, &line) || !slice_cut(line, ':', &controllers, &path))
            continue;
        // Version 1 has the controller where both are there.
        bool v1 = names_memory(controllers);
        if (!v1 && (found || controllers.len > 0))
            continue;
        found = true;
        *ret_is_v2 = !v1;
        *ret_path = path;
        if (v1)
            break;
    }
    return found;
}

// Calls `on_value` for each line "name value".
static void each_value(struct slice text, void (*on_value)(void *arg, struct slice name, uint64_t value), void *arg) {
    while (text.len > 0) {
        struct slice line;
        uint64_t value;
        (void)slice_cut(text, '\n', &line, &text);
        struct slice name = slice_next_word(&line);
        if (slice_to_u64(slice_trim(line), &value))
            on_value(arg, name, value);
    }
}

static void add_v2(void *arg, struct slice name, uint64_t value) {
    static const char *const counted[] = {"anon", "shmem", "sock", "kernel_stack", "pagetables", "slab_unreclaimable"};
    for (size_t i = 0; i < ARRAY_LEN(counted); i++)
        if (slice_eq(name, slice_from_cstr(counted[i])))
            *(uint64_t *)arg += value;
}

uint64_t memory_parse_stat_v2(struct slice text) {
    uint64_t taken = 0;
    each_value(text, add_v2, &taken);
    return taken;
}

struct v1 {
    uint64_t files, limit;
};

static void add_v1(void *arg, struct slice name, uint64_t value) {
    struct v1 *v = arg;
    if (slice_eq(name, SLICE("total_inactive_file")) || slice_eq(name, SLICE("total_active_file")))
        v->files += value;
    else if (slice_eq(name, SLICE("hierarchical_memory_limit")))
        v->limit = value;
}

void memory_parse_stat_v1(struct slice text, uint64_t *ret_files, uint64_t *ret_limit) {
    struct v1 v = {.limit = UINT64_MAX};
    each_value(text, add_v1, &v);
    *ret_files = v.files;
    *ret_limit = v.limit;
}

uint64_t memory_parse_limit(struct slice text) {
    uint64_t limit;
    return slice_to_u64(slice_trim(text), &limit) ? limit : UINT64_MAX;
}

// ---- files ----

static struct slice read_all(int fd, char room[TEXT_MAX]) {
    ssize_t n = fd >= 0 ? pread(fd, room, TEXT_MAX, 0) : -1;
    return slice_make(room, n > 0 ? (size_t)n : 0);
}

static int open_in(const char *dir, const char *name) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    return n > 0 && (size_t)n < sizeof(path) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

// The root has no limits. In a container it is what the container may take, and has some.
static void open_limits_v2(char *dir) {
    static const char *const names[] = {"memory.max", "memory.high"};
    for (;;) {
        for (size_t i = 0; i < ARRAY_LEN(names) && n_limits < LIMITS_MAX; i++) {
            int fd = open_in(dir, names[i]);
            if (fd >= 0)
                limit_fds[n_limits++] = fd;
        }
        char *slash = strrchr(dir, '/');
        if (strlen(dir) <= sizeof(CGROUPS) - 1 || slash == NULL)
            return;
        *slash = '\0';
    }
}

// Where version 2 stands beside version 1 it has a directory of its own, and no controller for memory.
static void open_cgroup(void) {
    char text[TEXT_MAX], dir[PATH_MAX];
    int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    struct slice path = SLICE_EMPTY;
    bool found = memory_parse_cgroup(read_all(fd, text), &is_v2, &path);
    if (fd >= 0)
        (void)close(fd);
    if (!found)
        return;
    const char *top = is_v2 ? CGROUPS : CGROUPS "/memory";
    if (slice_eq(path, SLICE("/")))
        path = SLICE_EMPTY;
    int n = snprintf(dir, sizeof(dir), "%s%.*s", top, SLICE_FMT(path));
    if (n < 0 || (size_t)n >= sizeof(dir))
        return;
    stat_fd = open_in(dir, "memory.stat");
    if (stat_fd < 0) { // a container that sees its own group as the root, under the name that it has outside
        (void)snprintf(dir, sizeof(dir), "%s", top);
        stat_fd = open_in(dir, "memory.stat");
    }
    if (is_v2)
        open_limits_v2(dir);
    else
        usage_fd = open_in(dir, "memory.usage_in_bytes");
}

void memory_stats_open(void) {
    long pages = sysconf(_SC_PHYS_PAGES);
    machine = pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    open_cgroup();
}

// ---- the closest limit ----

static void consider(struct memory_reading *r, const char *of, uint64_t taken, uint64_t limit) {
    if (limit == 0 || limit == UINT64_MAX)
        return;
    if (r->limit == 0 || (double)taken / (double)limit > (double)r->taken / (double)r->limit)
        *r = (struct memory_reading){.taken = taken, .limit = limit, .of = of};
}

static void consider_rlimit(struct memory_reading *r, const char *of, uint64_t taken, int resource) {
    struct rlimit l;
    if (getrlimit((__rlimit_resource_t)resource, &l) == 0 && l.rlim_cur != RLIM_INFINITY)
        consider(r, of, taken, l.rlim_cur);
}

static void consider_cgroup(struct memory_reading *r) {
    char text[TEXT_MAX];
    uint64_t taken, limit = UINT64_MAX;
    struct slice stat = read_all(stat_fd, text);
    if (stat.len == 0)
        return;
    if (!is_v2) {
        uint64_t files;
        memory_parse_stat_v1(stat, &files, &limit);
        taken = memory_parse_limit(read_all(usage_fd, text));
        if (taken == UINT64_MAX)
            return;
        taken = taken > files ? taken - files : 0;
    } else {
        taken = memory_parse_stat_v2(stat);
        for (size_t i = 0; i < n_limits; i++) {
            uint64_t one = memory_parse_limit(read_all(limit_fds[i], text));
            limit = one < limit ? one : limit;
        }
    }
    if (machine == 0 || limit < machine) // else it is none
        consider(r, "cgroup", taken, limit);
}

void memory_stats_read(uint64_t own_limit, struct memory_reading *ret) {
    char text[TEXT_MAX];
    struct memory_statm m;
    *ret = (struct memory_reading){.of = ""};
    consider_cgroup(ret);
    if (!memory_parse_statm(read_all(statm_fd, text), (uint64_t)sysconf(_SC_PAGESIZE), &m))
        return;
    uint64_t resident = m.resident > m.shared ? m.resident - m.shared : 0;
    consider(ret, "max_memory", resident, own_limit);
    consider(ret, "machine", resident, machine);
    consider_rlimit(ret, "RLIMIT_AS", m.size, RLIMIT_AS);
    consider_rlimit(ret, "RLIMIT_DATA", m.data, RLIMIT_DATA);
}
