// SPDX-License-Identifier: MIT
#include "zone/direct.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/dns_name.h"
#include "net/dns_packet.h"

enum {
    HEADER_LEN = 12,
    EDNS_PAYLOAD = 1232, // as the resolver has it: fits every path unfragmented
    TYPE_OPT = 41,
    CLASS_IN = 1,
    PACKET_MAX = 65535,
    FLAG_QR = 0x80, // octet 2
    FLAG_AA = 0x04,
    FLAG_TC = 0x02,
    MASK_RCODE = 0x0f, // octet 3
    RCODE_FORMERR = 1,
    RCODE_NXDOMAIN = 3,
    RCODE_NOTIMP = 4,
};

// ---- messages ----

static void put_u16(uint8_t *at, unsigned n) {
    at[0] = (uint8_t)(n >> 8);
    at[1] = (uint8_t)n;
}

size_t direct_question_write(uint16_t id, struct slice name, uint16_t type, bool is_plain,
                             uint8_t ret[DIRECT_QUESTION_MAX]) {
    struct dns_wire_name wire;
    dns_wire_name_from_plain(name, &wire);
    memset(ret, 0, DIRECT_QUESTION_MAX);
    put_u16(ret, id);
    put_u16(ret + 4, 1);                 // QDCOUNT
    put_u16(ret + 10, is_plain ? 0 : 1); // ARCOUNT
    size_t len = HEADER_LEN;
    memcpy(ret + len, wire.octets, wire.len);
    len += wire.len;
    put_u16(ret + len, type);
    put_u16(ret + len + 2, CLASS_IN);
    len += 4;
    if (is_plain)
        return len;
    put_u16(ret + len + 1, TYPE_OPT); // its name is the root
    put_u16(ret + len + 3, EDNS_PAYLOAD);
    return len + 11;
}

enum direct_reply direct_reply_judge(uint16_t id, struct slice packet) {
    const uint8_t *p = (const uint8_t *)packet.ptr;
    if (packet.len < HEADER_LEN || p[0] != id >> 8 || p[1] != (id & 0xff) || (p[2] & FLAG_QR) == 0)
        return DIRECT_REPLY_FOREIGN;
    unsigned rcode = p[3] & MASK_RCODE;
    if (rcode == RCODE_FORMERR || rcode == RCODE_NOTIMP)
        return DIRECT_REPLY_NO_EDNS;
    if ((rcode != 0 && rcode != RCODE_NXDOMAIN) || (p[2] & FLAG_AA) == 0)
        return DIRECT_REPLY_LAME;
    return (p[2] & FLAG_TC) != 0 ? DIRECT_REPLY_TRUNCATED : DIRECT_REPLY_GOOD;
}

// ---- sockets ----

struct ask {
    const struct net_address *server;
    struct slice name;
    uint16_t type, id;
    bool is_plain;
    uint64_t deadline_ms;
    uint8_t question[2 + DIRECT_QUESTION_MAX]; // behind its length, for TCP
    size_t question_len;
    char *packet; // PACKET_MAX
    size_t packet_len;
};

static void write_question(struct ask *a, int timeout_ms) {
    a->id = (uint16_t)random_u64();
    a->question_len = direct_question_write(a->id, a->name, a->type, a->is_plain, a->question + 2);
    put_u16(a->question, (unsigned)a->question_len);
    a->deadline_ms = clock_mono_ms() + (uint64_t)timeout_ms;
}

static bool wait_for(const struct ask *a, int fd, short events) {
    for (;;) {
        uint64_t now = clock_mono_ms();
        if (now >= a->deadline_ms)
            return false;
        struct pollfd p = {.fd = fd, .events = events};
        int n = poll(&p, 1, (int)(a->deadline_ms - now));
        if (n > 0)
            return true;
        if (n == 0 || errno != EINTR)
            return false;
    }
}

