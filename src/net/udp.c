// SPDX-License-Identifier: MIT
// What a loop needs to receive a batch and to keep what it sends in a turn stands in one block (struct udp_batches),
// made with the loop's first UDP socket. A socket that has something to send is in that block's list; slots in use are
// chained in the order of sending, socket by socket.
//
// Sending is what costs: a datagram's way through the kernel is some hundred times as long as ours. So datagrams of one
// length to one peer, as video and file transfers have them, go that way together.
#include "net/udp.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "net/loop_internal.h"

enum {
    OUT_SLOTS = 64, // datagrams that wait for the end of the turn; when there are more, all leave at once
    CONTROL_MAX = CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)),
    // Datagrams of one length to one peer leave as a train (UDP_SEGMENT): no fragments, and less than a packet of IP.
    TRAIN_SEGMENT_MAX = 1400,
    TRAIN_OCTETS_MAX = 60000,
};

enum dropped { DROPPED_TOO_LARGE, DROPPED_BUFFER_FULL, DROPPED_UNSENDABLE };
static const char *const dropped_names[] = {
    [DROPPED_TOO_LARGE] = "too_large",
    [DROPPED_BUFFER_FULL] = "buffer_full",
    [DROPPED_UNSENDABLE] = "unsendable",
};
static struct metric_counter datagrams_dropped = METRIC_COUNTER_BY(
    "martlet_udp_dropped_datagrams", "UDP datagrams that were not received or sent", "reason", dropped_names);
static struct metric *const metrics[] = {&datagrams_dropped.metric};

union any_address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

// One datagram's place: to receive into, or to send from.
struct slot {
    struct slot *next; // out: the next one of the same socket, or of the free ones
    union any_address peer;
    socklen_t peer_len;
    size_t control_len;
    _Alignas(struct cmsghdr) char control[CONTROL_MAX];
    size_t len;
    uint8_t data[UDP_SEND_MAX];
};

struct udp_batches {
    struct mmsghdr in_headers[UDP_BATCH_MAX]; // always ready to receive into
    struct iovec in_vectors[UDP_BATCH_MAX];
    struct slot in[UDP_BATCH_MAX];
    struct udp_datagram shown[UDP_BATCH_MAX];
    struct mmsghdr out_headers[OUT_SLOTS];
    struct slot *out_first[OUT_SLOTS]; // the first one of each header
    struct iovec out_vectors[OUT_SLOTS];
    struct slot out[OUT_SLOTS];
    size_t n_used;         // of these; the others were not needed yet
    struct slot *free_out; // those that were
    struct list waiting;   // struct udp_socket with something to send, by `link`
    bool flush_deferred;
    bool no_trains; // they were refused
    struct loop *loop;
    struct loop_task flush;
};

struct udp_socket {
    struct loop *loop;
    struct udp_batches *batches;
    struct event *event;
    int fd;
    enum udp_ownership ownership;
    struct net_address address;
    bool is_wildcard;
    udp_on_datagrams *on_datagrams;
    void *arg;
    struct list link; // in udp_batches.waiting
    struct slot *first_out, **last_out;
};

static bool is_unspecified(const struct net_address *a) {
    static const uint8_t NONE[16];
    return net_address_is_ipv4(a) ? memcmp(a->ip + 12, NONE, 4) == 0 : net_address_is_none(a);
}

// ---- sending ----

static void release_slots(struct udp_socket *s) {
    struct udp_batches *b = s->batches;
    *s->last_out = b->free_out;
    b->free_out = s->first_out;
    s->first_out = NULL;
    s->last_out = &s->first_out;
    list_remove(&s->link);
}

// Returns the room that it takes.
static size_t put_control(char *at, int level, int type, const void *data, size_t len) {
    struct cmsghdr head = {.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(len)};
    memset(at, 0, CMSG_SPACE(len));
    memcpy(at, &head, sizeof(head));
    memcpy(at + CMSG_LEN(0), data, len);
    return CMSG_SPACE(len);
}

// Whether `slot` can leave in one piece with those from `first` on, which are all of one length.
static bool goes_with(const struct slot *first, const struct slot *slot, size_t n) {
    return slot->len == first->len && (n + 1) * first->len <= TRAIN_OCTETS_MAX && slot->peer_len == first->peer_len &&
           memcmp(&slot->peer, &first->peer, first->peer_len) == 0 && slot->control_len == first->control_len &&
           memcmp(slot->control, first->control, first->control_len) == 0;
}

