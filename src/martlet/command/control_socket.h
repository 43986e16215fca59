// SPDX-License-Identifier: MIT
// The listening end of the control socket, made by the parent and handed to the relay like any other.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "martlet/host/files.h"

// Makes STATE/control (0600, of the state directory's owner), in the place of one that an earlier run left. The
// descriptor, or -1 with a sentence.
MUST_USE int control_socket_open(int state_fd, char ret_error[FILES_ERROR_MAX]);
// Connects a UNIX stream socket to it, following no symbolic link. False with errno.
MUST_USE bool control_socket_connect(int fd, int state_fd);
