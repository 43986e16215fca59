// SPDX-License-Identifier: MIT
#include "net/dns_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"

enum { PACKET_MAX = 16 * 1024, CONNS_MAX = 32, DELAYED_MAX = 64, LABELS_MAX = 64, SLOW_MS = 300, HEADER_LEN = 12 };

struct message {
    size_t len;
    uint8_t octets[PACKET_MAX];
};

struct delayed {
    uint64_t at_ms; // 0: free
    struct sockaddr_in to;
    struct message message;
};

struct dns_fixture {
    pthread_t thread;
    pthread_mutex_t lock; // of the counts
    int udp, tcp, stop_fd;
    uint16_t port;
    int conns[CONNS_MAX]; // -1: free
    struct delayed *delayed;
    struct {
        char label[64];
        size_t n;
    } counts[LABELS_MAX];
};

// ---- questions ----

struct question {
    const struct message *m;
    char label[64]; // the first
    size_t end;     // behind the question
    uint16_t type;
};

static bool read_question(const struct message *m, struct question *ret) {
    size_t at = HEADER_LEN;
    if (m->len < HEADER_LEN + 6)
        return false;
    size_t len = m->octets[at];
    if (len >= sizeof(ret->label) || at + len >= m->len)
        return false;
    memcpy(ret->label, m->octets + at + 1, len);
    ret->label[len] = '\0';
    while (at < m->len && m->octets[at] != 0)
        at += (size_t)m->octets[at] + 1;
    if (at + 5 > m->len)
        return false;
    ret->m = m;
    ret->type = (uint16_t)(m->octets[at + 1] << 8 | m->octets[at + 2]);
    ret->end = at + 5;
    return true;
}

static void count(struct dns_fixture *f, const char *label) {
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < LABELS_MAX; i++) {
        if (f->counts[i].n > 0 && strcmp(f->counts[i].label, label) != 0)
            continue;
        (void)snprintf(f->counts[i].label, sizeof(f->counts[i].label), "%s", label);
        f->counts[i].n++;
        break;
    }
    (void)pthread_mutex_unlock(&f->lock);
}

size_t dns_fixture_count(struct dns_fixture *f, const char *label) {
    size_t n = 0;
    (void)pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < LABELS_MAX; i++)
        if (strcmp(f->counts[i].label, label) == 0)
            n = f->counts[i].n;
    (void)pthread_mutex_unlock(&f->lock);
    return n;
}

// ---- answers ----

static void begin(struct message *out, const struct question *q, uint8_t flags_high, uint8_t rcode) {
    out->len = q->end;
    memcpy(out->octets, q->m->octets, q->end);
    out->octets[2] = (uint8_t)(0x80 | flags_high | (q->m->octets[2] & 1)); // QR, and RD as it came
    out->octets[3] = (uint8_t)(0x80 | rcode);                              // RA
    memset(out->octets + 6, 0, 6);
}

static void put(struct message *out, const void *octets, size_t len) {
    ASSERT(out->len + len <= sizeof(out->octets));
    memcpy(out->octets + out->len, octets, len);
    out->len += len;
}

static void put_record(struct message *out, const char *owner, size_t owner_len, uint16_t type, const void *rdata,
                       size_t len) {
    const uint8_t fixed[] = {(uint8_t)(type >> 8), (uint8_t)type,       0,           1, 0, 0, 300 >> 8,
                             300 & 0xff,           (uint8_t)(len >> 8), (uint8_t)len};
    put(out, owner, owner_len);
    put(out, fixed, sizeof(fixed));
    put(out, rdata, len);
    out->octets[7]++;
}

// "good", in the words of its type; below the name that was asked for.
static void put_good(struct message *out, uint16_t type, uint8_t last_octet) {
    const uint8_t address[] = {192, 0, 2, last_octet};
    if (type == 1)
        put_record(out, "\xc0\x0c", 2, type, address, sizeof(address));
    else if (type == 15)
        put_record(out, "\xc0\x0c", 2, type, "\0\x0a\2mx\xc0\x0c", 7);
    else if (type == 16)
        put_record(out, "\xc0\x0c", 2, type, "\4text", 5);
}