// One header for `first` and, when they may go in trains, what follows and goes with it. The kernel cuts a train into
// datagrams as late as it can, or the network card does. Returns the slot after those.
static struct slot *fill_header(struct udp_batches *b, struct slot *first, size_t at, bool trains,
                                struct iovec *vectors) {
    size_t n = 0;
    struct slot *slot = first;
    do {
        vectors[n++] = (struct iovec){slot->data, slot->len};
        slot = slot->next;
    } while (trains && slot != NULL && first->len > 0 && first->len <= TRAIN_SEGMENT_MAX && goes_with(first, slot, n));
    b->out_first[at] = first;
    struct msghdr *h = &b->out_headers[at].msg_hdr;
    *h = (struct msghdr){.msg_name = &first->peer,
                         .msg_namelen = first->peer_len,
                         .msg_iov = vectors,
                         .msg_iovlen = n,
                         .msg_control = first->control,
                         .msg_controllen = first->control_len};
    if (n > 1) {
        uint16_t segment = (uint16_t)first->len;
        h->msg_controllen +=
            put_control(first->control + first->control_len, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    }
    return slot;
}

static size_t fill_headers(struct udp_batches *b, struct slot *slot, bool trains) {
    size_t n = 0;
    for (struct iovec *vectors = b->out_vectors; slot != NULL; n++) {
        slot = fill_header(b, slot, n, trains, vectors);
        vectors += b->out_headers[n].msg_hdr.msg_iovlen;
    }
    return n;
}

static bool is_full(int error) {
    return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

// What is left after an error, which belongs to the first datagram or train: that datagram is skipped, a train is tried
// again in its parts, a full buffer ends it all.
static struct slot *after_error(struct udp_batches *b, struct slot *slot, int error, bool *trains) {
    if (error == EINTR)
        return slot;
    if (is_full(error)) {
        for (; slot != NULL; slot = slot->next)
            metric_count(&datagrams_dropped, DROPPED_BUFFER_FULL);
        return NULL;
    }
    if (b->out_headers[0].msg_hdr.msg_iovlen > 1) {
        *trains = false;
        b->no_trains = b->no_trains || error == EIO; // the network card can make no checksums: it will not learn it
        return slot;
    }
    metric_count(&datagrams_dropped, DROPPED_UNSENDABLE);
    return slot->next;
}

static void flush_socket(struct udp_socket *s) {
    struct udp_batches *b = s->batches;
    struct slot *slot = s->first_out;
    bool trains = !b->no_trains;
    while (slot != NULL) {
        size_t n = fill_headers(b, slot, trains);
        int sent = sendmmsg(s->fd, b->out_headers, (unsigned)n, MSG_DONTWAIT);
        if (sent < 0)
            slot = after_error(b, slot, errno, &trains);
        else
            slot = (size_t)sent < n ? b->out_first[sent] : NULL;
    }
    release_slots(s);
}

static void flush_all(struct udp_batches *b) {
    LIST_FOREACH(node, &b->waiting)
    flush_socket(CONTAINER_OF(node, struct udp_socket, link));
}

static void on_flush(struct loop_task *task) {
    struct udp_batches *b = CONTAINER_OF(task, struct udp_batches, flush);
    b->flush_deferred = false;
    flush_all(b);
}

static socklen_t write_address(const struct net_address *a, union any_address *ret) {
    if (net_address_is_ipv4(a)) {
        ret->in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(a->port)};
        memcpy(&ret->in.sin_addr, a->ip + 12, sizeof(ret->in.sin_addr));
        return sizeof(ret->in);
    }
    ret->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(a->port)};
    memcpy(&ret->in6.sin6_addr, a->ip, sizeof(a->ip));
    return sizeof(ret->in6);
}

