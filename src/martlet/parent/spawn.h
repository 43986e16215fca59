// SPDX-License-Identifier: MIT
// Starts a relay process, or a helper: fork, and this very program again with the hidden subcommand `relay`, so that it
// shares no memory with the parent. It inherits the listening sockets under the same numbers, one end of the control
// channel, and the parent's /proc/self/statm.
#pragma once

#include <sys/types.h>

#include "base/panic.h"

struct ports;

// The relay's process id and the parent's end of the channel (sending on it waits at most 5 s), or -1 with errno set.
MUST_USE pid_t spawn_relay(const struct ports *ports, int *ret_channel_fd);

// Starts a helper: this very program with other arguments, in a process group of its own, with nothing inherited but
// standard error. It is killed when the parent dies. Its process id, or -1 with errno set.
MUST_USE pid_t spawn_helper(const char *const *argv);