// What says how long it may be remembered that there is nothing (RFC 2308 5): 300 s.
static void put_authority(struct message *out) {
    static const char soa[22] = {[20] = 300 >> 8, [21] = 300 & 0xff}; // two names, the root; five numbers
    put_record(out, "\4test\0", 6, 6, soa, sizeof(soa));
    out->octets[7]--;
    out->octets[9]++;
}

static void put_big(struct message *out) {
    char rdata[40 * 251];
    for (size_t i = 0; i < sizeof(rdata); i++)
        rdata[i] = i % 251 == 0 ? (char)250 : 'x';
    put_record(out, "\xc0\x0c", 2, 16, rdata, sizeof(rdata));
}

// False: no answer. `is_udp` and what is to be truncated: see there.
static bool answer(const struct question *q, bool is_udp, struct message *out) {
    const char *l = q->label;
    bool truncates = strcmp(l, "big") == 0 || strcmp(l, "stall") == 0 || strcmp(l, "cut") == 0;
    begin(out, q, truncates && is_udp ? 2 : 0, 0);
    if (strcmp(l, "silent") == 0 || (strcmp(l, "stall") == 0 && !is_udp))
        return false;
    if (strcmp(l, "alias") == 0)
        put_record(out, "\xc0\x0c", 2, 5, "\4good\4test\0", 11);
    else if (strcmp(l, "loop") == 0)
        put_record(out, "\xc0\x0c", 2, 5, "\xc0\x0c", 2);
    else if (strcmp(l, "nx") == 0)
        out->octets[3] |= 3;
    else if (strcmp(l, "servfail") == 0)
        out->octets[3] |= 2;
    else if (strcmp(l, "refused") == 0)
        out->octets[3] |= 5;
    else if (strcmp(l, "other") == 0)
        out->octets[HEADER_LEN + 1] ^= 1;
    else if (strcmp(l, "garbage") == 0)
        memset(out->octets + 2, 0xa5, out->len - 2);
    else if (strcmp(l, "big") == 0 && !is_udp)
        put_big(out);
    else if (strcmp(l, "nodata") != 0 && !truncates)
        put_good(out, q->type, 1);
    if (strcmp(l, "nx") == 0 || strcmp(l, "nodata") == 0)
        put_authority(out);
    if (strcmp(l, "lie") == 0)
        put_record(out, "\4nice\4test\0", 11, 1, "\xc6\x33\x64\1", 4);
    return true;
}

// ---- sockets ----

static void send_udp(struct dns_fixture *f, const struct message *m, const struct sockaddr_in *to) {
    (void)sendto(f->udp, m->octets, m->len, 0, (const struct sockaddr *)to, sizeof(*to));
}

static void delay(struct dns_fixture *f, const struct message *m, const struct sockaddr_in *to) {
    for (size_t i = 0; i < DELAYED_MAX; i++) {
        if (f->delayed[i].at_ms != 0)
            continue;
        f->delayed[i] = (struct delayed){.at_ms = clock_mono_ms() + SLOW_MS, .to = *to, .message = *m};
        return;
    }
}

// Whether some are left.
static bool send_due(struct dns_fixture *f) {
    bool left = false;
    for (size_t i = 0; i < DELAYED_MAX; i++) {
        if (f->delayed[i].at_ms == 0)
            continue;
        if (f->delayed[i].at_ms > clock_mono_ms()) {
            left = true;
            continue;
        }
        send_udp(f, &f->delayed[i].message, &f->delayed[i].to);
        f->delayed[i].at_ms = 0;
    }
    return left;
}

static void on_udp(struct dns_fixture *f) {
    struct message in, out;
    struct sockaddr_in peer;
    socklen_t peer_len = sizeof(peer);
    ssize_t n = recvfrom(f->udp, in.octets, sizeof(in.octets), 0, (struct sockaddr *)&peer, &peer_len);
    in.len = n > 0 ? (size_t)n : 0;
    struct question q;
    if (!read_question(&in, &q))
        return;
    count(f, q.label);
    if (strcmp(q.label, "forged") == 0) {
        begin(&out, &q, 0, 0);
        put_good(&out, q.type, 66);
        out.octets[0] ^= 0x55;
        send_udp(f, &out, &peer);
    }
    if (!answer(&q, true, &out))
        return;
    if (strcmp(q.label, "slow") == 0)
        delay(f, &out, &peer);
    else
        send_udp(f, &out, &peer);
}