static void put_source(struct slot *slot, const struct net_address *local) {
    if (net_address_is_ipv4(local)) {
        struct in_pktinfo info = {0};
        memcpy(&info.ipi_spec_dst, local->ip + 12, sizeof(info.ipi_spec_dst));
        slot->control_len = put_control(slot->control, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    } else {
        struct in6_pktinfo info = {0};
        memcpy(&info.ipi6_addr, local->ip, sizeof(info.ipi6_addr));
        slot->control_len = put_control(slot->control, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    }
}

static struct slot *take_slot(struct udp_socket *s) {
    struct udp_batches *b = s->batches;
    if (b->free_out == NULL && b->n_used == OUT_SLOTS)
        flush_all(b);
    struct slot *slot = b->free_out;
    if (slot == NULL) {
        ASSERT(b->n_used < OUT_SLOTS);
        slot = &b->out[b->n_used++];
    } else {
        b->free_out = slot->next;
    }
    slot->next = NULL;
    if (s->first_out == NULL)
        list_append(&b->waiting, &s->link);
    *s->last_out = slot;
    s->last_out = &slot->next;
    if (!b->flush_deferred) {
        b->flush_deferred = true;
        loop_defer(b->loop, &b->flush);
    }
    return slot;
}

void udp_send(struct udp_socket *s, const struct net_address *peer, const struct net_address *local,
              struct slice datagram) {
    ASSERT(datagram.len <= UDP_SEND_MAX);
    if (net_address_is_ipv4(peer) != net_address_is_ipv4(&s->address)) {
        metric_count(&datagrams_dropped, DROPPED_UNSENDABLE);
        return;
    }
    struct slot *slot = take_slot(s);
    slot->peer_len = write_address(peer, &slot->peer);
    slot->control_len = 0;
    if (local != NULL && s->is_wildcard)
        put_source(slot, local);
    slot->len = datagram.len;
    if (datagram.len > 0)
        memcpy(slot->data, datagram.ptr, datagram.len);
}

// ---- receiving ----

// Makes the first n places ready again; the rest has not been touched.
static void prepare(struct udp_batches *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        struct slot *slot = &b->in[i];
        b->in_vectors[i] = (struct iovec){slot->data + UDP_HEADROOM, UDP_DATAGRAM_MAX};
        b->in_headers[i].msg_hdr = (struct msghdr){.msg_name = &slot->peer,
                                                   .msg_namelen = sizeof(slot->peer),
                                                   .msg_iov = &b->in_vectors[i],
                                                   .msg_iovlen = 1,
                                                   .msg_control = slot->control,
                                                   .msg_controllen = sizeof(slot->control)};
    }
}

// The destination of a datagram as its header says it; a broadcast address thus stays one, and no answer can leave
// from it.
static void read_local(const struct udp_socket *s, struct msghdr *h, struct net_address *ret) {
    *ret = s->address;
    if (!s->is_wildcard)
        return;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c != NULL; c = CMSG_NXTHDR(h, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            memcpy(ret->ip + 12, &info.ipi_addr, sizeof(info.ipi_addr));
        } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            memcpy(ret->ip, &info.ipi6_addr, sizeof(ret->ip));
        }
    }
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct udp_socket *s = arg;
    struct udp_batches *b = s->batches;
    int n = recvmmsg(s->fd, b->in_headers, UDP_BATCH_MAX, MSG_DONTWAIT, NULL);
    size_t shown = 0;
    for (int i = 0; i < n; i++) {
        struct msghdr *h = &b->in_headers[i].msg_hdr;
        if (h->msg_flags & MSG_TRUNC) {
            metric_count(&datagrams_dropped, DROPPED_TOO_LARGE);
            continue;
        }
        struct udp_datagram *d = &b->shown[shown++];
        d->data = b->in[i].data + UDP_HEADROOM;
        d->len = b->in_headers[i].msg_len;
        d->peer = net_address_from_sockaddr(&b->in[i].peer.sa);
        read_local(s, h, &d->local);
    }
    if (n > 0)
        prepare(b, (size_t)n);
    // What has not been read makes the socket readable again in the next turn: so all sockets get theirs.
    if (shown > 0)
        s->on_datagrams(s->arg, b->shown, shown);
}

// ---- sockets ----

static struct udp_batches *batches_of(struct loop *loop) {
    struct loop_net *net = loop_net(loop);
    if (net->udp != NULL)
        return net->udp;
    struct udp_batches *b = mem_map(sizeof(*b)); // before the first datagrams it is mostly not touched
    prepare(b, UDP_BATCH_MAX);
    list_init(&b->waiting);
    b->loop = loop;
    b->flush.run = on_flush;
    net->udp = b;
    metrics_register(metrics, ARRAY_LEN(metrics));
    return b;
}

void udp_batches_free(struct udp_batches *b) {
    if (b != NULL)
        mem_unmap(b, sizeof(*b));
}

int udp_bind(const struct net_address *local) {
    bool ipv4 = net_address_is_ipv4(local);
    int fd = socket(ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    union any_address a;
    socklen_t len = write_address(local, &a);
    int on = 1;
    if ((ipv4 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) == 0) && bind(fd, &a.sa, len) == 0)
        return fd;
    int saved = errno;
    (void)close(fd);
    errno = saved;
    return -1;
}

static void learn_address(struct udp_socket *s) {
    union any_address a = {0};
    socklen_t len = sizeof(a);
    ASSERT(getsockname(s->fd, &a.sa, &len) == 0);
    s->address = net_address_from_sockaddr(&a.sa);
    s->is_wildcard = is_unspecified(&s->address);
}

static void set_options(const struct udp_socket *s) {
    bool ipv4 = net_address_is_ipv4(&s->address);
    int on = 1, fragments = ipv4 ? IP_PMTUDISC_DONT : IPV6_PMTUDISC_DONT;
    int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
    (void)setsockopt(s->fd, level, ipv4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER, &fragments, sizeof(fragments));
    if (s->is_wildcard)
        (void)setsockopt(s->fd, level, ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO, &on, sizeof(on));
}

struct udp_socket *udp_socket_new(struct loop *loop, int fd, enum udp_ownership ownership,
                                  udp_on_datagrams *on_datagrams, void *arg) {
    struct udp_socket *s = MEM_NEW(struct udp_socket);
    *s = (struct udp_socket){.loop = loop,
                             .batches = batches_of(loop),
                             .fd = fd,
                             .ownership = ownership,
                             .on_datagrams = on_datagrams,
                             .arg = arg};
    list_init(&s->link);
    s->last_out = &s->first_out;
    learn_address(s);
    set_options(s);
    s->event = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, on_readable, s);
    ASSERT(s->event != NULL && event_add(s->event, NULL) == 0);
    return s;
}

void udp_socket_free(struct udp_socket *s) {
    if (s == NULL)
        return;
    if (s->first_out != NULL)
        flush_socket(s);
    event_free(s->event);
    if (s->ownership == UDP_OWNED)
        (void)close(s->fd);
    free(s);
}

const struct net_address *udp_socket_address(const struct udp_socket *s) {
    return &s->address;
}
