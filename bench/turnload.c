// SPDX-License-Identifier: MIT
// A load generator for TURN over UDP: clients with an allocation each send to a peer of their own through the relay,
// the peer sends everything back, and every packet that comes back to its client is answered by the next one, so many
// of them under way for each client. Says how many packets were relayed a second, and, given the process id of the
// relay, how many in a second of its processor time.
//
//   turnload [-c CLIENTS] [-w WINDOW] [-l OCTETS] [-s SECONDS] [-p PID] [-i] -u USER -k PASSWORD SERVER PORT
//   OWN_ADDRESS
//
// -i uses Send and Data indications instead of channels. OWN_ADDRESS is where clients and peers are bound.
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/random.h"
#include "net/address.h"
#include "turn/mac.h"
#include "turn/message.h"

enum {
    CLIENTS_MAX = 1000,
    BATCH = 32,
    PACKET_MAX = 2048,
    NONCE_SIZE = 256,
    PATIENCE_S = 20,
    CHANNEL = 0x4001,
    SOCKET_BUFFER = 4 << 20,
    STALL_MS = 300, // after which what has not come back is lost
};

struct settings {
    unsigned clients, window, octets, seconds;
    int pid;
    bool indications;
    const char *user, *password;
    struct net_address server, own;
};

struct flow {
    int client, peer; // sockets
    struct net_address peer_address;
    uint8_t packet[PACKET_MAX]; // as the client sends it
    size_t packet_len;
    char nonce[NONCE_SIZE];
    unsigned long back, back_before; // packets that came back
};

struct load {
    struct settings set;
    struct flow *flows;
    char realm[256], nonce[NONCE_SIZE];
    uint8_t key[TURN_KEY_LEN];
    unsigned long back, lost;
};

_Noreturn static void die(const char *what) {
    fprintf(stderr, "turnload: %s: %s\n", what, errno != 0 ? strerror(errno) : "failed");
    exit(1);
}

static double now_s(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

// Seconds of processor time that the process has used: fields 14 and 15 of its stat file (proc(5)).
static double cpu_s(int pid) {
    char path[64], line[1024];
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *f = fopen(path, "r");
    if (f == NULL || fgets(line, sizeof(line), f) == NULL)
        die(path);
    (void)fclose(f);
    char *at = strrchr(line, ')');
    for (int field = 2; at != NULL && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        die(path);
    unsigned long user = strtoul(at, &at, 10), system = strtoul(at, &at, 10);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

// ---- setting up ----

static int socket_to(const struct net_address *own, const struct net_address *to, struct net_address *ret_bound) {
    struct sockaddr_storage sa;
    socklen_t len = net_address_to_sockaddr(own, &sa);
    struct timeval wait = {.tv_usec = 500 * 1000};
    int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = SOCKET_BUFFER;
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, len) != 0)
        die("bind");
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) != 0)
        die("socket");
    socklen_t bound_len = sizeof(sa);
    if (ret_bound != NULL && getsockname(fd, (struct sockaddr *)&sa, &bound_len) == 0)
        *ret_bound = net_address_from_sockaddr((struct sockaddr *)&sa);
    len = net_address_to_sockaddr(to, &sa);
    if (to->port != 0 && connect(fd, (struct sockaddr *)&sa, len) != 0)
        die("connect");
    return fd;
}

// Sends a request until its answer comes, which stays in `mem`.
static void ask(int fd, struct slice request, void *mem, struct turn_message *ret) {
    struct turn_message asked;
    if (!turn_message_parse(request, &asked))
        die("a request that is none");
    for (double until = now_s() + PATIENCE_S; now_s() < until;) {
        if (send(fd, request.ptr, request.len, 0) < 0)
            die("send");
        ssize_t n = recv(fd, mem, PACKET_MAX, 0);
        if (n > 0 && turn_message_parse(slice_make(mem, (size_t)n), ret) && memcmp(ret->id, asked.id, TURN_ID_LEN) == 0)
            return;
    }
    die("no answer");
}

static void begin(struct turn_writer *w, void *mem, uint16_t method) {
    uint8_t id[TURN_ID_LEN];
    random_bytes(id, sizeof(id));
    turn_writer_begin(w, mem, PACKET_MAX, TURN_REQUEST, method, id);
}

static struct slice sign(const struct load *l, struct turn_writer *w) {
    turn_put_octets(w, TURN_USERNAME, slice_from_cstr(l->set.user));
    turn_put_octets(w, TURN_REALM, slice_from_cstr(l->realm));
    turn_put_octets(w, TURN_NONCE, slice_from_cstr(l->nonce));
    turn_put_integrity(w, l->key);
    return turn_writer_end(w);
}

static void expect(const struct turn_message *m, const char *what) {
    if (m->class == TURN_SUCCESS)
        return;
    fprintf(stderr, "turnload: %s: refused with %u\n", what, m->error_code);
    exit(1);
}

