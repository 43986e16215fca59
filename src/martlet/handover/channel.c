// SPDX-License-Identifier: MIT
#include "martlet/handover/channel.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/printable.h"

enum { READ_STEP = 64 * 1024 };

static uint32_t read_u32(const char *p) {
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

enum channel_status channel_parse(struct slice octets, struct channel_message *ret, size_t *ret_used) {
    if (octets.len < CHANNEL_HEADER_LEN)
        return CHANNEL_MORE;
    size_t len = read_u32(octets.ptr);
    unsigned char type = (unsigned char)octets.ptr[4];
    if (len > CHANNEL_PAYLOAD_MAX || type < CHANNEL_START || type > CHANNEL_TYPE_LAST)
        return CHANNEL_BAD;
    if (octets.len - CHANNEL_HEADER_LEN < len)
        return CHANNEL_MORE;
    ret->type = (enum channel_type)type;
    ret->payload = slice_make(octets.ptr + CHANNEL_HEADER_LEN, len);
    *ret_used = CHANNEL_HEADER_LEN + len;
    return CHANNEL_MESSAGE;
}

void channel_sentence(struct slice payload, char ret[CHANNEL_SENTENCE_MAX]) {
    size_t len = payload.len < CHANNEL_SENTENCE_MAX ? payload.len : CHANNEL_SENTENCE_MAX - 1;
    for (size_t i = 0; i < len; i++)
        ret[i] = (unsigned char)payload.ptr[i] < ' ' ? ' ' : payload.ptr[i];
    ret[len] = '\0';
    printable_make(ret);
}

void channel_init(struct channel *c, int fd) {
    c->fd = fd;
    c->taken = 0;
    buf_init(&c->in, CHANNEL_HEADER_LEN + CHANNEL_PAYLOAD_MAX + READ_STEP);
}

void channel_done(struct channel *c) {
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    // A private key may have passed here.
    if (c->in.mem != NULL)
        OPENSSL_cleanse(c->in.mem, c->in.cap);
    buf_done(&c->in);
    c->taken = 0;
}

bool channel_send(struct channel *c, enum channel_type type, struct slice payload) {
    ASSERT(payload.len <= CHANNEL_PAYLOAD_MAX);
    uint32_t len = (uint32_t)payload.len;
    char head[CHANNEL_HEADER_LEN] = {(char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len, (char)type};
    struct iovec iov[2] = {{head, sizeof(head)}, {(void *)(uintptr_t)payload.ptr, payload.len}};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    size_t left = sizeof(head) + payload.len;
    while (left > 0) {
        ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        left -= (size_t)n;
        for (size_t i = 0; i < ARRAY_LEN(iov); i++) {
            size_t step = (size_t)n < iov[i].iov_len ? (size_t)n : iov[i].iov_len;
            iov[i].iov_base = (char *)iov[i].iov_base + step;
            iov[i].iov_len -= step;
            n -= (ssize_t)step;
        }
    }
    return true;
}

// Drops the message that was handed out last, wiped.
static void drop_taken(struct channel *c) {
    if (c->taken == 0)
        return;
    OPENSSL_cleanse(c->in.mem + c->in.start, c->taken);
    buf_consume(&c->in, c->taken);
    c->taken = 0;
}

enum channel_status channel_receive(struct channel *c, struct channel_message *ret) {
    drop_taken(c);
    enum channel_status status = channel_parse(buf_slice(&c->in), ret, &c->taken);
    if (status != CHANNEL_MORE)
        return status;
    char *room = buf_reserve(&c->in, READ_STEP);
    ASSERT(room != NULL);
    ssize_t n;
    do
        n = recv(c->fd, room, READ_STEP, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? CHANNEL_MORE : CHANNEL_END;
    if (n == 0)
        return CHANNEL_END;
    buf_added(&c->in, (size_t)n);
    return channel_parse(buf_slice(&c->in), ret, &c->taken);
}
