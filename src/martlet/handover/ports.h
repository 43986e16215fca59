// SPDX-License-Identifier: MIT
// The listening sockets of every service. They are bound once, by the parent, and stay open for its whole life.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum {
    PORTS_UDP_MAX = 8, // sockets of one family
    PORTS_MAX = 40,    // TCP and UDP of both families, metrics, and the control socket
    PORTS_ERROR_MAX = 256,
    PORTS_BACKLOG = 4096,
};

// One service and its registered port (RFC 8314; RFC 9110 section 4.2; RFC 8656 section 3.1).
struct ports_service {
    const char *name;
    uint16_t number;
    bool is_udp;
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
    // The UDP sockets too, in each family one for each core, at most PORTS_UDP_MAX: the kernel spreads clients over
    // them (SO_REUSEPORT), so that each can be read by a loop of its own. They tell where a datagram was sent to
    // (IP_PKTINFO, IPV6_RECVPKTINFO).
    bool turn;
    // The service "metrics", at metrics_address of the configuration and nowhere else; NULL or "": none. The offset is
    // added to its port, too.
    const char *metrics;
};
#define PORTS_METRICS "metrics"
enum { PORTS_METRICS_NUMBER = 3903 }; // where the exporter of other chatmail relays is

// Listening sockets that systemd passed (sd_listen_fds(3)) are taken for the service of their port; the rest are bound.
// IPv6 that the machine does not have is left out. False, with nothing left open, and a sentence that names the port
// and, where it can be found, who has it.
MUST_USE bool ports_open(struct ports *p, const struct ports_settings *s, char ret_error[PORTS_ERROR_MAX]);
// One more, which has no port: `service` is static, the descriptor is closed with the others.
void ports_add(struct ports *p, int fd, const char *service);
// Whether there is a socket of this service.
bool ports_have(const struct ports *p, const char *service);
void ports_close(struct ports *p);
