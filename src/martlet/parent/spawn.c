// SPDX-License-Identifier: MIT
#include "martlet/parent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "martlet/handover/ports.h"

enum { EXIT_NO_EXEC = 127, SEND_MAX_S = 5 };

static bool keep_over_exec(int fd) {
    return fcntl(fd, F_SETFD, 0) == 0;
}

// Whoever started the parent may have left descriptors open, systemd may have passed sockets that no service has: none
// of them is for the process that faces the network. An old kernel (before 5.11) does not know the flag.
static void keep_nothing_over_exec(void) {
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
}

// In the child, between fork and exec. statm_fd may be -1.
_Noreturn static void become_relay(const struct ports *ports, int channel_fd, int statm_fd) {
    keep_nothing_over_exec();
    bool ok = keep_over_exec(channel_fd) && (statm_fd < 0 || keep_over_exec(statm_fd));
    for (size_t i = 0; i < ports->n; i++)
        ok = keep_over_exec(ports->sockets[i].fd) && ok;
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    char channel[16], statm[16];
    (void)snprintf(channel, sizeof(channel), "%d", channel_fd);
    (void)snprintf(statm, sizeof(statm), "%d", statm_fd);
    char name[] = "martlet", subcommand[] = "relay";
    char *argv[] = {name, subcommand, channel, statm_fd < 0 ? NULL : statm, NULL};
    if (ok)
        (void)execv("/proc/self/exe", argv);
    _exit(EXIT_NO_EXEC);
}

pid_t spawn_relay(const struct ports *ports, int *ret_channel_fd) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    struct timeval limit = {.tv_sec = SEND_MAX_S};
    (void)setsockopt(fds[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    // What this process takes in memory. The relay may not look for itself: another user's processes can be hidden
    // (hidepid of proc(5), ProtectProc= of systemd).
    int statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    pid_t pid = fork();
    if (pid == 0)
        become_relay(ports, fds[1], statm_fd);
    int saved = errno;
    (void)close(fds[1]);
    if (statm_fd >= 0)
        (void)close(statm_fd);
    if (pid > 0)
        *ret_channel_fd = fds[0];
    else
        (void)close(fds[0]);
    errno = saved;
    return pid;
}

// In the child, between fork and exec.
_Noreturn static void become_helper(const char *const *argv, pid_t parent) {
    keep_nothing_over_exec();
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent && setpgid(0, 0) == 0)
        (void)execv("/proc/self/exe", (char *const *)(uintptr_t)argv);
    _exit(EXIT_NO_EXEC);
}

pid_t spawn_helper(const char *const *argv) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become_helper(argv, parent);
    return pid;
}
