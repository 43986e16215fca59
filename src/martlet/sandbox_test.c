// SPDX-License-Identifier: MIT
// What an intruder would try, from within the sandbox. Each attempt runs in a process of its own.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/panic.h"
#include "martlet/landlock.h"
#include "martlet/seccomp.h"

static char state_dir[] = "/tmp/martlet-sandbox-XXXXXX";

enum { HARMLESS = 0, SKIPPED = 100 };

// ---- attempts: 0 when it worked, else errno ----

static int result(bool worked) {
    return worked ? 0 : errno;
}

static int own_file(void) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/own", state_dir);
    return result(open(path, O_RDWR | O_CREAT, 0600) >= 0);
}
static int foreign_file(void) {
    return result(open("/etc/passwd", O_RDONLY) >= 0);
}
static int file_beside(void) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/../martlet-sandbox-escape", state_dir);
    return result(open(path, O_RDWR | O_CREAT, 0600) >= 0);
}
static int new_socket(void) {
    return result(socket(AF_INET, SOCK_STREAM, 0) >= 0);
}
static int new_process(void) {
    return result(syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) >= 0);
}
static int new_program(void) {
    char *argv[] = {NULL}, *env[] = {NULL};
    return result(execve("/bin/true", argv, env) == 0);
}
static int other_user(void) {
    return result(syscall(SYS_setresuid, 0, 0, 0) == 0);
}
static int trace_parent(void) {
    return result(syscall(SYS_ptrace, 16, getppid(), 0, 0) == 0); // PTRACE_ATTACH
}
static int signal_parent(void) {
    return result(syscall(SYS_tgkill, getppid(), getppid(), SIGURG) == 0);
}
static int kill_parent(void) {
    return result(syscall(SYS_kill, getppid(), SIGURG) == 0);
}
static int signal_self(void) {
    return result(syscall(SYS_tgkill, getpid(), getpid(), SIGURG) == 0);
}
static int executable_memory(void) {
    return result(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}
static int make_dumpable(void) {
    return result(prctl(PR_SET_DUMPABLE, 1) == 0);
}

// ---- running one ----

static int in_landlock(int (*attempt)(void)) {
    int abi;
    if (!landlock_restrict(state_dir, false, &abi))
        return SKIPPED + 1;
    return abi == 0 ? SKIPPED : attempt();
}

static int in_seccomp(int (*attempt)(void)) {
    bool on;
    if (!seccomp_restrict(&on))
        return SKIPPED + 1;
    return on ? attempt() : SKIPPED;
}

// The exit status, or minus the signal.
static int run(int (*within)(int (*)(void)), int (*attempt)(void)) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void)syscall(SYS_exit_group, within(attempt));
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct row {
    const char *name;
    int (*within)(int (*)(void));
    int (*attempt)(void);
    int want;
};

static void test_attempts(void **state) {
    static const struct row rows[] = {
        {"own file", in_landlock, own_file, HARMLESS},
        {"foreign file", in_landlock, foreign_file, EACCES},
        {"file beside", in_landlock, file_beside, EACCES},
        {"own file, filtered", in_seccomp, own_file, HARMLESS},
        {"new socket", in_seccomp, new_socket, ENOSYS},
        {"new process", in_seccomp, new_process, ENOSYS},
        {"new program", in_seccomp, new_program, -SIGSYS},
        {"other user", in_seccomp, other_user, -SIGSYS},
        {"trace the parent", in_seccomp, trace_parent, -SIGSYS},
        {"signal the parent", in_seccomp, signal_parent, ENOSYS},
        {"kill the parent", in_seccomp, kill_parent, ENOSYS},
        {"signal oneself", in_seccomp, signal_self, HARMLESS},
        {"executable memory", in_seccomp, executable_memory, ENOSYS},
        {"dumpable again", in_seccomp, make_dumpable, ENOSYS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = run(rows[i].within, rows[i].attempt);
        if (got == SKIPPED)
            print_message("# %s: this kernel cannot restrict it\n", rows[i].name);
        else if (got != rows[i].want)
            fail_msg("%s: got %d want %d", rows[i].name, got, rows[i].want);
    }
}

static int make_dir(void **state) {
    return mkdtemp(state_dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/own", state_dir);
    (void)unlink(path);
    return rmdir(state_dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attempts)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
