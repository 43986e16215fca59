// SPDX-License-Identifier: MIT
// For tests: what the system call filter of this program, for the architecture that it is built for, says to a call. It
// is run here as the kernel runs it (seccomp(2)), which works where no kernel applies it, as under an emulator.
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct sock_filter;

enum { SECCOMP_PROGRAM_MAX = 4096 }; // instructions, BPF_MAXINSNS of the kernel

struct seccomp_program {
    struct sock_filter *instructions;
    size_t n;
};

// The architecture that the filter takes for its own (AUDIT_ARCH_..., linux/audit.h).
uint32_t seccomp_own_arch(void);

MUST_USE bool seccomp_program_load(struct seccomp_program *ret_program);
void seccomp_program_free(struct seccomp_program *p);

// A SECCOMP_RET_... value with its data.
uint32_t seccomp_verdict(const struct seccomp_program *p, const struct seccomp_data *call);
