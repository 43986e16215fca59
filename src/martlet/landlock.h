// SPDX-License-Identifier: MIT
// Landlock (Linux 5.13 and later): which files the relay may touch.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct landlock_paths {
    const char *state_dir;
    const char *readable_dir; // ""; or a directory that may be read with all below it. One that is not there stays shut
    bool read_everywhere;     // for sanitizers
};
// Restricts this thread and those it starts: everything in state_dir, reading of readable_dir and of a few files that
// describe the machine, nothing else; no TCP bind or connect (version 4), no ioctl on devices (5), no signal to and no
// abstract socket of other processes (6). *ret_abi is the kernel's version, 0 when it has none. False when the kernel
// has Landlock and refuses.
MUST_USE bool landlock_restrict(const struct landlock_paths *paths, int *ret_abi);
