// SPDX-License-Identifier: MIT
// A load generator for the iroh relay, dialect A, in clear or (-t) under TLS: connects so many clients, each with a key
// of its own, and
//   -i   leaves them idle, but for their Pongs; says how much memory one costs, given the process id of the server
//        (which should have served others before, so that what it needs once is not counted)
//   else makes pairs of them, the first of which sends packets to the second as fast as they arrive there, with so many
//        octets under way; says how many a second, and what they cost the server. Pings are not answered then, so
//        that it should last no longer than 15 seconds.
//
//   irohload [-it] [-c CLIENTS] [-l PACKET] [-w WINDOW] [-s SECONDS] [-p PID] [-H HOST] ADDRESS PORT
//
// To a loopback address clients come from many addresses, because a relay limits what comes from one.
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum {
    KEY_LEN = 32,
    SIGNATURE_LEN = 64,
    HEADER_LEN = 5,
    HELLO_LEN = 111,
    PER_ADDRESS = 32,
    PACKET_MAX = 65536,
    ROW_MAX = 512 * 1024, // of frames that are sent again and again
    TYPE_HELLO = 2,
    TYPE_SEND = 4,
    TYPE_PING = 12,
    TYPE_PONG = 13,
};

struct settings {
    bool idle, tls;
    int clients, packet, window, seconds, pid, port;
    const char *host, *address;
};

struct client {
    int fd;
    SSL *ssl;
    uint8_t key[KEY_LEN];
    struct client *peer;
    bool sends;
    char *row; // what a sender sends
    size_t row_len, row_at;
    uint64_t sent, received; // octets of frames
    uint32_t armed;
    uint8_t ping[HEADER_LEN + 8]; // an idle client's frame that is arriving
    size_t ping_len;
};

struct load {
    struct settings set;
    SSL_CTX *ctx;
    struct client *clients;
    int ep;
};

// ---- connecting ----

static void send_all(struct client *k, const void *ptr, size_t len) {
    ssize_t n = k->ssl != NULL ? SSL_write(k->ssl, ptr, (int)len) : send(k->fd, ptr, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len)
        load_die("write");
}

static void write_header(uint8_t *at, uint8_t type, size_t len) {
    const uint8_t header[HEADER_LEN] = {type, (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                                        (uint8_t)len};
    memcpy(at, header, HEADER_LEN);
}

static void make_hello(struct client *k, int number, uint8_t hello[HELLO_LEN]) {
    uint8_t seed[KEY_LEN] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16), 1};
    const uint8_t version = 3;
    size_t key_len = KEY_LEN, signature_len = SIGNATURE_LEN;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof(seed));
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    write_header(hello, TYPE_HELLO, HELLO_LEN - HEADER_LEN);
    memcpy(hello + HEADER_LEN, "RELAY\xf0\x9f\x94\x91", 9);
    uint8_t *at = hello + HEADER_LEN + 9;
    if (key == NULL || md == NULL || EVP_PKEY_get_raw_public_key(key, k->key, &key_len) != 1 ||
        EVP_DigestSignInit(md, NULL, NULL, NULL, key) != 1 ||
        EVP_DigestSign(md, at + KEY_LEN, &signature_len, &version, 1) != 1)
        load_die("Ed25519");
    memcpy(at, k->key, KEY_LEN);
    at[KEY_LEN + SIGNATURE_LEN] = version;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
}

static ssize_t read_some(struct client *k, void *ptr, size_t len) {
    if (k->ssl == NULL)
        return recv(k->fd, ptr, len, 0);
    int n = SSL_read(k->ssl, ptr, (int)len);
    if (n <= 0)
        errno = SSL_get_error(k->ssl, n) == SSL_ERROR_WANT_READ ? EAGAIN : ECONNRESET;
    return n;
}

static void upgrade(struct load *l, struct client *k) {
    char text[512];
    int len =
        snprintf(text, sizeof(text), "GET /relay HTTP/1.1\r\nupgrade: iroh derp http\r\nhost: %s\r\n\r\n", l->set.host);
    send_all(k, text, (size_t)len);
    size_t got = 0;
    while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0) {
        if (got == sizeof(text) || read_some(k, text + got, 1) != 1)
            load_die("the answer to the request");
        got++;
    }
    if (memcmp(text, "HTTP/1.1 101", 12) != 0) {
        errno = 0;
        load_die("the relay refused");
    }
}

