// SPDX-License-Identifier: MIT
// Preloaded into a program of the tests: whatever it sends over UDP is said to be sent, and goes nowhere. So two peers
// that could reach each other directly have only the relay.
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>

static int is_udp(int fd) {
    int type = 0, family = 0;
    socklen_t len = sizeof(type);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_DGRAM)
        return 0;
    len = sizeof(family);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) == 0 && (family == AF_INET || family == AF_INET6);
}

static void *next(const char *name) {
    void *f = dlsym(RTLD_NEXT, name);
    if (f == NULL)
        abort();
    return f;
}

static size_t length_of(const struct msghdr *m) {
    size_t len = 0;
    for (size_t i = 0; i < m->msg_iovlen; i++)
        len += m->msg_iov[i].iov_len;
    return len;
}

ssize_t sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len) {
    ssize_t (*real)(int, const void *, size_t, int, const struct sockaddr *, socklen_t) = next("sendto");
    return is_udp(fd) ? (ssize_t)len : real(fd, data, len, flags, to, to_len);
}

ssize_t send(int fd, const void *data, size_t len, int flags) {
    ssize_t (*real)(int, const void *, size_t, int) = next("send");
    return is_udp(fd) ? (ssize_t)len : real(fd, data, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags) {
    ssize_t (*real)(int, const struct msghdr *, int) = next("sendmsg");
    return is_udp(fd) ? (ssize_t)length_of(m) : real(fd, m, flags);
}

int sendmmsg(int fd, struct mmsghdr *m, unsigned n, int flags) {
    int (*real)(int, struct mmsghdr *, unsigned, int) = next("sendmmsg");
    if (!is_udp(fd))
        return real(fd, m, n, flags);
    for (unsigned i = 0; i < n; i++)
        m[i].msg_len = (unsigned)length_of(&m[i].msg_hdr);
    return (int)n;
}
