// SPDX-License-Identifier: MIT
#include "store/footprint.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/metrics.h"

struct footprint {
    char database[PATH_MAX], wal[PATH_MAX + 8];
    char dir[PATH_MAX];
};

// 0 for a file that is not there.
static int64_t size_of(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static int64_t read_database(void *arg, size_t value) {
    return size_of(((const struct footprint *)arg)->database);
}

static int64_t read_wal(void *arg, size_t value) {
    return size_of(((const struct footprint *)arg)->wal);
}

// What a user who is not root may still take.
static int64_t read_free(void *arg, size_t value) {
    struct statvfs fs;
    return statvfs(((const struct footprint *)arg)->dir, &fs) == 0 ? (int64_t)(fs.f_bavail * fs.f_frsize) : 0;
}

static int64_t read_size(void *arg, size_t value) {
    struct statvfs fs;
    return statvfs(((const struct footprint *)arg)->dir, &fs) == 0 ? (int64_t)(fs.f_blocks * fs.f_frsize) : 0;
}

static struct metric_gauge database = METRIC_GAUGE("martlet_store_database_bytes", "Size of the database file");
static struct metric_gauge wal =
    METRIC_GAUGE("martlet_store_wal_bytes", "Size of the file of what is committed but not yet in the database file");
static struct metric_gauge disk_free = METRIC_GAUGE("martlet_disk_free_bytes", "What is free on the disk of the store");
static struct metric_gauge disk_size = METRIC_GAUGE("martlet_disk_size_bytes", "Size of the disk of the store");

struct footprint *footprint_open(const char *dir) {
    struct footprint *f = MEM_NEW(struct footprint);
    (void)snprintf(f->dir, sizeof(f->dir), "%s", dir);
    (void)snprintf(f->database, sizeof(f->database), "%.4000s/martlet.db", dir);
    (void)snprintf(f->wal, sizeof(f->wal), "%s-wal", f->database);
    metric_gauge_open(&database, read_database, f);
    metric_gauge_open(&wal, read_wal, f);
    metric_gauge_open(&disk_free, read_free, f);
    metric_gauge_open(&disk_size, read_size, f);
    return f;
}

void footprint_close(struct footprint *f) {
    if (f == NULL)
        return;
    metric_gauge_close(&database, f);
    metric_gauge_close(&wal, f);
    metric_gauge_close(&disk_free, f);
    metric_gauge_close(&disk_size, f);
    free(f);
}
