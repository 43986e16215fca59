// SPDX-License-Identifier: MIT
#include "martlet/host/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 16 * 1024 };

static bool fail(char ret_error[FILES_ERROR_MAX], const char *name, const char *why) {
    (void)snprintf(ret_error, FILES_ERROR_MAX, "%.400s: %s", name, why);
    return false;
}

static bool read_all(int fd, struct buf *ret) {
    for (;;) {
        char piece[READ_STEP];
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        if (!buf_append(ret, piece, (size_t)n)) {
            errno = EFBIG;
            return false;
        }
    }
}

bool files_read(int dir_fd, const char *name, bool no_follow, struct buf *ret, char ret_error[FILES_ERROR_MAX]) {
    // Not blocking, in case somebody names a FIFO.
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (no_follow ? O_NOFOLLOW : 0));
    if (fd < 0)
        return fail(ret_error, name, strerror(errno));
    struct stat st;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!ok)
        (void)fail(ret_error, name, "not a regular file");
    else if (!(ok = read_all(fd, ret)))
        (void)fail(ret_error, name, strerror(errno));
    (void)close(fd);
    return ok;
}

static bool write_all(int fd, struct slice content) {
    while (content.len > 0) {
        ssize_t n = write(fd, content.ptr, content.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        content = slice_sub(content, (size_t)n, content.len);
    }
    return fsync(fd) == 0;
}

bool files_inherit_owner(int fd, int dir_fd) {
    struct stat st;
    return geteuid() != 0 || (fstat(dir_fd, &st) == 0 && fchown(fd, st.st_uid, st.st_gid) == 0);
}

bool files_write(int dir_fd, const char *name, struct slice content, char ret_error[FILES_ERROR_MAX]) {
    char fresh[NAME_MAX];
    (void)snprintf(fresh, sizeof(fresh), "%.200s.new", name);
    (void)unlinkat(dir_fd, fresh, 0);
    int fd = openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(ret_error, name, strerror(errno));
    bool ok = files_inherit_owner(fd, dir_fd) && write_all(fd, content);
    ok = close(fd) == 0 && ok;
    ok = ok && renameat(dir_fd, fresh, dir_fd, name) == 0;
    if (!ok) {
        (void)fail(ret_error, name, strerror(errno));
        (void)unlinkat(dir_fd, fresh, 0);
        return false;
    }
    (void)fsync(dir_fd);
    return true;
}

// Makes every directory above the last component. What first kept one from being made, or 0.
static int make_parents(const char *path) {
    char part[PATH_MAX];
    int error = 0;
    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        size_t len = (size_t)(slash - path);
        memcpy(part, path, len);
        part[len] = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST && error == 0)
            error = errno;
    }
    return error;
}

int files_make_dir(const char *path, char ret_error[FILES_ERROR_MAX]) {
    size_t len = strlen(path);
    if (len == 0 || len >= PATH_MAX) {
        (void)fail(ret_error, path, "not a directory name");
        return -1;
    }
    int error = make_parents(path);
    if (mkdir(path, 0700) != 0 && errno != EEXIST && error == 0)
        error = errno;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        // That it is not there says less than why it could not be made.
        if (errno == ENOENT && error != 0)
            errno = error;
        error = errno;
        (void)fail(ret_error, path, strerror(error));
        errno = error;
    }
    return fd;
}
