// SPDX-License-Identifier: MIT
// The system call filter of the relay.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

// Lets through what the C library, OpenSSL, SQLite, libevent, libunbound, libcurl and threads need; of new sockets TCP
// and UDP, but none that listens. Any other call fails with ENOSYS, so
// that a library can fall back; a call that only an intruder makes (running a program, tracing, mounting) kills the
// process. Needs no_new_privs. *ret_on is false on a kernel without seccomp. False when the filter is refused.
MUST_USE bool seccomp_restrict(bool *ret_on);

// Writes the same filter to `fd` as the kernel would get it (struct sock_filter, one after the other), so that a test
// can ask it about a call where no kernel applies it: under an emulator.
MUST_USE bool seccomp_write(int fd);
