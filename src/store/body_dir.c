// SPDX-License-Identifier: MIT
#include "store/body_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"

// Of the file system: a sixteenth, but no more than this.
enum { RESERVE_PART = 16, RESERVE_MAX = 16 * 1024 * 1024 };

struct body_dir {
    _Atomic unsigned refs;
    int fd;
    _Atomic bool no_tmpfile; // the file system has no O_TMPFILE
};

// "ab/cdef...": the path of a body below the directory.
struct body_path {
    char text[2 + 1 + 30 + 1];
};

static struct body_path path_of(const struct body_name *name) {
    char hex[33];
    hex_encode(name->octets, sizeof(name->octets), hex);
    struct body_path path;
    (void)snprintf(path.text, sizeof(path.text), "%.2s/%s", hex, hex + 2);
    return path;
}

static int open_dir_at(int at, const char *name) {
    return openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// Makes the directory durable under its parent; it may be there already.
static bool make_dir_at(int parent, const char *name) {
    if (mkdirat(parent, name, 0700) == 0)
        return fsync(parent) == 0;
    return errno == EEXIST;
}

struct body_dir *body_dir_open(const char *dir) {
    int parent = open_dir_at(AT_FDCWD, dir);
    if (parent < 0)
        return NULL;
    int fd = make_dir_at(parent, "bodies") ? open_dir_at(parent, "bodies") : -1;
    int err = errno;
    (void)close(parent);
    if (fd < 0) {
        errno = err;
        return NULL;
    }
    struct body_dir *d = MEM_NEW(struct body_dir);
    atomic_init(&d->refs, 1);
    d->fd = fd;
    return d;
}

struct body_dir *body_dir_ref(struct body_dir *d) {
    atomic_fetch_add(&d->refs, 1);
    return d;
}

void body_dir_unref(struct body_dir *d) {
    if (d == NULL || atomic_fetch_sub(&d->refs, 1) > 1)
        return;
    (void)close(d->fd);
    free(d);
}

void body_dir_test_without_tmpfile(struct body_dir *d) {
    atomic_store(&d->no_tmpfile, true);
}

int body_dir_create(struct body_dir *d, struct body_name *ret_name, bool *ret_named) {
    random_bytes(ret_name->octets, sizeof(ret_name->octets));
    struct body_path path = path_of(ret_name);
    char sub[3] = {path.text[0], path.text[1], '\0'};
    if (!make_dir_at(d->fd, sub))
        return -1;
    if (!atomic_load(&d->no_tmpfile)) {
        int fd = openat(d->fd, sub, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT)) {
            *ret_named = false;
            return fd;
        }
        atomic_store(&d->no_tmpfile, true);
    }
    *ret_named = true;
    return openat(d->fd, path.text, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
}

bool body_dir_publish(struct body_dir *d, int fd, const struct body_name *name, bool named) {
    struct body_path path = path_of(name);
    if (fsync(fd) != 0)
        return false;
    if (!named) {
        char self[32];
        (void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
        if (linkat(AT_FDCWD, self, d->fd, path.text, AT_SYMLINK_FOLLOW) != 0)
            return false;
    }
    char sub[3] = {path.text[0], path.text[1], '\0'};
    int parent = open_dir_at(d->fd, sub);
    bool ok = parent >= 0 && fsync(parent) == 0;
    if (!ok) {
        int err = errno;
        body_dir_unlink(d, name);
        errno = err;
    }
    if (parent >= 0)
        (void)close(parent);
    return ok;
}

uint64_t body_dir_reserve(uint64_t total_octets) {
    uint64_t reserve = total_octets / RESERVE_PART;
    return reserve < RESERVE_MAX ? reserve : RESERVE_MAX;
}

bool body_dir_has_room(struct body_dir *d) {
    struct statvfs fs;
    if (fstatvfs(d->fd, &fs) != 0 || fs.f_blocks == 0) // it will be found out by writing
        return true;
    if ((uint64_t)fs.f_bavail * fs.f_frsize >= body_dir_reserve((uint64_t)fs.f_blocks * fs.f_frsize))
        return true;
    errno = ENOSPC;
    return false;
}

uint64_t body_dir_free_octets(struct body_dir *d) {
    struct statvfs fs;
    if (fstatvfs(d->fd, &fs) != 0 || fs.f_blocks == 0)
        return UINT64_MAX;
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

int body_dir_open_file(struct body_dir *d, const struct body_name *name) {
    return openat(d->fd, path_of(name).text, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void body_dir_unlink(struct body_dir *d, const struct body_name *name) {
    (void)unlinkat(d->fd, path_of(name).text, 0);
}

static bool is_dots(const char *name) {
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

struct walk {
    void (*on_file)(void *arg, const struct body_name *name);
    void (*on_stray)(void *arg, const char *path);
    void *arg;
};

static void visit(const struct walk *w, const char *sub, const char *file) {
    char path[512];
    (void)snprintf(path, sizeof(path), "%s%s", sub, file);
    struct body_name name;
    if (hex_decode(slice_from_cstr(path), name.octets, sizeof(name.octets))) {
        w->on_file(w->arg, &name);
    } else if (w->on_stray != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", sub, file);
        w->on_stray(w->arg, path);
    }
}

static bool walk_sub(const struct walk *w, int at, const char *sub) {
    int fd = open_dir_at(at, sub);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL)
        return false;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (!is_dots(entry->d_name))
            visit(w, sub, entry->d_name);
    (void)closedir(dir);
    return true;
}

bool body_dir_walk(struct body_dir *d, void (*on_file)(void *arg, const struct body_name *name),
                   void (*on_stray)(void *arg, const char *path), void *arg) {
    struct walk w = {on_file, on_stray, arg};
    int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL)
        return false;
    bool ok = true;
    struct dirent *entry;
    while (ok && (entry = readdir(dir)) != NULL) {
        uint8_t octet;
        if (hex_decode(slice_from_cstr(entry->d_name), &octet, 1))
            ok = walk_sub(&w, fd, entry->d_name);
        else if (!is_dots(entry->d_name) && on_stray != NULL)
            on_stray(arg, entry->d_name);
    }
    (void)closedir(dir);
    return ok;
}
