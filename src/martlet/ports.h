// SPDX-License-Identifier: MIT
// The listening sockets of every service. They are bound once, by the parent, and stay open for its whole life.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum { PORTS_MAX = 16, PORTS_ERROR_MAX = 256, PORTS_BACKLOG = 4096 };

// One service and its registered port (RFC 8314; RFC 9110 section 4.2).
struct ports_service {
    const char *name;
    uint16_t number;
};
// Ends with a NULL name.
extern const struct ports_service ports_services[];
// The number of a service of that table.
uint16_t ports_number(const char *service);

struct ports_socket {
    int fd;
    const char *service;
    uint16_t number; // 0: no port
    bool is_ipv6;
};
struct ports {
    struct ports_socket sockets[PORTS_MAX];
    size_t n;
};

struct ports_settings {
    uint16_t offset; // added to every registered number
    bool loopback;   // 127.0.0.1 and ::1 only, instead of every address
    bool ipv6;
};

// Sockets that systemd passed (sd_listen_fds(3)) are taken for the service of their port; the rest are bound. IPv6 that
// the machine does not have is left out. False, with nothing left open, and a sentence that names the port and, where
// it can be found, who has it.
MUST_USE bool ports_open(struct ports *p, const struct ports_settings *s, char ret_error[PORTS_ERROR_MAX]);
// One more, which has no port: `service` is static, the descriptor is closed with the others.
void ports_add(struct ports *p, int fd, const char *service);
void ports_close(struct ports *p);
