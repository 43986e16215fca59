// SPDX-License-Identifier: MIT
// Landlock (Linux 5.13 and later): which files the relay may touch.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

// Restricts this thread and those it starts: everything in state_dir, reading of a few files that describe the machine,
// nothing else; no TCP bind or connect (version 4), no ioctl on devices (5), no signal to and no abstract socket of
// other processes (6). *ret_abi is the kernel's version, 0 when it has none. `read_everywhere` is for sanitizers. False
// when the kernel has Landlock and refuses.
MUST_USE bool landlock_restrict(const char *state_dir, bool read_everywhere, int *ret_abi);
