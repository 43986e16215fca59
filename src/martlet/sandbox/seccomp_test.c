// SPDX-License-Identifier: MIT
// The filter asked directly: the same answers for every architecture, on kernels and emulators that apply none. That
// the kernel obeys it shows sandbox_test.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "martlet/sandbox/seccomp_verdict.h"

enum { REFUSED = SECCOMP_RET_ERRNO | ENOSYS, NOT_SUPPORTED = SECCOMP_RET_ERRNO | EOPNOTSUPP };

struct row {
    const char *name;
    int number;
    uint32_t want;
    uint64_t args[6];
};

#define ALLOWED(call)                                                                                                  \
    {                                                                                                                  \
#call, SYS_##call, SECCOMP_RET_ALLOW, {                                                                        \
            0                                                                                                          \
        }                                                                                                              \
    }
#define DEADLY(call)                                                                                                   \
    {                                                                                                                  \
#call, SYS_##call, SECCOMP_RET_KILL_PROCESS, {                                                                 \
            0                                                                                                          \
        }                                                                                                              \
    }
#define WITH(call, want, ...)                                                                                          \
    {                                                                                                                  \
#call "(" #__VA_ARGS__ ")", SYS_##call, want, {                                                                \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

static struct seccomp_program program;

static void expect(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct seccomp_data call = {.nr = rows[i].number, .arch = seccomp_own_arch()};
        memcpy(call.args, rows[i].args, sizeof(rows[i].args));
        uint32_t got = seccomp_verdict(&program, &call);
        if (got != rows[i].want)
            fail_msg("%s: got %#x want %#x", rows[i].name, got, rows[i].want);
    }
}

// What a C library makes of open(), poll(), rename() and the like where the architecture has nothing older (ARM), and
// what libraries of ours call otherwise.
static void test_needed(void **state) {
    static const struct row rows[] = {
        ALLOWED(openat),
        ALLOWED(newfstatat),
        ALLOWED(fstat),
        ALLOWED(statx),
        ALLOWED(faccessat),
        ALLOWED(ppoll),
        ALLOWED(pselect6),
        ALLOWED(epoll_create1),
        ALLOWED(epoll_ctl),
        ALLOWED(epoll_pwait),
        ALLOWED(dup3),
        ALLOWED(pipe2),
        ALLOWED(eventfd2),
        ALLOWED(timerfd_create),
        ALLOWED(timerfd_settime),
        ALLOWED(signalfd4),
        ALLOWED(unlinkat),
        ALLOWED(renameat),
        ALLOWED(renameat2),
        ALLOWED(linkat),
        ALLOWED(mkdirat),
        ALLOWED(readlinkat),
        ALLOWED(fchmodat),
        ALLOWED(fchmod),
        ALLOWED(fchown),
        ALLOWED(utimensat),
        ALLOWED(getdents64),
        ALLOWED(lseek),
        ALLOWED(pread64),
        ALLOWED(pwrite64),
        ALLOWED(fsync),
        ALLOWED(fdatasync),
        ALLOWED(fallocate),
        ALLOWED(ftruncate),
        ALLOWED(flock),
        ALLOWED(fcntl),
        ALLOWED(accept4),
        ALLOWED(accept),
        ALLOWED(recvfrom),
        ALLOWED(recvmsg),
        ALLOWED(recvmmsg),
        ALLOWED(connect),
        ALLOWED(bind),
        ALLOWED(shutdown),
        ALLOWED(setsockopt),
        ALLOWED(getsockopt),
        ALLOWED(getsockname),
        ALLOWED(futex),
        ALLOWED(set_robust_list),
        ALLOWED(rseq),
        ALLOWED(munmap),
        ALLOWED(mremap),
        ALLOWED(madvise),
        ALLOWED(brk),
        ALLOWED(rt_sigprocmask),
        ALLOWED(rt_sigaction),
        ALLOWED(rt_sigreturn),
        ALLOWED(getrandom),
        ALLOWED(clock_gettime),
        ALLOWED(clock_nanosleep),
        ALLOWED(sched_yield),
        ALLOWED(sched_getaffinity),
        ALLOWED(sysinfo),
        ALLOWED(uname),
        ALLOWED(getrusage),
        ALLOWED(exit),
        ALLOWED(exit_group),
        ALLOWED(restart_syscall),
    };
    expect(rows, ARRAY_LEN(rows));
}

