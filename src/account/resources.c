// SPDX-License-Identifier: MIT
#include "account/resources.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/slice.h"
#include "config/value.h"

enum { KEEP_MS = 1000, FILE_MAX = 4096 };

struct account_resources {
    char *proc_dir;
    pthread_mutex_t lock; // also keeps a second thread from reading while one does
    bool has_values;
    uint64_t read_at_ms;
    struct account_resource_values values;
};

struct account_resources *account_resources_new(const char *proc_dir) {
    struct account_resources *r = MEM_NEW(struct account_resources);
    r->proc_dir = slice_dup(slice_from_cstr(proc_dir));
    ASSERT(pthread_mutex_init(&r->lock, NULL) == 0);
    return r;
}

void account_resources_free(struct account_resources *r) {
    if (r == NULL)
        return;
    (void)pthread_mutex_destroy(&r->lock);
    free(r->proc_dir);
    free(r);
}

// The start of a file, as much as fits; empty when it cannot be read.
static struct slice read_start(const char *dir, const char *name, char room[FILE_MAX]) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return SLICE_EMPTY;
    size_t len = 0;
    while (len < FILE_MAX) {
        ssize_t n = read(fd, room + len, FILE_MAX - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    (void)close(fd);
    return slice_make(room, len);
}

// /proc/loadavg: "0.20 0.18 0.12 1/80 11206"
static bool read_load(const char *proc_dir, double *ret) {
    char room[FILE_MAX];
    struct slice text = read_start(proc_dir, "loadavg", room);
    return config_number_parse(slice_next_word(&text), ret);
}

// /proc/meminfo: lines such as "MemAvailable:    1234 kB"
static bool read_memory(const char *proc_dir, uint64_t *ret_mb) {
    char room[FILE_MAX];
    struct slice line, text = read_start(proc_dir, "meminfo", room);
    while (text.len > 0) {
        bool is_whole = slice_cut(text, '\n', &line, &text);
        if (!is_whole || !slice_starts_with(line, SLICE("MemAvailable:")))
            continue;
        line = slice_sub(line, sizeof("MemAvailable:") - 1, line.len);
        uint64_t kb;
        if (!slice_to_u64(slice_next_word(&line), &kb) || !slice_eq(slice_trim(line), SLICE("kB")))
            return false;
        *ret_mb = kb / 1024;
        return true;
    }
    return false;
}

void account_resources_read(struct account_resources *r, struct account_resource_values *ret) {
    ASSERT(pthread_mutex_lock(&r->lock) == 0);
    uint64_t now = clock_mono_ms();
    if (!r->has_values || now - r->read_at_ms >= KEEP_MS) {
        struct account_resource_values *v = &r->values;
        v->has_load = read_load(r->proc_dir, &v->load_1m);
        v->has_memory = read_memory(r->proc_dir, &v->memory_mb);
        r->read_at_ms = now;
        r->has_values = true;
    }
    *ret = r->values;
    ASSERT(pthread_mutex_unlock(&r->lock) == 0);
}
