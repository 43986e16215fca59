// SPDX-License-Identifier: MIT
#include "martlet/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slice.h"
#include "martlet/port_holder.h"

enum { SYSTEMD_FIRST_FD = 3, SYSTEMD_FDS_MAX = 64 };

const struct ports_service ports_services[] = {
    {"smtp", 25},   {"http", 80},        {"imap", 143},  {"https", 443},
    {"smtps", 465}, {"submission", 587}, {"imaps", 993}, {NULL, 0},
};

union any_address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

uint16_t ports_number(const char *service) {
    for (const struct ports_service *s = ports_services; s->name != NULL; s++)
        if (strcmp(s->name, service) == 0)
            return s->number;
    UNREACHABLE();
}

static void add_socket(struct ports *p, int fd, const struct ports_service *service, uint16_t number, bool is_ipv6) {
    ASSERT(p->n < PORTS_MAX);
    p->sockets[p->n++] = (struct ports_socket){fd, service->name, number, is_ipv6};
}

void ports_add(struct ports *p, int fd, const char *service) {
    add_socket(p, fd, &(struct ports_service){.name = service}, 0, false);
}

static bool has_socket(const struct ports *p, uint16_t number, bool is_ipv6) {
    for (size_t i = 0; i < p->n; i++)
        if (p->sockets[i].number == number && p->sockets[i].is_ipv6 == is_ipv6)
            return true;
    return false;
}

// ---- from systemd ----

static size_t env_number(const char *name) {
    const char *text = getenv(name);
    uint32_t n = 0;
    return text != NULL && slice_to_u32(slice_from_cstr(text), &n) ? n : 0;
}

static void adopt(struct ports *p, int fd, uint16_t offset) {
    union any_address a = {0};
    socklen_t len = sizeof(a);
    int listening = 0;
    socklen_t opt_len = sizeof(listening);
    if (getsockname(fd, &a.sa, &len) != 0 || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &opt_len) != 0 ||
        !listening || (a.sa.sa_family != AF_INET && a.sa.sa_family != AF_INET6))
        return;
    bool is_ipv6 = a.sa.sa_family == AF_INET6;
    uint16_t number = ntohs(is_ipv6 ? a.in6.sin6_port : a.in.sin_port);
    for (const struct ports_service *s = ports_services; s->name != NULL; s++) {
        if (s->number + offset != number || has_socket(p, number, is_ipv6))
            continue;
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        (void)listen(fd, PORTS_BACKLOG);
        add_socket(p, fd, s, number, is_ipv6);
        // One IPv6 socket may serve IPv4 as well; binding the same port again would fail.
        int only = 0;
        opt_len = sizeof(only);
        if (is_ipv6 && getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &opt_len) == 0 && !only &&
            !has_socket(p, number, false)) {
            int again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
            if (again >= 0)
                add_socket(p, again, s, number, false);
        }
    }
}

static void adopt_all(struct ports *p, uint16_t offset) {
    if (env_number("LISTEN_PID") != (size_t)getpid())
        return;
    size_t n = env_number("LISTEN_FDS");
    for (size_t i = 0; i < n && i < SYSTEMD_FDS_MAX; i++)
        adopt(p, SYSTEMD_FIRST_FD + (int)i, offset);
    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
}

// ---- bound here ----

static union any_address address_of(bool is_ipv6, bool loopback, uint16_t number, socklen_t *ret_len) {
    union any_address a = {0};
    if (is_ipv6) {
        a.in6.sin6_family = AF_INET6;
        a.in6.sin6_port = htons(number);
        a.in6.sin6_addr = loopback ? in6addr_loopback : in6addr_any;
        *ret_len = sizeof(a.in6);
    } else {
        a.in.sin_family = AF_INET;
        a.in.sin_port = htons(number);
        a.in.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
        *ret_len = sizeof(a.in);
    }
    return a;
}

// The socket, or -1 with errno set.
static int bind_socket(bool is_ipv6, bool loopback, uint16_t number) {
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    socklen_t len;
    union any_address a = address_of(is_ipv6, loopback, number, &len);
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (!is_ipv6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) && bind(fd, &a.sa, len) == 0 &&
        listen(fd, PORTS_BACKLOG) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static void explain(const struct ports_service *service, uint16_t number, int error, char ret[PORTS_ERROR_MAX]) {
    char holder[PORT_HOLDER_MAX];
    if (error == EADDRINUSE && port_holder_find(number, holder))
        (void)snprintf(ret, PORTS_ERROR_MAX, "port %u (%s) is taken by %s", number, service->name, holder);
    else if (error == EADDRINUSE)
        (void)snprintf(ret, PORTS_ERROR_MAX, "port %u (%s) is taken by another process", number, service->name);
    else if (error == EACCES)
        (void)snprintf(ret, PORTS_ERROR_MAX,
                       "port %u (%s) may be bound by root only; start as root or use --port-offset", number,
                       service->name);
    else
        (void)snprintf(ret, PORTS_ERROR_MAX, "port %u (%s) cannot be bound: %s", number, service->name,
                       strerror(error));
}

static bool open_one(struct ports *p, const struct ports_service *service, const struct ports_settings *s, bool is_ipv6,
                     char ret_error[PORTS_ERROR_MAX]) {
    uint16_t number = (uint16_t)(service->number + s->offset);
    if (has_socket(p, number, is_ipv6))
        return true;
    int fd = bind_socket(is_ipv6, s->loopback, number);
    if (fd >= 0) {
        add_socket(p, fd, service, number, is_ipv6);
        return true;
    }
    if (is_ipv6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL))
        return true;
    explain(service, number, errno, ret_error);
    return false;
}

bool ports_open(struct ports *p, const struct ports_settings *s, char ret_error[PORTS_ERROR_MAX]) {
    *p = (struct ports){0};
    for (const struct ports_service *service = ports_services; service->name != NULL; service++)
        if (service->number + s->offset > UINT16_MAX) {
            (void)snprintf(ret_error, PORTS_ERROR_MAX, "the port offset %u is too large", s->offset);
            return false;
        }
    adopt_all(p, s->offset);
    for (const struct ports_service *service = ports_services; service->name != NULL; service++)
        if (!open_one(p, service, s, false, ret_error) || (s->ipv6 && !open_one(p, service, s, true, ret_error))) {
            ports_close(p);
            return false;
        }
    return true;
}

void ports_close(struct ports *p) {
    for (size_t i = 0; i < p->n; i++)
        (void)close(p->sockets[i].fd);
    p->n = 0;
}
