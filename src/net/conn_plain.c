// SPDX-License-Identifier: MIT
// Octets over a bare socket.
#include <errno.h>
#include <linux/tcp.h> // the C library's own knows less of struct tcp_info
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_internal.h"

static bool must_wait(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static enum io_result plain_read(struct conn *c, char *ptr, size_t max, size_t *ret_len) {
    ssize_t n = recv(c->fd, ptr, max, 0);
    if (n > 0) {
        *ret_len = (size_t)n;
        return IO_OK;
    }
    if (n == 0)
        return IO_EOF;
    return must_wait(errno) ? IO_BLOCKED : IO_FAILED;
}

static enum io_result plain_write(struct conn *c, const char *ptr, size_t len, size_t *ret_len) {
    ssize_t n = send(c->fd, ptr, len, MSG_NOSIGNAL);
    if (n > 0) {
        *ret_len = (size_t)n;
        return IO_OK;
    }
    return n < 0 && !must_wait(errno) ? IO_FAILED : IO_BLOCKED;
}

static bool plain_has_more(const struct conn *c) {
    return false;
}

static enum io_result plain_handshake(struct conn *c) {
    return IO_OK;
}

static void plain_finish(struct conn *c) {
    (void)shutdown(c->fd, SHUT_WR);
}

void conn_plain_reset(struct conn *c) {
    struct linger at_once = {.l_onoff = 1};
    (void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

void conn_plain_limit_unsent(struct conn *c, uint32_t octets) {
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &octets, sizeof(octets)); // not every socket is TCP
}

bool conn_plain_is_gone(const struct conn *c) {
    struct pollfd p = {.fd = c->fd};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

bool conn_plain_acknowledged(const struct conn *c, uint64_t *ret) {
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked))
        return false;
    *ret = info.tcpi_bytes_acked;
    return true;
}

const struct transport conn_transport_plain = {
    .read = plain_read,
    .write = plain_write,
    .has_more = plain_has_more,
    .handshake = plain_handshake,
    .finish = plain_finish,
};