// The nonce may be of this client alone.
static void greet(struct load *l, int fd) {
    uint8_t question[PACKET_MAX], answer[PACKET_MAX];
    struct turn_writer w;
    struct turn_message m;
    begin(&w, question, TURN_ALLOCATE);
    turn_put_u32(&w, TURN_REQUESTED_TRANSPORT, (uint32_t)TURN_TRANSPORT_UDP << 24);
    ask(fd, turn_writer_end(&w), answer, &m);
    if (m.error_code != 401)
        die("no 401");
    (void)snprintf(l->realm, sizeof(l->realm), "%.*s", SLICE_FMT(m.realm));
    (void)snprintf(l->nonce, sizeof(l->nonce), "%.*s", SLICE_FMT(m.nonce));
    const struct slice parts[] = {slice_from_cstr(l->set.user), SLICE(":"), m.realm, SLICE(":"),
                                  slice_from_cstr(l->set.password)};
    turn_md5(parts, ARRAY_LEN(parts), l->key);
}

static struct net_address allocate(struct load *l, int fd) {
    uint8_t question[PACKET_MAX], answer[PACKET_MAX];
    struct turn_writer w;
    struct turn_message m;
    begin(&w, question, TURN_ALLOCATE);
    turn_put_u32(&w, TURN_REQUESTED_TRANSPORT, (uint32_t)TURN_TRANSPORT_UDP << 24);
    if (!net_address_is_ipv4(&l->set.server))
        turn_put_u32(&w, TURN_REQUESTED_ADDRESS_FAMILY, (uint32_t)TURN_FAMILY_IPV6 << 24);
    ask(fd, sign(l, &w), answer, &m);
    expect(&m, "Allocate");
    return m.relayed.address;
}

static void permit(struct load *l, struct flow *f) {
    uint8_t question[PACKET_MAX], answer[PACKET_MAX];
    struct turn_writer w;
    struct turn_message m;
    begin(&w, question, (uint16_t)(l->set.indications ? TURN_CREATE_PERMISSION : TURN_CHANNEL_BIND));
    if (!l->set.indications)
        turn_put_channel(&w, CHANNEL);
    turn_put_address(&w, TURN_XOR_PEER_ADDRESS, &f->peer_address);
    ask(f->client, sign(l, &w), answer, &m);
    expect(&m, "ChannelBind or CreatePermission");
}

static void make_packet(const struct load *l, struct flow *f) {
    uint8_t data[PACKET_MAX], id[TURN_ID_LEN];
    random_bytes(data, sizeof(data));
    random_bytes(id, sizeof(id));
    struct slice packet;
    if (l->set.indications) {
        struct turn_writer w;
        turn_writer_begin(&w, f->packet, sizeof(f->packet), TURN_INDICATION, TURN_SEND, id);
        turn_put_address(&w, TURN_XOR_PEER_ADDRESS, &f->peer_address);
        turn_put_octets(&w, TURN_DATA_ATTRIBUTE, slice_make((char *)data, l->set.octets));
        packet = turn_writer_end(&w);
    } else {
        memcpy(f->packet + TURN_CHANNEL_HEADER_LEN, data, l->set.octets);
        packet = turn_wrap_channel(f->packet + TURN_CHANNEL_HEADER_LEN, l->set.octets, CHANNEL);
    }
    f->packet_len = packet.len;
}

// Ends the allocation.
static void flow_close(struct load *l, struct flow *f) {
    uint8_t question[PACKET_MAX], answer[PACKET_MAX];
    struct turn_writer w;
    struct turn_message m;
    memcpy(l->nonce, f->nonce, sizeof(l->nonce));
    begin(&w, question, TURN_REFRESH);
    turn_put_u32(&w, TURN_LIFETIME, 0);
    ask(f->client, sign(l, &w), answer, &m);
    expect(&m, "Refresh");
    (void)close(f->client);
    (void)close(f->peer);
}

static void flow_open(struct load *l, struct flow *f) {
    struct net_address own = l->set.own;
    f->client = socket_to(&own, &l->set.server, NULL);
    greet(l, f->client);
    struct net_address relayed = allocate(l, f->client);
    f->peer = socket_to(&own, &relayed, &f->peer_address);
    permit(l, f);
    make_packet(l, f);
    memcpy(f->nonce, l->nonce, sizeof(f->nonce));
}

// ---- running ----

static void send_packets(const struct flow *f, unsigned count) {
    struct mmsghdr messages[BATCH] = {0};
    struct iovec part = {.iov_base = (void *)f->packet, .iov_len = f->packet_len};
    for (unsigned i = 0; i < BATCH; i++)
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
    while (count > 0) {
        int sent = sendmmsg(f->client, messages, count < BATCH ? count : BATCH, MSG_DONTWAIT);
        if (sent <= 0)
            return; // what is not sent counts as lost
        count -= (unsigned)sent;
    }
}