static void test_deadly(void **state) {
    static const struct row rows[] = {
        DEADLY(execve),      DEADLY(execveat),        DEADLY(ptrace),     DEADLY(process_vm_readv),
        DEADLY(mount),       DEADLY(umount2),         DEADLY(chroot),     DEADLY(pivot_root),
        DEADLY(setns),       DEADLY(unshare),         DEADLY(bpf),        DEADLY(keyctl),
        DEADLY(userfaultfd), DEADLY(perf_event_open), DEADLY(kexec_load), DEADLY(finit_module),
        DEADLY(setuid),      DEADLY(setresuid),       DEADLY(setgid),     DEADLY(setresgid),
    };
    expect(rows, ARRAY_LEN(rows));
}

static void test_refused(void **state) {
    static const struct row rows[] = {
        WITH(listen, REFUSED),
        WITH(kill, REFUSED, 1, SIGTERM),
        WITH(clone3, REFUSED),
        WITH(ioctl, REFUSED),
        WITH(socket, REFUSED, AF_UNIX, SOCK_STREAM, 0),
        WITH(socket, REFUSED, AF_NETLINK, SOCK_RAW, 0),
        WITH(socket, REFUSED, AF_INET, SOCK_RAW, IPPROTO_ICMP),
        WITH(socket, REFUSED, AF_INET, SOCK_DGRAM, IPPROTO_ICMP),
        WITH(clone, REFUSED, SIGCHLD),
        WITH(mmap, REFUSED, 0, 4096, PROT_READ | PROT_EXEC),
        WITH(mprotect, REFUSED, 0, 4096, PROT_WRITE | PROT_EXEC),
        WITH(prctl, REFUSED, PR_SET_DUMPABLE, 1),
        WITH(tgkill, REFUSED, 1, 1, SIGKILL),
        WITH(prlimit64, REFUSED, 0, 7, 1),
        WITH(sendto, NOT_SUPPORTED, 0, 0, 0, MSG_FASTOPEN),
        WITH(sendmsg, NOT_SUPPORTED, 0, 0, MSG_FASTOPEN | MSG_NOSIGNAL),
        WITH(sendmmsg, NOT_SUPPORTED, 0, 0, 0, MSG_FASTOPEN),
    };
    expect(rows, ARRAY_LEN(rows));
}

static void test_let_through_for_these_arguments(void **state) {
    const struct row rows[] = {
        WITH(socket, SECCOMP_RET_ALLOW, AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
        WITH(socket, SECCOMP_RET_ALLOW, AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP),
        WITH(socketpair, SECCOMP_RET_ALLOW, AF_UNIX, SOCK_STREAM, 0),
        WITH(clone, SECCOMP_RET_ALLOW, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND),
        WITH(mmap, SECCOMP_RET_ALLOW, 0, 4096, PROT_READ | PROT_WRITE),
        WITH(mprotect, SECCOMP_RET_ALLOW, 0, 4096, PROT_NONE),
        WITH(prctl, SECCOMP_RET_ALLOW, PR_SET_NAME),
        WITH(tgkill, SECCOMP_RET_ALLOW, (uint64_t)getpid(), 1, SIGABRT),
        WITH(prlimit64, SECCOMP_RET_ALLOW, 0, 7, 0),
        WITH(sendto, SECCOMP_RET_ALLOW, 0, 0, 0, MSG_NOSIGNAL),
        WITH(sendmsg, SECCOMP_RET_ALLOW, 0, 0, MSG_NOSIGNAL),
        WITH(sendmmsg, SECCOMP_RET_ALLOW, 0, 0, 0, MSG_NOSIGNAL),
    };
    expect(rows, ARRAY_LEN(rows));
}

// The numbers of one architecture mean other calls in another.
static void test_foreign_architecture(void **state) {
    static const uint32_t foreign[] = {AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        struct seccomp_data call = {.nr = SYS_read, .arch = foreign[i]};
        uint32_t want = foreign[i] == seccomp_own_arch() ? SECCOMP_RET_ALLOW : SECCOMP_RET_KILL_THREAD;
        uint32_t got = seccomp_verdict(&program, &call);
        if (got != want)
            fail_msg("architecture %#x: got %#x want %#x", foreign[i], got, want);
    }
}

static void test_own_architecture(void **state) {
#if defined(__aarch64__)
    assert_int_equal(seccomp_own_arch(), AUDIT_ARCH_AARCH64);
#elif defined(__x86_64__)
    assert_int_equal(seccomp_own_arch(), AUDIT_ARCH_X86_64);
#endif
    assert_true(program.n > 50);
}

static int load(void **state) {
    return seccomp_program_load(&program) ? 0 : -1;
}

static int unload(void **state) {
    seccomp_program_free(&program);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_architecture),
        cmocka_unit_test(test_needed),
        cmocka_unit_test(test_deadly),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_let_through_for_these_arguments),
        cmocka_unit_test(test_foreign_architecture),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
