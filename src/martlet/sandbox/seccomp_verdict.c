// SPDX-License-Identifier: MIT
#include "martlet/sandbox/seccomp_verdict.h"

#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "martlet/sandbox/seccomp.h"

// libseccomp's tokens of architectures are the kernel's.
uint32_t seccomp_own_arch(void) {
    return seccomp_arch_native();
}

// libseccomp asks the kernel what it can do, which an emulator does not answer; level 3 has SCMP_ACT_KILL_PROCESS.
enum { API_LEVEL = 3 };

bool seccomp_program_load(struct seccomp_program *ret_program) {
    int fd = memfd_create("filter", MFD_CLOEXEC);
    const size_t size = SECCOMP_PROGRAM_MAX * sizeof(struct sock_filter);
    struct seccomp_program p = {.instructions = mem_alloc(size)};
    bool written = fd >= 0 && seccomp_api_set(API_LEVEL) == 0 && seccomp_write(fd);
    ssize_t len = written ? pread(fd, p.instructions, size, 0) : -1;
    (void)close(fd);
    p.n = len > 0 ? (size_t)len / sizeof(struct sock_filter) : 0;
    if (p.n == 0 || (size_t)len % sizeof(struct sock_filter) != 0) {
        seccomp_program_free(&p);
        return false;
    }
    *ret_program = p;
    return true;
}

void seccomp_program_free(struct seccomp_program *p) {
    free(p->instructions);
    *p = (struct seccomp_program){NULL, 0};
}

static uint32_t word_at(const struct seccomp_data *call, uint32_t offset) {
    uint32_t word;
    ASSERT(offset % sizeof(word) == 0 && offset + sizeof(word) <= sizeof(*call));
    memcpy(&word, (const char *)call + offset, sizeof(word));
    return word;
}

// How far to jump.
static uint32_t jump(const struct sock_filter *i, uint32_t a) {
    switch (BPF_OP(i->code)) {
    case BPF_JA:
        return i->k;
    case BPF_JEQ:
        return a == i->k ? i->jt : i->jf;
    case BPF_JGT:
        return a > i->k ? i->jt : i->jf;
    case BPF_JGE:
        return a >= i->k ? i->jt : i->jf;
    case BPF_JSET:
        return (a & i->k) != 0 ? i->jt : i->jf;
    default:
        UNREACHABLE();
    }
}

// The instructions that libseccomp makes: absolute loads, AND, jumps, answers; all jumps go forward.
uint32_t seccomp_verdict(const struct seccomp_program *p, const struct seccomp_data *call) {
    uint32_t a = 0;
    for (size_t at = 0; at < p->n; at++) {
        const struct sock_filter *i = &p->instructions[at];
        if (i->code == (BPF_LD | BPF_W | BPF_ABS))
            a = word_at(call, i->k);
        else if (i->code == (BPF_ALU | BPF_AND | BPF_K))
            a &= i->k;
        else if (BPF_CLASS(i->code) == BPF_JMP)
            at += jump(i, a);
        else if (i->code == (BPF_RET | BPF_K))
            return i->k;
        else
            UNREACHABLE();
    }
    UNREACHABLE();
}
