// SPDX-License-Identifier: MIT
// Who has a TCP or UDP port on this machine, looked up in /proc, for the sentence that says why a port cannot be bound.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

enum { PORT_HOLDER_MAX = 64 };

// Writes "nginx (pid 812)". False when it cannot be found (another user's process, no /proc).
MUST_USE bool port_holder_find(uint16_t port, bool is_udp, char ret[PORT_HOLDER_MAX]);
// What the kernel writes, for tests, too: a line of /proc/net/tcp or /proc/net/udp (proc(5)). False when it is not
// about a socket that has the port for itself.
MUST_USE bool port_holder_parse_line(struct slice line, uint16_t port, bool is_udp, uint64_t *ret_inode);
// What to do about a holder, by its name: how the mail or web server is stopped that it probably belongs to; NULL for
// one that nobody knows.
const char *port_holder_advice(const char *holder);
