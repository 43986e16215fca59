// SPDX-License-Identifier: MIT
// For the power-cut test: a library to preload that writes down every change a process makes to files below a
// directory, with its octets, in one log in the order in which the changes were begun; syncs are noted when they begin
// and when they have succeeded. test_powercut.py reads the log.
//
//   RECORDER_DIR  the directory to watch
//   RECORDER_LOG  the log; opened before the program starts, so that a sandbox does not hinder it
//
// A record is a struct record followed by `len` octets. Files are known by inode, because an unnamed file (O_TMPFILE)
// gets its name later or never.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind {
    KIND_CREATE = 1, // inode, octets: path ("" for an unnamed file)
    KIND_WRITE,      // inode, offset, octets
    KIND_TRUNCATE,   // inode, offset: new size
    KIND_SYNC_BEGIN, // inode, offset: a number that the end repeats
    KIND_SYNC_END,
    KIND_LINK,   // inode, octets: path
    KIND_UNLINK, // octets: path
    KIND_RENAME, // octets: path NUL path
    KIND_MKDIR,  // inode, octets: path
    KIND_UNKNOWN // octets: what cannot be replayed; the test fails
};

struct record {
    uint32_t kind;
    uint32_t len;
    uint64_t inode;
    uint64_t offset;
};

static int log_fd = -1;
static char watched[4096];
static size_t watched_len;
static dev_t watched_dev;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t sync_count;

__attribute__((constructor)) static void recorder_open(void) {
    const char *dir = getenv("RECORDER_DIR"), *log = getenv("RECORDER_LOG");
    struct stat st;
    if (dir == NULL || log == NULL || stat(dir, &st) != 0)
        return;
    watched_dev = st.st_dev;
    watched_len = strlen(dir);
    if (watched_len + 1 >= sizeof(watched))
        return;
    memcpy(watched, dir, watched_len + 1);
    log_fd = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
}

static void put(enum kind kind, uint64_t inode, uint64_t offset, const void *octets, size_t len) {
    if (log_fd < 0)
        return;
    struct record r = {.kind = kind, .len = (uint32_t)len, .inode = inode, .offset = offset};
    char small[8192];
    char *all = sizeof(r) + len <= sizeof(small) ? small : malloc(sizeof(r) + len);
    if (all == NULL)
        abort();
    memcpy(all, &r, sizeof(r));
    if (len > 0)
        memcpy(all + sizeof(r), octets, len);
    // One write to a file opened with O_APPEND: records of threads and processes do not mix.
    if (syscall(SYS_write, log_fd, all, sizeof(r) + len) != (long)(sizeof(r) + len))
        abort();
    if (all != small)
        free(all);
}

// The real function behind a name.
#define NEXT(type, name)                                                                                               \
    static __typeof__(type) real;                                                                                      \
    if (real == NULL)                                                                                                  \
    real = (__typeof__(type))dlsym(RTLD_NEXT, name)

static int is_below(const char *path) {
    return log_fd >= 0 && strncmp(path, watched, watched_len) == 0 &&
           (path[watched_len] == '/' || path[watched_len] == '\0');
}

// The absolute path of `path` as seen from dirfd; "" when it is too long.
static void resolve(int dirfd, const char *path, char ret[4096]) {
    ret[0] = '\0';
    if (path[0] == '/') {
        snprintf(ret, 4096, "%s", path);
        return;
    }
    char link[64], base[2048];
    ssize_t n;
    if (dirfd == AT_FDCWD) {
        n = readlink("/proc/self/cwd", base, sizeof(base) - 1);
    } else {
        snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
        n = readlink(link, base, sizeof(base) - 1);
    }
    if (n < 0)
        return;
    base[n] = '\0';
    snprintf(ret, 4096, "%s/%s", base, path);
}

