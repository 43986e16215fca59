// SPDX-License-Identifier: MIT
// A UDP socket on a loop, for servers that move many datagrams: they come in batches (recvmmsg) and leave in batches
// (sendmmsg), collected in a turn of the loop and flushed at its end, those to one peer as one train (UDP_SEGMENT). The
// memory for both belongs to the loop and is shared by all of its sockets, so an idle socket owns nothing but its
// struct. Loop thread only, but for udp_bind().
//
// UDP promises nothing, and neither does this: a datagram that the kernel does not take now, or that is too large, is
// dropped and counted, never kept.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"

struct loop;
struct udp_socket;

enum {
    UDP_DATAGRAM_MAX = 2048, // octets of payload that are received; larger datagrams are dropped
    UDP_BATCH_MAX = 32,      // datagrams that one callback gets
    UDP_HEADROOM = 48,       // octets before what was received that may be written to, and can be sent with it
    UDP_TAILROOM = 8,        // the same after it
    UDP_SEND_MAX = UDP_HEADROOM + UDP_DATAGRAM_MAX + UDP_TAILROOM,
};

struct udp_datagram {
    uint8_t *data; // in the loop's memory, until the callback returns
    size_t len;
    struct net_address peer;  // where it came from
    struct net_address local; // to which address and port of ours it was sent
};

// 1 to UDP_BATCH_MAX datagrams have come, in order. It may send from any socket of the loop, and free the socket.
typedef void udp_on_datagrams(void *arg, const struct udp_datagram *d, size_t n);

// A non-blocking socket bound to that address (an IPv6 one takes no IPv4) and port (0: any free one). The descriptor,
// or -1 with errno. Any thread.
MUST_USE int udp_bind(const struct net_address *local);

enum udp_ownership {
    UDP_OWNED,    // udp_socket_free() closes the descriptor
    UDP_BORROWED, // it does not
};

// Reads from the bound descriptor from now on. One that is bound to the unspecified address learns by IP_PKTINFO and
// IPV6_RECVPKTINFO to which address each datagram was sent. What is sent may be fragmented on its way (no DF, RFC 8656
// section 15). Call on the loop's thread, or before the loop runs.
struct udp_socket *udp_socket_new(struct loop *loop, int fd, enum udp_ownership ownership,
                                  udp_on_datagrams *on_datagrams, void *arg);
// What it was still to send goes out first. NULL is accepted.
void udp_socket_free(struct udp_socket *s);
// Where it is bound, as getsockname() said.
const struct net_address *udp_socket_address(const struct udp_socket *s);

// Sends this as one datagram to `peer` at the end of this turn; it is copied. `local` becomes its source address when
// the socket is bound to the unspecified one (its port is not looked at; NULL: the kernel's choice), so that an answer
// comes from where the question went.
void udp_send(struct udp_socket *s, const struct net_address *peer, const struct net_address *local,
              struct slice datagram);