// Receives up to BATCH packets; those of a peer are sent back as they are.
static unsigned receive(int fd, bool send_back) {
    static uint8_t mem[BATCH][PACKET_MAX];
    static struct mmsghdr messages[BATCH];
    static struct iovec parts[BATCH];
    for (unsigned i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = mem[i], .iov_len = PACKET_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int n = recvmmsg(fd, messages, BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    for (int i = 0; send_back && i < n; i++)
        parts[i].iov_len = messages[i].msg_len;
    if (send_back)
        (void)sendmmsg(fd, messages, (unsigned)n, MSG_DONTWAIT);
    return (unsigned)n;
}

static void on_client(struct load *l, struct flow *f) {
    unsigned n = receive(f->client, false);
    f->back += n;
    l->back += n;
    send_packets(f, n);
}

// A flow of which nothing came back for a while has lost what was under way.
static void mend(struct load *l) {
    for (unsigned i = 0; i < l->set.clients; i++) {
        struct flow *f = &l->flows[i];
        if (f->back == f->back_before) {
            l->lost += l->set.window;
            send_packets(f, l->set.window);
        }
        f->back_before = f->back;
    }
}

static void watch(int ep, int fd, uint64_t what) {
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = what};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) != 0)
        die("epoll");
}

static void turn_once(struct load *l, int ep) {
    struct epoll_event events[64];
    int n = epoll_wait(ep, events, 64, 100);
    for (int i = 0; i < n; i++) {
        struct flow *f = &l->flows[events[i].data.u64 / 2];
        if (events[i].data.u64 % 2 == 0)
            on_client(l, f);
        else
            (void)receive(f->peer, true);
    }
}

static void report(const struct load *l, double passed, double cpu) {
    double relayed = 2 * (double)l->back; // there and back
    printf("%.0f packets per second relayed, %.1f MB/s, %lu of %lu lost\n", relayed / passed,
           relayed * l->set.octets / passed / 1e6, l->lost, l->lost + l->back);
    if (l->set.pid > 0 && cpu > 0)
        printf("relay: %.2f us of processor per packet, %.0f packets per second and core, %.0f %% of a core\n",
               cpu * 1e6 / relayed, relayed / cpu, 100 * cpu / passed);
}

static void run(struct load *l) {
    int ep = epoll_create1(0);
    if (ep < 0)
        die("epoll");
    for (unsigned i = 0; i < l->set.clients; i++) {
        flow_open(l, &l->flows[i]);
        watch(ep, l->flows[i].client, i * 2);
        watch(ep, l->flows[i].peer, i * 2 + 1);
    }
    for (unsigned i = 0; i < l->set.clients; i++)
        send_packets(&l->flows[i], l->set.window);
    double start = now_s(), passed = 0, mended = 0, warm = 0.5;
    while (now_s() - start < warm)
        turn_once(l, ep);
    l->back = l->lost = 0;
    start = now_s();
    double cpu = l->set.pid > 0 ? cpu_s(l->set.pid) : 0;
    while ((passed = now_s() - start) < l->set.seconds) {
        turn_once(l, ep);
        if (passed - mended > STALL_MS / 1e3) {
            mended = passed;
            mend(l);
        }
    }
    report(l, passed, l->set.pid > 0 ? cpu_s(l->set.pid) - cpu : 0);
    for (unsigned i = 0; i < l->set.clients; i++)
        flow_close(l, &l->flows[i]);
    (void)close(ep);
}

static bool read_options(struct settings *s, int argc, char **argv) {
    int option;
    while ((option = getopt(argc, argv, "c:w:l:s:p:iu:k:")) != -1) {
        unsigned number = optarg != NULL ? (unsigned)strtoul(optarg, NULL, 10) : 0;
        switch (option) {
        case 'c':
            s->clients = number;
            break;
        case 'w':
            s->window = number;
            break;
        case 'l':
            s->octets = number;
            break;
        case 's':
            s->seconds = number;
            break;
        case 'p':
            s->pid = (int)number;
            break;
        case 'i':
            s->indications = true;
            break;
        case 'u':
            s->user = optarg;
            break;
        case 'k':
            s->password = optarg;
            break;
        default:
            return false;
        }
    }
    if (argc - optind != 3 || s->user == NULL || s->password == NULL)
        return false;
    s->server.port = (uint16_t)strtoul(argv[optind + 1], NULL, 10);
    return net_address_parse(slice_from_cstr(argv[optind]), &s->server) &&
           net_address_parse(slice_from_cstr(argv[optind + 2]), &s->own) && s->clients >= 1 &&
           s->clients <= CLIENTS_MAX && s->window >= 1 && s->octets <= PACKET_MAX - TURN_HEADROOM;
}

int main(int argc, char **argv) {
    struct load l = {.set = {.clients = 16, .window = 16, .octets = 160, .seconds = 5}};
    if (!read_options(&l.set, argc, argv)) {
        fprintf(stderr, "turnload [-c CLIENTS] [-w WINDOW] [-l OCTETS] [-s SECONDS] [-p PID] [-i] -u USER -k PASSWORD "
                        "SERVER PORT OWN_ADDRESS\n");
        return 2;
    }
    l.flows = mem_zalloc(l.set.clients, sizeof(*l.flows));
    run(&l);
    free(l.flows);
    return 0;
}
