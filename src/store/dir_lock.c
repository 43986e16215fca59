// SPDX-License-Identifier: MIT
#include "store/dir_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

const char *dir_lock_errno(const char *what) {
    static _Thread_local char sentence[256];
    char text[128];
    (void)snprintf(sentence, sizeof(sentence), "%s: %s", what, strerror_r(errno, text, sizeof(text)));
    return sentence;
}

// The new directory must outlive a crash as what is put in it does.
// A parent that we may not read cannot be synced, and then it is not ours to care for.
static void sync_parent(int dir_fd) {
    int parent = openat(dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return;
    (void)fsync(parent);
    (void)close(parent);
}

int dir_lock(const char *dir, bool create, const char **ret_error) {
    bool made = create && mkdir(dir, 0700) == 0;
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) {
        *ret_error = dir_lock_errno("the state directory cannot be opened");
        return -1;
    }
    if (made)
        sync_parent(dir_fd);
    int fd = openat(dir_fd, "lock", O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        *ret_error = errno == ENOENT ? "there is no store in the state directory"
                                     : dir_lock_errno("the state directory cannot be written");
    (void)close(dir_fd);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        *ret_error = errno == EWOULDBLOCK ? "another process has the state directory open"
                                          : dir_lock_errno("the state directory cannot be locked");
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

void dir_unlock(int fd) {
    if (fd >= 0)
        (void)close(fd);
}