// True for a file or directory on the watched file system; a process may write to others (its log, sockets) as it
// likes.
static int is_watched_fd(int fd, struct stat *st) {
    return log_fd >= 0 && fstat(fd, st) == 0 && st->st_dev == watched_dev &&
           (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
}

static int open_common(int dirfd, const char *path, int flags, mode_t mode) {
    char full[4096];
    int saved = errno;
    resolve(dirfd, path, full);
    int ours = is_below(full);
    struct stat st;
    int existed = ours && (flags & O_CREAT) && stat(full, &st) == 0;
    errno = saved;
    int fd = (int)syscall(SYS_openat, dirfd, path, flags, mode);
    saved = errno;
    if (fd >= 0 && ours && is_watched_fd(fd, &st)) {
        if ((flags & O_TMPFILE) == O_TMPFILE)
            put(KIND_CREATE, st.st_ino, 0, "", 0);
        else if ((flags & O_CREAT) && !existed)
            put(KIND_CREATE, st.st_ino, 0, full, strlen(full));
        if ((flags & O_TRUNC) && existed)
            put(KIND_TRUNCATE, st.st_ino, 0, "", 0);
    }
    errno = saved;
    return fd;
}

#define OPEN_MODE(flags)                                                                                               \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list args;                                                                                                  \
        va_start(args, flags);                                                                                         \
        mode = va_arg(args, mode_t);                                                                                   \
        va_end(args);                                                                                                  \
    }

