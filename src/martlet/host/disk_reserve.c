// SPDX-License-Identifier: MIT
#include "martlet/host/disk_reserve.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"

// Of the file system: a thirty-second part, but no more than this.
enum { PART = 32, MAX = 4 * 1024 * 1024, PIECE = 64 * 1024 };

static uint64_t size_of(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void empty(struct disk_reserve *r) {
    r->is_held = false;
    (void)!ftruncate(r->fd, 0);
}

// At random, but none of it ASCII: who searches the state directory for a word or an address finds none by chance.
static void make_noise(uint8_t *ret, size_t len) {
    random_bytes(ret, len);
    for (size_t i = 0; i < len; i++)
        ret[i] |= 0x80;
}

// Written, and not only asked for, and noise: every file system gives space to that, also one that compresses. In part
// it is of no use.
static bool fill(struct disk_reserve *r) {
    static uint8_t piece[PIECE];
    for (uint64_t at = size_of(r->fd); at < r->want;) {
        uint64_t left = r->want - at;
        make_noise(piece, sizeof(piece));
        ssize_t n = pwrite(r->fd, piece, left < PIECE ? left : PIECE, (off_t)at);
        if (n <= 0)
            return false;
        at += (uint64_t)n;
    }
    return true;
}

void disk_reserve_open(struct disk_reserve *r, const char *state_dir, uint64_t total) {
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/reserve", state_dir);
    bool fits = n > 0 && (size_t)n < sizeof(path);
    *r = (struct disk_reserve){.fd = -1, .want = total / PART < MAX ? total / PART : MAX};
    if (fits)
        r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (r->fd >= 0)
        r->is_held = size_of(r->fd) >= r->want;
}

void disk_reserve_update(struct disk_reserve *r, enum disk_state state, uint64_t left) {
    if (r->fd < 0)
        return;
    if (state == DISK_IS_SHORT && r->is_held && left < r->want) {
        empty(r);
        log_warning("disk.reserve_used", "octets=%llu", (unsigned long long)r->want);
    } else if (state == DISK_HAS_ROOM && !r->is_held && left > 2 * r->want) {
        r->is_held = fill(r);
        if (!r->is_held)
            empty(r);
    }
}

void disk_reserve_close(struct disk_reserve *r) {
    if (r->fd >= 0)
        (void)close(r->fd);
    r->fd = -1;
}
