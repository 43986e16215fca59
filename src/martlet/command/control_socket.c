// SPDX-License-Identifier: MIT
// The name appears when the socket is ready, with its mode and owner: it is made beside and renamed. Both ways of
// reaching it go through a descriptor in /proc/self/fd, because a path in sockaddr_un has 108 octets at most and would
// be followed (unix(7), proc(5)).
#include "martlet/command/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/control.h"

#define FRESH_NAME CONTROL_SOCKET_NAME ".new"

enum { BACKLOG = 16 };

static int fail(char ret_error[FILES_ERROR_MAX], const char *why) {
    (void)snprintf(ret_error, FILES_ERROR_MAX, "the control socket cannot be made: %s", why);
    return -1;
}

static int new_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

bool control_socket_connect(int fd, int state_fd) {
    int at = openat(state_fd, CONTROL_SOCKET_NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (at < 0)
        return false;
    struct stat st;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d", at);
    bool ok = false;
    if (fstat(at, &st) == 0 && S_ISSOCK(st.st_mode))
        ok = connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0;
    else
        errno = ENOTSOCK;
    int saved = errno;
    (void)close(at);
    errno = saved;
    return ok;
}

// The process that listens there already. A backlog that is full has somebody behind it too.
static bool find_holder(int state_fd, pid_t *ret_pid) {
    int fd = new_socket();
    struct ucred who = {0};
    socklen_t len = sizeof(who);
    bool found = fd >= 0 && (control_socket_connect(fd, state_fd) || errno == EAGAIN);
    if (found)
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len);
    if (fd >= 0)
        (void)close(fd);
    *ret_pid = who.pid;
    return found;
}

// False, with a sentence, when what has the name must stay.
static bool may_replace(int state_fd, char ret_error[FILES_ERROR_MAX]) {
    struct stat st;
    pid_t pid;
    if (fstatat(state_fd, CONTROL_SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return true;
    if (!S_ISSOCK(st.st_mode)) {
        (void)fail(ret_error, "\"" CONTROL_SOCKET_NAME "\" in the state directory is something else; remove it");
        return false;
    }
    if (!find_holder(state_fd, &pid))
        return true;
    (void)snprintf(ret_error, FILES_ERROR_MAX,
                   "another relay runs with this state directory (process %d): stop it, or give this one a directory "
                   "of its own",
                   (int)pid);
    return false;
}

// By descriptor, and only what is a socket: the directory's owner could put something else there.
static bool give_to_owner(int state_fd) {
    struct stat dir, st;
    int at = openat(state_fd, FRESH_NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool ok = at >= 0 && fstat(state_fd, &dir) == 0 && fstat(at, &st) == 0 && S_ISSOCK(st.st_mode) &&
              (geteuid() != 0 || fchownat(at, "", dir.st_uid, dir.st_gid, AT_EMPTY_PATH) == 0);
    if (at >= 0)
        (void)close(at);
    return ok;
}

static bool appear(int fd, int state_fd) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof(a.sun_path), "/proc/self/fd/%d/" FRESH_NAME, state_fd);
    (void)unlinkat(state_fd, FRESH_NAME, 0);
    // The mode that the socket has when it is bound becomes the file's, so there is no moment with a wider one.
    return fchmod(fd, 0600) == 0 && bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 && give_to_owner(state_fd) &&
           listen(fd, BACKLOG) == 0 && renameat(state_fd, FRESH_NAME, state_fd, CONTROL_SOCKET_NAME) == 0;
}

int control_socket_open(int state_fd, char ret_error[FILES_ERROR_MAX]) {
    if (!may_replace(state_fd, ret_error))
        return -1;
    int fd = new_socket();
    if (fd < 0)
        return fail(ret_error, strerror(errno));
    if (appear(fd, state_fd))
        return fd;
    (void)fail(ret_error, strerror(errno));
    (void)unlinkat(state_fd, FRESH_NAME, 0);
    (void)close(fd);
    return -1;
}
