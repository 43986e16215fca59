// SPDX-License-Identifier: MIT
// Landlock (Linux 5.13 and later): which files the relay may touch, and which ports it may connect to.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct landlock_rules {
    const char *state_dir;
    // Files, and directories with all below them, that may be read. "" and what is not there is passed over, and stays
    // shut when it appears later.
    const char *const *readable;
    size_t n_readable;
    const uint16_t *ports; // that TCP connections may go to
    size_t n_ports;
    bool read_everywhere; // for sanitizers
};

enum { LANDLOCK_ABI_TCP = 4 }; // the first version that knows ports

// Restricts this thread and those it starts: everything in state_dir, reading of what is readable and of a few files
// that describe the machine, nothing else; TCP connect to the ports only and no TCP bind (version 4), no ioctl on
// devices (5), no signal to and no abstract socket of other processes (6). *ret_abi is the kernel's version, 0 when it
// has none. False when the kernel has Landlock and refuses.
MUST_USE bool landlock_restrict(const struct landlock_rules *rules, int *ret_abi);
