// SPDX-License-Identifier: MIT
// Starts a relay process: fork, and this very program again with the hidden subcommand `relay`, so that it shares no
// memory with the parent. It inherits the listening sockets under the same numbers, and one end of the control channel.
#pragma once

#include <sys/types.h>

#include "base/panic.h"

struct ports;

// The relay's process id and the parent's end of the channel (sending on it waits at most 5 s), or -1 with errno set.
MUST_USE pid_t spawn_relay(const struct ports *ports, int *ret_channel_fd);
