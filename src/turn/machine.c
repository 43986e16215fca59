// SPDX-License-Identifier: MIT
// An address is ours when a socket can be bound to it. Where the system lets sockets be bound to any address
// (ip_nonlocal_bind), a datagram to an address of ours would come from that address.
#include "turn/machine.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/udp.h"

enum { REMEMBERED = 256, REMEMBERED_MS = 60 * 1000 };

struct answer {
    uint8_t ip[16];
    bool owns;
    uint64_t until_ms; // 0: empty
};

struct turn_machine {
    bool binds_anything[2]; // IPv6, IPv4
    struct answer answers[REMEMBERED];
};

static struct net_address address_of(const char *text, uint16_t port) {
    struct net_address a = {.port = port};
    ASSERT(net_address_parse(slice_from_cstr(text), &a));
    return a;
}

// Errors other than "not mine" count as bound: whoever cannot look must not let pass.
static bool can_bind(const struct net_address *a) {
    struct net_address any_port = *a;
    any_port.port = 0;
    int fd = udp_bind(&any_port);
    if (fd >= 0) {
        (void)close(fd);
        return true;
    }
    return errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT && errno != EINVAL;
}

// Where a datagram to `to` would come from; nothing is sent.
static bool source_for(const struct net_address *to, struct net_address *ret) {
    struct sockaddr_storage remote, local;
    socklen_t len = net_address_to_sockaddr(to, &remote), local_len = sizeof(local);
    int fd = socket(remote.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok = connect(fd, (const struct sockaddr *)&remote, len) == 0 &&
              getsockname(fd, (struct sockaddr *)&local, &local_len) == 0;
    (void)close(fd);
    if (ok)
        *ret = net_address_from_sockaddr((const struct sockaddr *)&local);
    return ok;
}

struct turn_machine *turn_machine_new(void) {
    struct turn_machine *m = MEM_NEW(struct turn_machine);
    // Addresses for documentation (RFC 5737, RFC 3849) that no machine has.
    struct net_address ipv4 = address_of("203.0.113.255", 0), ipv6 = address_of("2001:db8:ffff::255", 0);
    m->binds_anything[true] = can_bind(&ipv4);
    m->binds_anything[false] = can_bind(&ipv6);
    return m;
}

void turn_machine_free(struct turn_machine *m) {
    free(m);
}

// All routers of a network answer to its prefix and zeros (RFC 4291 section 2.6.1), and so does a host that forwards
// for its guests. Nothing can be bound to that address, so nothing says whether it is ours; it is nobody else's own.
static bool is_of_routers(const struct net_address *a) {
    static const uint8_t NONE[8];
    return !net_address_is_ipv4(a) && memcmp(a->ip + 8, NONE, sizeof(NONE)) == 0;
}

static bool ask(const struct turn_machine *m, const struct net_address *a) {
    if (is_of_routers(a))
        return true;
    if (!m->binds_anything[net_address_is_ipv4(a)])
        return can_bind(a);
    struct net_address to = *a, from;
    to.port = 9; // any; nothing is sent
    return source_for(&to, &from) && memcmp(from.ip, to.ip, sizeof(from.ip)) == 0;
}

bool turn_machine_owns(struct turn_machine *m, const struct net_address *a, uint64_t now_ms) {
    struct answer *answer = &m->answers[hash_keyed(a->ip, sizeof(a->ip)).lo % REMEMBERED];
    if (answer->until_ms <= now_ms || memcmp(answer->ip, a->ip, sizeof(a->ip)) != 0) {
        *answer = (struct answer){.owns = ask(m, a), .until_ms = now_ms + REMEMBERED_MS};
        memcpy(answer->ip, a->ip, sizeof(a->ip));
    }
    return answer->owns;
}

bool turn_machine_source(bool ipv4, struct net_address *ret) {
    // Root name servers: what everybody has a route to who has one to the internet.
    struct net_address far = ipv4 ? address_of("198.41.0.4", 53) : address_of("2001:503:ba3e::2:30", 53);
    return source_for(&far, ret);
}