static bool read_whole(int fd, void *octets, size_t len) {
    return recv(fd, octets, len, MSG_WAITALL) == (ssize_t)len;
}

// False when the connection ends.
static bool on_conn(struct dns_fixture *f, int fd) {
    uint8_t length[2];
    struct message in, out;
    struct question q;
    if (!read_whole(fd, length, 2))
        return false;
    in.len = (size_t)length[0] << 8 | length[1];
    if (in.len > sizeof(in.octets) || !read_whole(fd, in.octets, in.len) || !read_question(&in, &q))
        return false;
    count(f, q.label);
    if (!answer(&q, false, &out))
        return true;
    length[0] = (uint8_t)(out.len >> 8);
    length[1] = (uint8_t)out.len;
    bool is_cut = strcmp(q.label, "cut") == 0;
    (void)send(fd, length, 2, MSG_NOSIGNAL);
    (void)send(fd, out.octets, is_cut ? out.len / 2 : out.len, MSG_NOSIGNAL);
    return !is_cut;
}

static void on_accept(struct dns_fixture *f) {
    int fd = accept(f->tcp, NULL, NULL);
    for (size_t i = 0; fd >= 0 && i < CONNS_MAX; i++) {
        if (f->conns[i] >= 0)
            continue;
        f->conns[i] = fd;
        return;
    }
    (void)close(fd);
}

static void *run(void *arg) {
    struct dns_fixture *f = arg;
    for (bool delays = false;;) {
        struct pollfd fds[3 + CONNS_MAX] = {{f->stop_fd, POLLIN, 0}, {f->udp, POLLIN, 0}, {f->tcp, POLLIN, 0}};
        for (size_t i = 0; i < CONNS_MAX; i++)
            fds[3 + i] = (struct pollfd){f->conns[i], POLLIN, 0};
        (void)poll(fds, ARRAY_LEN(fds), delays ? 1 : 20);
        delays = send_due(f);
        if (fds[0].revents != 0)
            return NULL;
        if (fds[1].revents != 0)
            on_udp(f);
        for (size_t i = 0; i < CONNS_MAX; i++) {
            if (f->conns[i] < 0 || fds[3 + i].revents == 0 || on_conn(f, f->conns[i]))
                continue;
            (void)close(f->conns[i]);
            f->conns[i] = -1;
        }
        if (fds[2].revents != 0)
            on_accept(f);
    }
}

// ---- life ----

// UDP takes the port that TCP got; when another program has it there, again.
static bool open_sockets(struct dns_fixture *f) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    f->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    f->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ASSERT(f->tcp >= 0 && f->udp >= 0 && bind(f->tcp, (struct sockaddr *)&a, sizeof(a)) == 0);
    ASSERT(getsockname(f->tcp, (struct sockaddr *)&a, &len) == 0 && listen(f->tcp, 16) == 0);
    f->port = ntohs(a.sin_port);
    if (bind(f->udp, (struct sockaddr *)&a, sizeof(a)) == 0)
        return true;
    (void)close(f->tcp);
    (void)close(f->udp);
    return false;
}

struct dns_fixture *dns_fixture_start(void) {
    struct dns_fixture *f = MEM_NEW(struct dns_fixture);
    f->delayed = mem_zalloc(DELAYED_MAX, sizeof(*f->delayed));
    for (size_t i = 0; i < CONNS_MAX; i++)
        f->conns[i] = -1;
    while (!open_sockets(f)) {
    }
    f->stop_fd = eventfd(0, EFD_CLOEXEC);
    ASSERT(f->stop_fd >= 0 && pthread_mutex_init(&f->lock, NULL) == 0);
    ASSERT(pthread_create(&f->thread, NULL, run, f) == 0);
    return f;
}

void dns_fixture_stop(struct dns_fixture *f) {
    uint64_t one = 1;
    ASSERT(write(f->stop_fd, &one, sizeof(one)) == sizeof(one));
    (void)pthread_join(f->thread, NULL);
    for (size_t i = 0; i < CONNS_MAX; i++)
        if (f->conns[i] >= 0)
            (void)close(f->conns[i]);
    (void)close(f->udp);
    (void)close(f->tcp);
    (void)close(f->stop_fd);
    (void)pthread_mutex_destroy(&f->lock);
    free(f->delayed);
    free(f);
}

uint16_t dns_fixture_port(const struct dns_fixture *f) {
    return f->port;
}
