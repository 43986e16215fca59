// SPDX-License-Identifier: MIT
#include "martlet/handover/ports.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/slice.h"
#include "config/network.h"
#include "martlet/host/crew.h"
#include "martlet/host/port_holder.h"

enum {
    SYSTEMD_FIRST_FD = 3,
    SYSTEMD_FDS_MAX = 64,
    UDP_BUFFER = 4 * 1024 * 1024, // octets; some 20 ms at 1.5 Gbit/s
};

const struct ports_service ports_services[] = {
    {"smtp", 25, false},   {"http", 80, false},   {"imap", 143, false},
    {"https", 443, false}, {"smtps", 465, false}, {"submission", 587, false},
    {"imaps", 993, false}, {"turn", 3478, true},  {NULL, 0, false},
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
        if (s->is_udp || s->number + offset != number || has_socket(p, number, is_ipv6))
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

// Closes, and leaves errno as it is. -1.
static int give_up(int fd) {
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static bool set_option(int fd, int level, int name, int value) {
    return setsockopt(fd, level, name, &value, sizeof(value)) == 0;
}

// The socket, or -1 with errno set.
static int bind_tcp_at(const union any_address *a, socklen_t len) {
    bool is_ipv6 = a->sa.sa_family == AF_INET6;
    int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) && (!is_ipv6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1)) &&
        bind(fd, &a->sa, len) == 0 && listen(fd, PORTS_BACKLOG) == 0)
        return fd;
    return give_up(fd);
}

static int bind_tcp(bool is_ipv6, bool loopback, uint16_t number) {
    socklen_t len;
    union any_address a = address_of(is_ipv6, loopback, number, &len);
    return bind_tcp_at(&a, len);
}

// What comes while a loop is busy waits here. As root past the system's maximum, otherwise as far as it goes.
static void widen(int fd) {
    if (!set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, UDP_BUFFER))
        (void)set_option(fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER);
    if (!set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, UDP_BUFFER))
        (void)set_option(fd, SOL_SOCKET, SO_SNDBUF, UDP_BUFFER);
}

// As bind_tcp(). With SO_REUSEPORT another process of the same user could share the port unnoticed, and take a part of
// the datagrams: the first socket is bound without, and lets the others in afterwards.
static int bind_udp(bool is_ipv6, bool loopback, uint16_t number, bool is_first) {
    int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    socklen_t len;
    union any_address a = address_of(is_ipv6, loopback, number, &len);
    widen(fd);
    bool ok = is_ipv6
                  ? set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) && set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                  : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
    ok = ok && (is_first || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) && bind(fd, &a.sa, len) == 0 &&
         set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return ok ? fd : give_up(fd);
}

static void explain(const struct ports_service *service, uint16_t number, int error, char ret[PORTS_ERROR_MAX]) {
    char holder[PORT_HOLDER_MAX];
    if (error == EADDRINUSE && port_holder_find(number, service->is_udp, holder)) {
        const char *advice = port_holder_advice(holder);
        (void)snprintf(ret, PORTS_ERROR_MAX, "port %u (%s) is taken by %s%s%s", number, service->name, holder,
                       advice != NULL ? ", " : "", advice != NULL ? advice : "");
    } else if (error == EADDRINUSE) {
        (void)snprintf(ret, PORTS_ERROR_MAX,
                       "port %u (%s) is taken by another process; ss -lnp -%c, run by root, shows which", number,
                       service->name, service->is_udp ? 'u' : 't');
    } else if (error == EACCES) {
        (void)snprintf(ret, PORTS_ERROR_MAX,
                       "port %u (%s) may be bound by root only; start as root or use --port-offset", number,
                       service->name);
    } else if (error == EMFILE || error == ENFILE) {
        (void)snprintf(ret, PORTS_ERROR_MAX,
                       "port %u (%s) cannot be bound, for too many files are open: raise the limit (ulimit -n, or "
                       "LimitNOFILE= of the service)",
                       number, service->name);
    } else {
        (void)snprintf(ret, PORTS_ERROR_MAX, "port %u (%s) cannot be bound: %s", number, service->name,
                       strerror(error));
    }
}