static void wait_for_pong(struct client *k) {
    uint8_t frame[HEADER_LEN + 8] = {TYPE_PING, 0, 0, 0, 8};
    send_all(k, frame, sizeof(frame));
    for (size_t got = 0; got < sizeof(frame); got++)
        if (read_some(k, frame + got, 1) != 1)
            load_die("the first Pong");
    if (frame[0] != TYPE_PONG)
        load_die("another frame than the first Pong");
}

static void join(struct load *l, int number) {
    struct client *k = &l->clients[number];
    char from[32];
    int group = number / PER_ADDRESS;
    (void)snprintf(from, sizeof(from), "127.%d.%d.1", 1 + group / 250, 1 + group % 250);
    k->fd = load_connect(l->set.address, l->set.port, strncmp(l->set.address, "127.", 4) == 0 ? from : NULL);
    if (l->set.tls)
        k->ssl = load_connect_tls(l->ctx, k->fd, l->set.host);
    upgrade(l, k);
    uint8_t hello[HELLO_LEN];
    make_hello(k, number, hello);
    send_all(k, hello, sizeof(hello));
    wait_for_pong(k);
    if (fcntl(k->fd, F_SETFL, O_NONBLOCK) != 0)
        load_die("socket");
}

// ---- load ----

static void arm(struct load *l, struct client *k, uint32_t events) {
    if (events == k->armed)
        return;
    struct epoll_event e = {.events = events, .data.ptr = k};
    if (epoll_ctl(l->ep, k->armed == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, k->fd, &e) != 0)
        load_die("epoll");
    k->armed = events;
}

static void make_row(struct client *k, size_t packet) {
    size_t frame = HEADER_LEN + KEY_LEN + packet, n = ROW_MAX / frame;
    k->row_len = n * frame;
    k->row = calloc(n, frame);
    if (k->row == NULL)
        load_die("memory");
    for (size_t i = 0; i < n; i++) {
        uint8_t *at = (uint8_t *)k->row + i * frame;
        write_header(at, TYPE_SEND, KEY_LEN + packet);
        memcpy(at + HEADER_LEN, k->peer->key, KEY_LEN);
    }
}

static void send_some(struct load *l, struct client *k) {
    for (;;) {
        uint64_t under_way = k->sent - k->peer->received;
        if (under_way >= (uint64_t)l->set.window)
            break;
        size_t len = k->row_len - k->row_at;
        if (len > l->set.window - under_way)
            len = l->set.window - under_way;
        ssize_t n;
        if (k->ssl != NULL) {
            n = SSL_write(k->ssl, k->row + k->row_at, (int)len);
            if (n <= 0)
                errno = SSL_get_error(k->ssl, (int)n) == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
        } else {
            n = send(k->fd, k->row + k->row_at, len, MSG_NOSIGNAL);
        }
        if (n <= 0 && errno != EAGAIN)
            load_die("the relay has closed a connection");
        if (n <= 0) {
            arm(l, k, EPOLLIN | EPOLLOUT);
            return;
        }
        k->sent += (uint64_t)n;
        k->row_at = (k->row_at + (size_t)n) % k->row_len;
    }
    arm(l, k, EPOLLIN);
}

// In clear, what comes for a receiver need not be looked at (tcp(7), MSG_TRUNC): nothing is written anywhere.
static void receive_some(struct load *l, struct client *k) {
    enum { UNSEEN_MAX = 1024 * 1024 };
    static char buf[256 * 1024];
    ssize_t n;
    while ((n = k->ssl != NULL ? read_some(k, buf, sizeof(buf)) : recv(k->fd, NULL, UNSEEN_MAX, MSG_TRUNC)) > 0)
        k->received += (uint64_t)n;
    if (errno != EAGAIN)
        load_die("the relay has closed a connection");
    send_some(l, k->peer);
}

// Pings are all that comes to one who is idle, or sends.
static void answer_pings(struct client *k) {
    ssize_t n;
    while ((n = read_some(k, k->ping + k->ping_len, sizeof(k->ping) - k->ping_len)) > 0) {
        k->ping_len += (size_t)n;
        if (k->ping_len < sizeof(k->ping))
            continue;
        if (k->ping[0] != TYPE_PING)
            load_die("an unexpected frame");
        k->ping[0] = TYPE_PONG;
        k->ping_len = 0;
        if (!k->sends)
            send_all(k, k->ping, sizeof(k->ping));
    }
    if (n == 0 || errno != EAGAIN)
        load_die("the relay has closed a connection");
}

static void on_event(struct load *l, struct client *k, uint32_t events) {
    if (k->peer != NULL && !k->sends) {
        receive_some(l, k);
        return;
    }
    if ((events & EPOLLIN) != 0)
        answer_pings(k);
    if (k->sends)
        send_some(l, k);
}