int open(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_common(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_common(AT_FDCWD, path, flags, mode);
}
int openat(int dirfd, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_common(dirfd, path, flags, mode);
}
int openat64(int dirfd, const char *path, int flags, ...) {
    OPEN_MODE(flags)
    return open_common(dirfd, path, flags, mode);
}
int creat(const char *path, mode_t mode) {
    return open_common(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode);
}

// fopen() opens within libc; a program that writes its state with stdio is not replayed, so it is reported.
static void report_stdio(const char *path, const char *mode) {
    char full[4096];
    resolve(AT_FDCWD, path, full);
    if (is_below(full) && strpbrk(mode, "wa+") != NULL)
        put(KIND_UNKNOWN, 0, 0, "fopen", 5);
}
FILE *fopen(const char *path, const char *mode) {
    NEXT(FILE * (*)(const char *, const char *), "fopen");
    report_stdio(path, mode);
    return real(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
    NEXT(FILE * (*)(const char *, const char *), "fopen64");
    report_stdio(path, mode);
    return real(path, mode);
}

static ssize_t write_common(int fd, const void *octets, size_t len, int positioned, off_t offset) {
    struct stat st;
    int saved = errno;
    if (is_watched_fd(fd, &st)) {
        // Two writers of one position do not exist; the lock keeps position, record and write together.
        pthread_mutex_lock(&lock);
        if (!positioned) {
            offset = lseek(fd, 0, SEEK_CUR);
            int flags = fcntl(fd, F_GETFL);
            if (flags >= 0 && (flags & O_APPEND))
                offset = st.st_size;
        }
        put(KIND_WRITE, st.st_ino, (uint64_t)offset, octets, len);
        errno = saved;
        ssize_t n = positioned ? (ssize_t)syscall(SYS_pwrite64, fd, octets, len, offset)
                               : (ssize_t)syscall(SYS_write, fd, octets, len);
        saved = errno;
        if (n >= 0 && (size_t)n < len)
            put(KIND_UNKNOWN, 0, 0, "short write", 11);
        pthread_mutex_unlock(&lock);
        errno = saved;
        return n;
    }
    errno = saved;
    return positioned ? (ssize_t)syscall(SYS_pwrite64, fd, octets, len, offset)
                      : (ssize_t)syscall(SYS_write, fd, octets, len);
}

ssize_t write(int fd, const void *octets, size_t len) {
    return write_common(fd, octets, len, 0, 0);
}
ssize_t pwrite(int fd, const void *octets, size_t len, off_t offset) {
    return write_common(fd, octets, len, 1, offset);
}
ssize_t pwrite64(int fd, const void *octets, size_t len, off64_t offset) {
    return write_common(fd, octets, len, 1, offset);
}

// Vectored writes go out piece by piece: the log then shows them as they may be torn.
static ssize_t writev_common(int fd, const struct iovec *parts, int n, int positioned, off_t offset) {
    ssize_t total = 0;
    for (int i = 0; i < n; i++) {
        ssize_t w = write_common(fd, parts[i].iov_base, parts[i].iov_len, positioned, offset + total);
        if (w < 0)
            return total > 0 ? total : w;
        total += w;
        if ((size_t)w < parts[i].iov_len)
            break;
    }
    return total;
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
    NEXT(ssize_t(*)(int, const struct iovec *, int), "writev");
    struct stat st;
    int saved = errno;
    int ours = is_watched_fd(fd, &st);
    errno = saved;
    return ours ? writev_common(fd, parts, n, 0, 0) : real(fd, parts, n);
}
ssize_t pwritev(int fd, const struct iovec *parts, int n, off_t offset) {
    return writev_common(fd, parts, n, 1, offset);
}

static int truncate_common(int fd, off_t size) {
    struct stat st;
    int saved = errno;
    if (is_watched_fd(fd, &st))
        put(KIND_TRUNCATE, st.st_ino, (uint64_t)size, "", 0);
    errno = saved;
    return (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate(int fd, off_t size) {
    return truncate_common(fd, size);
}
int ftruncate64(int fd, off64_t size) {
    return truncate_common(fd, size);
}

static int sync_common(int fd, long number) {
    struct stat st;
    int saved = errno;
    int ours = is_watched_fd(fd, &st);
    uint64_t id = ours ? __atomic_add_fetch(&sync_count, 1, __ATOMIC_RELAXED) | (uint64_t)getpid() << 32 : 0;
    if (ours)
        put(KIND_SYNC_BEGIN, st.st_ino, id, "", 0);
    errno = saved;
    int result = (int)syscall(number, fd);
    saved = errno;
    if (ours && result == 0)
        put(KIND_SYNC_END, st.st_ino, id, "", 0);
    errno = saved;
    return result;
}
int fsync(int fd) {
    return sync_common(fd, SYS_fsync);
}
int fdatasync(int fd) {
    return sync_common(fd, SYS_fdatasync);
}

static void put_link(int dirfd, const char *path, const struct stat *st) {
    char full[4096];
    resolve(dirfd, path, full);
    if (is_below(full))
        put(KIND_LINK, st->st_ino, 0, full, strlen(full));
}
int linkat(int olddir, const char *old, int newdir, const char *new, int flags) {
    NEXT(int (*)(int, const char *, int, const char *, int), "linkat");
    int result = real(olddir, old, newdir, new, flags);
    int saved = errno;
    struct stat st;
    if (result == 0 && fstatat(newdir, new, &st, 0) == 0)
        put_link(newdir, new, &st);
    errno = saved;
    return result;
}
int link(const char *old, const char *new) {
    return linkat(AT_FDCWD, old, AT_FDCWD, new, 0);
}

int unlinkat(int dirfd, const char *path, int flags) {
    char full[4096];
    int saved = errno;
    resolve(dirfd, path, full);
    if (is_below(full))
        put(KIND_UNLINK, 0, 0, full, strlen(full));
    errno = saved;
    return (int)syscall(SYS_unlinkat, dirfd, path, flags);
}
int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}

int renameat(int olddir, const char *old, int newdir, const char *new) {
    char both[8192];
    int saved = errno;
    resolve(olddir, old, both);
    size_t n = strlen(both) + 1;
    resolve(newdir, new, both + n);
    if (is_below(both + n))
        put(KIND_RENAME, 0, 0, both, n + strlen(both + n));
    errno = saved;
    return (int)syscall(SYS_renameat, olddir, old, newdir, new);
}
int rename(const char *old, const char *new) {
    return renameat(AT_FDCWD, old, AT_FDCWD, new);
}

int mkdirat(int dirfd, const char *path, mode_t mode) {
    int result = (int)syscall(SYS_mkdirat, dirfd, path, mode);
    int saved = errno;
    char full[4096];
    resolve(dirfd, path, full);
    struct stat st;
    if (result == 0 && is_below(full) && stat(full, &st) == 0)
        put(KIND_MKDIR, st.st_ino, 0, full, strlen(full));
    errno = saved;
    return result;
}
int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}

int fallocate(int fd, int mode, off_t offset, off_t len) {
    NEXT(int (*)(int, int, off_t, off_t), "fallocate");
    struct stat st;
    if (is_watched_fd(fd, &st))
        put(KIND_UNKNOWN, 0, 0, "fallocate", 9);
    return real(fd, mode, offset, len);
}
int posix_fallocate(int fd, off_t offset, off_t len) {
    NEXT(int (*)(int, off_t, off_t), "posix_fallocate");
    struct stat st;
    if (is_watched_fd(fd, &st))
        put(KIND_UNKNOWN, 0, 0, "posix_fallocate", 15);
    return real(fd, offset, len);
}