static size_t udp_sockets(void) {
    size_t n = crew_cores();
    return n < PORTS_UDP_MAX ? n : PORTS_UDP_MAX;
}

// All sockets of a service in one family.
static bool open_service(struct ports *p, const struct ports_service *service, const struct ports_settings *s,
                         bool is_ipv6, char ret_error[PORTS_ERROR_MAX]) {
    uint16_t number = (uint16_t)(service->number + s->offset);
    if (has_socket(p, number, is_ipv6))
        return true;
    size_t n = !service->is_udp ? 1 : s->turn ? udp_sockets() : 0;
    for (size_t i = 0; i < n; i++) {
        int fd =
            service->is_udp ? bind_udp(is_ipv6, s->loopback, number, i == 0) : bind_tcp(is_ipv6, s->loopback, number);
        if (fd >= 0) {
            add_socket(p, fd, service, number, is_ipv6);
        } else if (is_ipv6 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
            return true;
        } else {
            explain(service, number, errno, ret_error);
            return false;
        }
    }
    return true;
}

// The service for clients that has this port, which would be found to be taken by this very process; NULL: none.
static const char *service_at(uint16_t port) {
    for (const struct ports_service *s = ports_services; s->name != NULL; s++)
        if (!s->is_udp && s->number == port)
            return s->name;
    return NULL;
}

static bool open_metrics(struct ports *p, const struct ports_settings *s, char ret_error[PORTS_ERROR_MAX]) {
    struct config_endpoint e;
    if (s->metrics == NULL || !config_endpoint_parse(slice_from_cstr(s->metrics), PORTS_METRICS_NUMBER, &e))
        return true;
    if (e.port + s->offset > UINT16_MAX) {
        (void)snprintf(ret_error, PORTS_ERROR_MAX, "metrics_address: the port offset %u is too large", s->offset);
        return false;
    }
    const char *other = service_at(e.port);
    if (other != NULL) {
        (void)snprintf(ret_error, PORTS_ERROR_MAX,
                       "metrics_address: port %u is that of %s; name another, as in %s:%u, or none", e.port, other,
                       e.is_ipv6 ? "[::1]" : "127.0.0.1", PORTS_METRICS_NUMBER);
        return false;
    }
    uint16_t number = (uint16_t)(e.port + s->offset);
    socklen_t len;
    union any_address a = address_of(e.is_ipv6, true, number, &len);
    if (e.is_ipv6)
        memcpy(&a.in6.sin6_addr, e.address, sizeof(a.in6.sin6_addr));
    else
        memcpy(&a.in.sin_addr, e.address, sizeof(a.in.sin_addr));
    const struct ports_service service = {PORTS_METRICS, number, false};
    int fd = bind_tcp_at(&a, len);
    if (fd >= 0)
        add_socket(p, fd, &service, number, e.is_ipv6);
    else if (errno == EADDRNOTAVAIL)
        (void)snprintf(ret_error, PORTS_ERROR_MAX, "metrics_address: this machine has no address %s", s->metrics);
    else
        explain(&service, number, errno, ret_error);
    return fd >= 0;
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
        if (!open_service(p, service, s, false, ret_error) ||
            (s->ipv6 && !open_service(p, service, s, true, ret_error))) {
            ports_close(p);
            return false;
        }
    if (open_metrics(p, s, ret_error))
        return true;
    ports_close(p);
    return false;
}

bool ports_have(const struct ports *p, const char *service) {
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->sockets[i].service, service) == 0)
            return true;
    return false;
}

void ports_close(struct ports *p) {
    for (size_t i = 0; i < p->n; i++)
        (void)close(p->sockets[i].fd);
    p->n = 0;
}
