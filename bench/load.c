// SPDX-License-Identifier: MIT
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

_Noreturn void load_die(const char *what) {
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, errno != 0 ? strerror(errno) : "failed");
    exit(1);
}

double load_now_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Fields 14 and 15 of its stat file (proc(5)).
double load_cpu_s(int pid) {
    char path[64], line[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(line, sizeof(line), f) == NULL)
        load_die(path);
    (void)fclose(f);
    char *at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        load_die(path);
    unsigned long user = strtoul(at, &at, 10), system = strtoul(at, &at, 10);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

long load_memory_kib(int pid) {
    char path[64], line[256];
    (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        load_die(path);
    long kib = -1;
    while (kib < 0 && fgets(line, sizeof(line), f) != NULL)
        if (strncmp(line, "RssAnon:", 8) == 0)
            kib = strtol(line + 8, NULL, 10);
    (void)fclose(f);
    if (kib < 0)
        load_die(path);
    return kib;
}

static struct sockaddr_in address_of(const char *text, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, text, &a.sin_addr) != 1)
        load_die("address");
    return a;
}

int load_connect(const char *address, int port, const char *from) {
    struct sockaddr_in to = address_of(address, port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        load_die("socket");
    if (from != NULL) {
        struct sockaddr_in us = address_of(from, 0);
        if (bind(fd, (struct sockaddr *)&us, sizeof(us)) != 0)
            load_die("bind");
    }
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        load_die("connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

SSL *load_connect_tls(SSL_CTX *ctx, int fd, const char *host) {
    SSL *ssl = SSL_new(ctx);
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set_tlsext_host_name(ssl, host) != 1 || SSL_connect(ssl) != 1)
        load_die("TLS");
    return ssl;
}

SSL_CTX *load_tls(void) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    if (ctx == NULL)
        load_die("TLS");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}