static int open_socket(const struct ask *a, int kind) {
    struct net_address with_port = *a->server;
    struct sockaddr_storage to;
    if (with_port.port == 0)
        with_port.port = 53;
    socklen_t len = net_address_to_sockaddr(&with_port, &to);
    int fd = socket(to.ss_family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, len) != 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static enum direct_reply judge(const struct ask *a) {
    return direct_reply_judge(a->id, slice_make(a->packet, a->packet_len));
}

// DIRECT_REPLY_FOREIGN when nothing came.
static enum direct_reply ask_by_udp(struct ask *a) {
    enum direct_reply reply = DIRECT_REPLY_FOREIGN;
    int fd = open_socket(a, SOCK_DGRAM);
    if (fd < 0)
        return reply;
    bool is_sent = send(fd, a->question + 2, a->question_len, MSG_NOSIGNAL) == (ssize_t)a->question_len;
    while (is_sent && reply == DIRECT_REPLY_FOREIGN && wait_for(a, fd, POLLIN)) {
        ssize_t n = recv(fd, a->packet, PACKET_MAX, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            break; // refused: no server there
        a->packet_len = n > 0 ? (size_t)n : 0;
        reply = judge(a);
    }
    (void)close(fd);
    return reply;
}

static bool send_all(const struct ask *a, int fd) {
    size_t at = 0, len = a->question_len + 2;
    while (at < len) {
        ssize_t n = wait_for(a, fd, POLLOUT) ? send(fd, a->question + at, len - at, MSG_NOSIGNAL) : -1;
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool receive_all(const struct ask *a, int fd, char *to, size_t len) {
    while (len > 0) {
        ssize_t n = wait_for(a, fd, POLLIN) ? recv(fd, to, len, 0) : -1;
        if (n <= 0)
            return false;
        to += n;
        len -= (size_t)n;
    }
    return true;
}

static enum direct_reply ask_by_tcp(struct ask *a) {
    int fd = open_socket(a, SOCK_STREAM);
    if (fd < 0)
        return DIRECT_REPLY_FOREIGN;
    uint8_t head[2];
    bool ok = send_all(a, fd) && receive_all(a, fd, (char *)head, sizeof(head));
    a->packet_len = ok ? (size_t)head[0] << 8 | head[1] : 0;
    ok = ok && receive_all(a, fd, a->packet, a->packet_len);
    (void)close(fd);
    return ok ? judge(a) : DIRECT_REPLY_FOREIGN;
}

static enum direct_reply try_all(struct ask *a, int timeout_ms) {
    enum direct_reply reply = DIRECT_REPLY_FOREIGN;
    for (int i = 0; i < DIRECT_TRIES && reply == DIRECT_REPLY_FOREIGN; i++) {
        write_question(a, timeout_ms);
        reply = ask_by_udp(a);
        if (reply == DIRECT_REPLY_NO_EDNS && !a->is_plain) {
            a->is_plain = true;
            write_question(a, timeout_ms);
            reply = ask_by_udp(a);
        }
    }
    // Too long for UDP, or UDP does not come through.
    if (reply == DIRECT_REPLY_TRUNCATED || reply == DIRECT_REPLY_FOREIGN) {
        write_question(a, timeout_ms);
        reply = ask_by_tcp(a);
    }
    return reply;
}

enum direct_status direct_ask(const struct net_address *server, struct slice name, uint16_t type, int timeout_ms,
                              struct dns_answer **ret) {
    struct ask a = {.server = server, .name = name, .type = type, .packet = mem_alloc(PACKET_MAX)};
    enum direct_reply reply = try_all(&a, timeout_ms);
    enum direct_status status = reply == DIRECT_REPLY_FOREIGN ? DIRECT_SILENT : DIRECT_LAME;
    if (reply == DIRECT_REPLY_GOOD) {
        struct dns_answer *answer = dns_packet_read(slice_make(a.packet, a.packet_len), name, type);
        status = answer->status == DNS_FAILED ? DIRECT_LAME : DIRECT_ANSWERED;
        if (status == DIRECT_ANSWERED)
            *ret = answer;
        else
            free(answer);
    }
    free(a.packet);
    return status;
}
