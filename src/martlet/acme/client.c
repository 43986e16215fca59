// SPDX-License-Identifier: MIT
#include "martlet/acme/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_TROUBLE = 126 };

// In the child, between fork and exec.
_Noreturn static void become_client(int acme_fd, const char *const *args, int out_fd) {
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *argv[ACME_CLIENT_ARGS_MAX + 2] = {(char *)(uintptr_t) "uacme"};
    for (size_t i = 0; args[i] != NULL && i < ACME_CLIENT_ARGS_MAX; i++)
        argv[i + 1] = (char *)(uintptr_t)args[i];
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null_fd < 0 || fchdir(acme_fd) != 0 || dup2(null_fd, STDIN_FILENO) < 0 || dup2(out_fd, STDOUT_FILENO) < 0 ||
        dup2(out_fd, STDERR_FILENO) < 0)
        _exit(EXIT_TROUBLE);
    (void)execvp(argv[0], argv);
    _exit(errno == ENOENT ? ACME_CLIENT_MISSING : EXIT_TROUBLE);
}

static void collect(int fd, struct buf *ret) {
    char piece[4096];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        (void)!buf_append(ret, piece, (size_t)n);
    }
}

int acme_client_run(int acme_fd, const char *const *args, struct buf *ret_output) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0)
        become_client(acme_fd, args, fds[1]);
    (void)close(fds[1]);
    if (pid > 0)
        collect(fds[0], ret_output);
    (void)close(fds[0]);
    int status = 0;
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        ASSERT(errno == EINTR);
    return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
