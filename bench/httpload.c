// SPDX-License-Identifier: MIT
// A load generator for HTTPS: keeps connections open and asks for one path again and again, each connection with so
// many requests under way. Says how many answers a second came, and, given the process id of the server, what one cost
// it.
//
//   httpload [-c CONNECTIONS] [-d DEPTH] [-s SECONDS] [-p PID] [-u PATH] [-H HOST] ADDRESS PORT
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

enum { HEAD_MAX = 8 * 1024 };

struct settings {
    int connections, depth, seconds, pid;
    const char *path, *host, *address;
    int port;
};

struct load_conn {
    int fd;
    SSL *ssl;
    size_t head_len; // of the answer that is arriving
    size_t body_left;
    char head[HEAD_MAX + 1];
};

struct load {
    struct settings set;
    SSL_CTX *ctx;
    char request[1024];
    int request_len;
    unsigned long answers, not_ok;
};

static void ask(struct load *l, struct load_conn *c) {
    // Requests are far smaller than a socket buffer: what does not fit at once is a server that does not read.
    if (SSL_write(c->ssl, l->request, l->request_len) != l->request_len)
        load_die("write");
}

static void connect_one(struct load *l, struct load_conn *c) {
    c->fd = load_connect(l->set.address, l->set.port, NULL);
    c->ssl = load_connect_tls(l->ctx, c->fd, l->set.host);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0)
        load_die("socket");
}

// One octet after the other until the head is whole; then its length is known.
static void take_head(struct load *l, struct load_conn *c, char octet) {
    if (c->head_len == HEAD_MAX)
        load_die("an answer that is too long");
    c->head[c->head_len++] = octet;
    c->head[c->head_len] = '\0';
    if (c->head_len < 4 || memcmp(c->head + c->head_len - 4, "\r\n\r\n", 4) != 0)
        return;
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->body_left = length != NULL ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10) : 0;
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0)
        l->not_ok++;
    c->head_len = 0;
    if (c->body_left == 0) {
        l->answers++;
        ask(l, c);
    }
}

static void take(struct load *l, struct load_conn *c, const char *ptr, size_t len) {
    while (len > 0) {
        if (c->body_left == 0) {
            take_head(l, c, *ptr++);
            len--;
            continue;
        }
        size_t n = len < c->body_left ? len : c->body_left;
        ptr += n;
        len -= n;
        c->body_left -= n;
        if (c->body_left == 0) {
            l->answers++;
            ask(l, c);
        }
    }
}

static void read_some(struct load *l, struct load_conn *c) {
    static char buf[64 * 1024];
    int n;
    while ((n = SSL_read(c->ssl, buf, sizeof(buf))) > 0)
        take(l, c, buf, (size_t)n);
    if (SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
        load_die("the server has closed a connection");
}

static void run(struct load *l) {
    int ep = epoll_create1(0);
    struct load_conn *conns = calloc((size_t)l->set.connections, sizeof(*conns));
    if (ep < 0 || conns == NULL)
        load_die("start");
    double before = load_now_s();
    for (int i = 0; i < l->set.connections; i++) {
        connect_one(l, &conns[i]);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &conns[i]};
        if (epoll_ctl(ep, EPOLL_CTL_ADD, conns[i].fd, &e) != 0)
            load_die("epoll");
    }
    printf("%d connections in %.2f s\n", l->set.connections, load_now_s() - before);
    for (int i = 0; i < l->set.connections; i++) {
        for (int k = 0; k < l->set.depth; k++)
            ask(l, &conns[i]);
    }
    double start = load_now_s(), passed = 0, cpu = l->set.pid > 0 ? load_cpu_s(l->set.pid) : 0;
    while ((passed = load_now_s() - start) < l->set.seconds) {
        struct epoll_event events[64];
        int n = epoll_wait(ep, events, 64, 1000);
        for (int i = 0; i < n; i++)
            read_some(l, events[i].data.ptr);
    }
    printf("%.0f answers per second, %lu of %lu not 200\n", (double)l->answers / passed, l->not_ok, l->answers);
    if (l->set.pid > 0 && l->answers > 0) {
        double used = load_cpu_s(l->set.pid) - cpu;
        printf("server: %.1f us of processor per request, %.0f requests per second and core\n",
               used * 1e6 / (double)l->answers, used > 0 ? (double)l->answers / used : 0);
    }
    for (int i = 0; i < l->set.connections; i++) {
        SSL_free(conns[i].ssl);
        (void)close(conns[i].fd);
    }
    free(conns);
    (void)close(ep);
}

int main(int argc, char **argv) {
    struct load l = {.set = {.connections = 50, .depth = 1, .seconds = 5, .path = "/", .host = "localhost"}};
    int option;
    while ((option = getopt(argc, argv, "c:d:s:p:u:H:")) != -1) {
        int number = optarg != NULL ? (int)strtol(optarg, NULL, 10) : 0;
        switch (option) {
        case 'c':
            l.set.connections = number;
            break;
        case 'd':
            l.set.depth = number;
            break;
        case 's':
            l.set.seconds = number;
            break;
        case 'p':
            l.set.pid = number;
            break;
        case 'u':
            l.set.path = optarg;
            break;
        case 'H':
            l.set.host = optarg;
            break;
        default:
            return 2;
        }
    }
    if (argc - optind != 2 || l.set.connections < 1 || l.set.depth < 1) {
        fprintf(stderr,
                "httpload [-c CONNECTIONS] [-d DEPTH] [-s SECONDS] [-p PID] [-u PATH] [-H HOST] ADDRESS PORT\n");
        return 2;
    }
    l.set.address = argv[optind];
    l.set.port = (int)strtol(argv[optind + 1], NULL, 10);
    l.request_len =
        snprintf(l.request, sizeof(l.request), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", l.set.path, l.set.host);
    if (l.request_len >= (int)sizeof(l.request))
        load_die("the path is too long");
    l.ctx = load_tls();
    run(&l);
    SSL_CTX_free(l.ctx);
    return 0;
}
