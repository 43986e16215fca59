// SPDX-License-Identifier: MIT
// The server is a station on each loop and what they share. A station is freed by its loop, after all that was posted
// to it has run.
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"
#include "config/config.h"
#include "net/udp.h"
#include "turn/count.h"
#include "turn/credential.h"
#include "turn/homes.h"
#include "turn/reservation.h"
#include "turn/station.h"
#include "turn/turn.h"

enum {
    SOURCES_MAX = 8192, // client addresses of which it is known what they were answered
    // A browser's first Allocate has 28 octets, the 401 to it 52 and the realm: with a longer one it would be more than
    // answer.c lets out to somebody who has proved nothing.
    REALM_MAX = 60,
};

// A station and what comes to it from other threads.
struct post {
    struct turn_station station;
    pthread_mutex_t lock;
    struct turn_policy next; // policy; with `is_posted`, under the lock
    bool is_posted;
    struct loop_task take_policy, end;
};

struct turn_server {
    struct turn_shared *shared;
    struct post **posts;
    size_t n_posts;
    char *host;
    atomic_bool enabled;
    atomic_uint_least16_t port; // 0: no door
};

// ---- building ----

// The mail domain; of an address in brackets the address.
static char *host_of(const struct config *c) {
    struct slice host = slice_from_cstr(c->mail_domain);
    if (config_domain_is_literal(c))
        host = slice_sub(host, 1, host.len - 1);
    return slice_dup(host);
}

// The mail domain, or its end where it is very long: clients use what they are told.
static char *realm_of(const struct config *c) {
    char *host = host_of(c);
    size_t len = strlen(host);
    if (len > REALM_MAX)
        memmove(host, host + len - REALM_MAX, REALM_MAX + 1);
    return host;
}

static struct turn_shared *new_shared(const struct turn_settings *settings) {
    struct turn_shared *shared = MEM_NEW(struct turn_shared);
    atomic_init(&shared->users, 1);
    shared->realm = realm_of(settings->config);
    memcpy(shared->secret, settings->secret, sizeof(shared->secret));
    random_bytes(shared->nonce_secret, sizeof(shared->nonce_secret));
    shared->quota = turn_quota_new();
    shared->homes = turn_homes_new();
    shared->reservations = turn_reservations_new(shared->quota, shared->homes);
    shared->answers = table_new(sizeof(struct turn_rate), SOURCES_MAX);
    return shared;
}

static void on_take_policy(struct loop_task *task) {
    struct post *p = CONTAINER_OF(task, struct post, take_policy);
    ASSERT(pthread_mutex_lock(&p->lock) == 0);
    struct turn_policy policy = p->next;
    p->is_posted = false;
    ASSERT(pthread_mutex_unlock(&p->lock) == 0);
    turn_station_set_policy(&p->station, &policy);
}

static void on_end(struct loop_task *task) {
    struct post *p = CONTAINER_OF(task, struct post, end);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

struct turn_server *turn_server_new(const struct turn_settings *settings) {
    turn_count_register();
    struct turn_server *s = MEM_NEW(struct turn_server);
    struct turn_policy policy = turn_policy_of(settings->config);
    s->shared = new_shared(settings);
    s->host = settings->host != NULL ? slice_dup(slice_from_cstr(settings->host)) : host_of(settings->config);
    s->n_posts = settings->n_loops;
    s->posts = mem_zalloc(s->n_posts, sizeof(struct post *));
    for (size_t i = 0; i < s->n_posts; i++) {
        struct post *p = s->posts[i] = MEM_NEW(struct post);
        ASSERT(pthread_mutex_init(&p->lock, NULL) == 0);
        p->take_policy.run = on_take_policy;
        p->end.run = on_end;
        turn_station_init(&p->station, settings->loops[i], s->shared, &policy);
    }
    atomic_store(&s->enabled, policy.enabled);
    return s;
}

struct turn_station *turn_server_station(const struct turn_server *s, const struct loop *loop) {
    for (size_t i = 0; i < s->n_posts; i++)
        if (s->posts[i]->station.loop == loop)
            return &s->posts[i]->station;
    UNREACHABLE();
}

static bool is_unspecified(const struct net_address *a) {
    static const uint8_t NONE[16];
    return net_address_is_ipv4(a) ? memcmp(a->ip + 12, NONE, 4) == 0 : net_address_is_none(a);
}

static void note_family(struct turn_shared *shared, const struct net_address *a) {
    bool ipv4 = net_address_is_ipv4(a);
    *(ipv4 ? &shared->serves_ipv4 : &shared->serves_ipv6) = true;
    if (!is_unspecified(a))
        *(ipv4 ? &shared->bound_ipv4 : &shared->bound_ipv6) = *a;
}

bool turn_server_add_socket(struct turn_server *s, int fd, struct loop *loop) {
    struct sockaddr_storage sa = {0};
    socklen_t len = sizeof(sa), type_len = sizeof(int);
    int type = 0;
    if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 || type != SOCK_DGRAM ||
        (sa.ss_family != AF_INET && sa.ss_family != AF_INET6))
        return false;
    struct net_address a = net_address_from_sockaddr((const struct sockaddr *)&sa);
    note_family(s->shared, &a);
    turn_station_add_door(turn_server_station(s, loop), fd);
    atomic_store(&s->port, a.port);
    return true;
}

// ---- change and end ----

void turn_server_reload(struct turn_server *s, const struct config *config) {
    struct turn_policy policy = turn_policy_of(config);
    atomic_store(&s->enabled, policy.enabled);
    for (size_t i = 0; i < s->n_posts; i++) {
        struct post *p = s->posts[i];
        ASSERT(pthread_mutex_lock(&p->lock) == 0);
        p->next = policy;
        bool post = !p->is_posted;
        p->is_posted = true;
        ASSERT(pthread_mutex_unlock(&p->lock) == 0);
        if (post)
            loop_post(p->station.loop, &p->take_policy);
    }
}

void turn_server_stop(struct turn_server *s, struct loop *loop) {
    turn_station_stop(turn_server_station(s, loop));
}

void turn_server_free(struct turn_server *s) {
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->n_posts; i++) {
        struct loop *loop = s->posts[i]->station.loop;
        turn_station_done(&s->posts[i]->station);
        loop_post(loop, &s->posts[i]->end);
    }
    turn_shared_release(s->shared);
    free(s->posts);
    free(s->host);
    free(s);
}

// ---- asked from outside ----

bool turn_credentials(struct turn_server *s, char ret[TURN_CREDENTIALS_MAX]) {
    uint16_t port = atomic_load(&s->port);
    if (!atomic_load(&s->enabled) || port == 0 || strchr(s->host, ':') != NULL)
        return false;
    // The user name is the time of expiry: who asks in the same second (hundreds do, after a restart) shall not share
    // the quota of one name.
    int64_t from_s = clock_wall_s() + (int64_t)(random_u64() % (TURN_SPREAD_S + 1));
    struct turn_credential c;
    turn_credential_make(slice_make((const char *)s->shared->secret, sizeof(s->shared->secret)), from_s, &c);
    int n = snprintf(ret, TURN_CREDENTIALS_MAX, "%s:%u:%s:%s", s->host, port, c.username, c.password);
    return n > 0 && n < TURN_CREDENTIALS_MAX;
}

size_t turn_server_allocations(const struct turn_server *s) {
    return atomic_load(&s->shared->allocations);
}
