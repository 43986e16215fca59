// SPDX-License-Identifier: MIT
#include "martlet/sandbox/seccomp.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const int allowed[] = {
    // memory; mmap, mprotect see below
    SCMP_SYS(brk),
    SCMP_SYS(madvise),
    SCMP_SYS(mremap),
    SCMP_SYS(munmap),
    SCMP_SYS(msync),
    SCMP_SYS(mincore),
    SCMP_SYS(membarrier),
    // threads; clone see below, clone3 answers ENOSYS and the C library then uses clone
    SCMP_SYS(futex),
    SCMP_SYS(futex_waitv),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(gettid),
    SCMP_SYS(getcpu),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    // signals; tgkill see below
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(rt_sigtimedwait),
    SCMP_SYS(signalfd4),
    // time
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(nanosleep),
    // who and where we are
    SCMP_SYS(getpid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(getrandom),
    SCMP_SYS(getrusage),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getcwd),
    // events
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_pwait2),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(eventfd2),
    SCMP_SYS(pipe2),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    // sockets; which are made see below, which ports are reached is Landlock's matter. None listens: the parent's do
    SCMP_SYS(bind), // a query leaves from a random port; sendto, sendmsg, sendmmsg see below
    SCMP_SYS(connect),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(getsockname),
    SCMP_SYS(getpeername),
    SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt),
    // descriptors and files; which files is Landlock's matter
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(pread64),
    SCMP_SYS(preadv),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwrite64),
    SCMP_SYS(pwritev),
    SCMP_SYS(pwritev2),
    SCMP_SYS(close),
    SCMP_SYS(close_range),
    SCMP_SYS(dup),
    SCMP_SYS(dup2),
    SCMP_SYS(dup3),
    SCMP_SYS(fcntl),
    SCMP_SYS(flock),
    SCMP_SYS(open),
    SCMP_SYS(openat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(fstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(truncate),
    SCMP_SYS(fallocate),
    SCMP_SYS(fadvise64),
    SCMP_SYS(fsync),
    SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range),
    SCMP_SYS(syncfs),
    SCMP_SYS(copy_file_range),
    SCMP_SYS(sendfile),
    SCMP_SYS(getdents64),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(fchown),
    SCMP_SYS(umask),
    SCMP_SYS(utimensat),
    SCMP_SYS(getrlimit),
};

// No code of ours or of a library that we use comes here, at any time.
static const int deadly[] = {
    SCMP_SYS(execve),      SCMP_SYS(execveat),
    SCMP_SYS(ptrace),      SCMP_SYS(process_vm_readv),
    SCMP_SYS(mount),       SCMP_SYS(process_vm_writev),
    SCMP_SYS(umount2),     SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),      SCMP_SYS(init_module),
    SCMP_SYS(setns),       SCMP_SYS(finit_module),
    SCMP_SYS(unshare),     SCMP_SYS(bpf),
    SCMP_SYS(keyctl),      SCMP_SYS(perf_event_open),
    SCMP_SYS(add_key),     SCMP_SYS(kexec_load),
    SCMP_SYS(userfaultfd), SCMP_SYS(open_by_handle_at),
    SCMP_SYS(setuid),      SCMP_SYS(setresuid),
    SCMP_SYS(setgid),      SCMP_SYS(setresgid),
};

static bool add_all(scmp_filter_ctx ctx, uint32_t action, const int *calls, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (seccomp_rule_add(ctx, action, calls[i], 0) != 0)
            return false;
    return true;
}

// TCP and UDP over IP, and pairs that lead nowhere else (libcurl wakes itself with one).
static bool add_sockets(scmp_filter_ctx ctx) {
    static const struct {
        int family, type, protocol;
    } made[] = {
        {AF_INET, SOCK_STREAM, 0},          {AF_INET, SOCK_STREAM, IPPROTO_TCP}, {AF_INET, SOCK_DGRAM, 0},
        {AF_INET, SOCK_DGRAM, IPPROTO_UDP}, {AF_INET6, SOCK_STREAM, 0},          {AF_INET6, SOCK_STREAM, IPPROTO_TCP},
        {AF_INET6, SOCK_DGRAM, 0},          {AF_INET6, SOCK_DGRAM, IPPROTO_UDP},
    };
    const scmp_datum_t type_mask = ~(scmp_datum_t)(SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        const struct scmp_arg_cmp family = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)made[i].family, 0);
        const struct scmp_arg_cmp type = SCMP_A1(SCMP_CMP_MASKED_EQ, type_mask, (scmp_datum_t)made[i].type);
        const struct scmp_arg_cmp protocol = SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)made[i].protocol, 0);
        if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 3, family, type, protocol) != 0)
            return false;
    }
    const struct scmp_arg_cmp local = SCMP_A0(SCMP_CMP_EQ, AF_UNIX, 0);
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1, local) == 0;
}

// TCP Fast Open connects while it sends, past Landlock; libunbound then falls back to connect().
static bool add_sending(scmp_filter_ctx ctx) {
    static const struct {
        int call;
        unsigned flags_at;
    } sending[] = {{SCMP_SYS(sendto), 3}, {SCMP_SYS(sendmsg), 2}, {SCMP_SYS(sendmmsg), 3}};
    const scmp_datum_t bit = MSG_FASTOPEN;
    for (size_t i = 0; i < ARRAY_LEN(sending); i++) {
        const struct scmp_arg_cmp plain = SCMP_CMP(sending[i].flags_at, SCMP_CMP_MASKED_EQ, bit, 0);
        const struct scmp_arg_cmp connecting = SCMP_CMP(sending[i].flags_at, SCMP_CMP_MASKED_EQ, bit, bit);
        if (seccomp_rule_add(ctx, SCMP_ACT_ALLOW, sending[i].call, 1, plain) != 0 ||
            seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EOPNOTSUPP), sending[i].call, 1, connecting) != 0)
            return false;
    }
    return true;
}

// Calls that are let through for some of their arguments only.
static bool add_conditional(scmp_filter_ctx ctx) {
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    const struct scmp_arg_cmp a_thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
    const struct scmp_arg_cmp a_name = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME, 0);
    const struct scmp_arg_cmp to_ourselves = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0); // abort(3)
    const struct scmp_arg_cmp ask_limit = SCMP_A2(SCMP_CMP_EQ, 0, 0);
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, a_thread) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, a_name) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, to_ourselves) == 0 &&
           seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, ask_limit) == 0;
}

// Calls that this machine's architecture does not have (open, poll and the like on ARM) are left out by libseccomp.
static scmp_filter_ctx filter_new(void) {
    scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (ctx == NULL)
        return NULL;
    // Large filters are searched as a tree: fewer steps for each call.
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    if (add_all(ctx, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed)) &&
        add_all(ctx, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly)) && add_conditional(ctx) && add_sockets(ctx) &&
        add_sending(ctx))
        return ctx;
    seccomp_release(ctx);
    return NULL;
}

bool seccomp_restrict(bool *ret_on) {
    *ret_on = false;
    if (prctl(PR_GET_SECCOMP) < 0 && errno == EINVAL)
        return true;
    scmp_filter_ctx ctx = filter_new();
    bool ok = ctx != NULL && seccomp_load(ctx) == 0;
    seccomp_release(ctx);
    *ret_on = ok;
    return ok;
}

bool seccomp_write(int fd) {
    scmp_filter_ctx ctx = filter_new();
    bool ok = ctx != NULL && seccomp_export_bpf(ctx, fd) == 0;
    seccomp_release(ctx);
    return ok;
}