static uint64_t total_received(const struct load *l) {
    uint64_t total = 0;
    for (int i = 0; i < l->set.clients; i++)
        total += l->clients[i].received;
    return total;
}

static void begin(struct load *l) {
    for (int i = 0; i < l->set.clients; i++) {
        struct client *k = &l->clients[i];
        if (l->set.idle || i % 2 == 1)
            continue;
        k->peer = &l->clients[i + 1];
        k->peer->peer = k;
        k->sends = true;
        make_row(k, (size_t)l->set.packet);
    }
    for (int i = 0; i < l->set.clients; i++)
        if (l->clients[i].sends)
            send_some(l, &l->clients[i]);
}

static void report(struct load *l, double passed, double cpu) {
    double octets = (double)total_received(l), frame = HEADER_LEN + KEY_LEN + l->set.packet;
    printf("%.0f MB/s, %.0f packets/s\n", octets / passed / 1e6, octets / frame / passed);
    if (l->set.pid > 0 && cpu > 0)
        printf("server: %.2f cores, %.0f MB/s and %.0f packets/s for each\n", cpu / passed, octets / cpu / 1e6,
               octets / frame / cpu);
}

static void look(struct load *l, int wait_ms) {
    struct epoll_event events[64];
    int n = epoll_wait(l->ep, events, 64, wait_ms);
    for (int i = 0; i < n; i++)
        on_event(l, events[i].data.ptr, events[i].events);
}

static void run(struct load *l) {
    double start = load_now_s(), cpu = l->set.pid > 0 ? load_cpu_s(l->set.pid) : 0, passed;
    while ((passed = load_now_s() - start) < l->set.seconds)
        look(l, 100);
    if (!l->set.idle)
        report(l, passed, l->set.pid > 0 ? load_cpu_s(l->set.pid) - cpu : 0);
}

static void run_all(struct load *l) {
    long before = l->set.pid > 0 ? load_memory_kib(l->set.pid) : 0;
    double start = load_now_s();
    l->clients = calloc((size_t)l->set.clients, sizeof(*l->clients));
    l->ep = epoll_create1(0);
    if (l->clients == NULL || l->ep < 0)
        load_die("start");
    for (int i = 0; i < l->set.clients; i++) {
        join(l, i);
        arm(l, &l->clients[i], EPOLLIN);
        look(l, 0); // the first are asked for a sign of life while the last are still connecting
    }
    printf("%d clients in %.2f s\n", l->set.clients, load_now_s() - start);
    begin(l);
    run(l);
    if (l->set.idle && l->set.pid > 0) {
        long after = load_memory_kib(l->set.pid);
        printf("server: %ld KiB, %ld before; %.2f KiB for each\n", after, before,
               (double)(after - before) / l->set.clients);
    }
    for (int i = 0; i < l->set.clients; i++) {
        SSL_free(l->clients[i].ssl);
        (void)close(l->clients[i].fd);
        free(l->clients[i].row);
    }
    free(l->clients);
    (void)close(l->ep);
}

static int usage(void) {
    fprintf(stderr,
            "irohload [-it] [-c CLIENTS] [-l PACKET] [-w WINDOW] [-s SECONDS] [-p PID] [-H HOST] ADDRESS PORT\n");
    return 2;
}

int main(int argc, char **argv) {
    struct load l = {.set = {.clients = 2, .packet = 1200, .window = 256 * 1024, .seconds = 5, .host = "localhost"}};
    int option;
    while ((option = getopt(argc, argv, "itc:l:w:s:p:H:")) != -1) {
        int number = optarg != NULL ? (int)strtol(optarg, NULL, 10) : 0;
        switch (option) {
        case 'i':
            l.set.idle = true;
            break;
        case 't':
            l.set.tls = true;
            break;
        case 'c':
            l.set.clients = number;
            break;
        case 'l':
            l.set.packet = number;
            break;
        case 'w':
            l.set.window = number;
            break;
        case 's':
            l.set.seconds = number;
            break;
        case 'p':
            l.set.pid = number;
            break;
        case 'H':
            l.set.host = optarg;
            break;
        default:
            return usage();
        }
    }
    if (argc - optind != 2 || l.set.clients < 1 || (!l.set.idle && l.set.clients % 2 != 0) || l.set.packet < 1 ||
        l.set.packet > PACKET_MAX || l.set.window < 1)
        return usage();
    l.set.address = argv[optind];
    l.set.port = (int)strtol(argv[optind + 1], NULL, 10);
    l.ctx = load_tls();
    run_all(&l);
    SSL_CTX_free(l.ctx);
    return 0;
}
