// SPDX-License-Identifier: MIT
// libcurl says which sockets and which moment it waits for; the loop says when they are there. The multi, with all
// connections, exists from the first call until a while after the last one: libcurl looks at the age of a kept
// connection only when it needs one.
#include "net/http_client.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/http_client_internal.h"

enum { MAX_IDLE_DEFAULT = 64, IDLE_MS_DEFAULT = 60 * 1000 };

struct watch {
    struct http_client *client;
    struct event event;
};

static void init_library(void) {
    ASSERT(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

void http_client_enter(struct http_client *client) {
    client->inside++;
}

// What was asked for while libcurl ran.
static void run_errands(struct http_client *client) {
    while (client->errands) {
        client->errands = false;
        LIST_FOREACH(node, &client->calls) {
            struct http_call *call = CONTAINER_OF(node, struct http_call, link);
            if (call->cancelled)
                http_call_free(call);
            else if (call->resume_due)
                http_call_unpause(call);
        }
    }
}

// Calls that have ended. Their owners may do what they like, except freeing the client.
static void finish_some(struct http_client *client) {
    int left;
    CURLMsg *msg;
    while (client->multi != NULL && (msg = curl_multi_info_read(client->multi, &left)) != NULL) {
        struct http_call *call = NULL;
        ASSERT(msg->msg == CURLMSG_DONE);
        CURLcode code = msg->data.result;
        ASSERT(curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &call) == CURLE_OK);
        http_call_finish(call, code);
    }
}

void http_client_leave(struct http_client *client) {
    if (client->inside == 1)
        run_errands(client); // what these do does not come here again
    client->inside--;
}

static void drive(struct http_client *client, curl_socket_t fd, int what) {
    int running;
    http_client_enter(client);
    ASSERT(curl_multi_socket_action(client->multi, fd, what, &running) == CURLM_OK);
    http_client_leave(client);
    finish_some(client);
}

static void on_ready(evutil_socket_t fd, short what, void *arg) {
    const struct watch *w = arg;
    drive(w->client, fd,
          ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg) {
    struct http_client *client = arg;
    struct watch *w = socket_arg;
    if (w != NULL)
        (void)event_del(&w->event);
    if (what == CURL_POLL_REMOVE) {
        free(w);
        return 0;
    }
    if (w == NULL) {
        w = MEM_NEW(struct watch);
        w->client = client;
        (void)curl_multi_assign(client->multi, fd, w);
    }
    short want = EV_PERSIST;
    if ((what & CURL_POLL_IN) != 0)
        want |= EV_READ;
    if ((what & CURL_POLL_OUT) != 0)
        want |= EV_WRITE;
    ASSERT(event_assign(&w->event, loop_base(client->loop), fd, want, on_ready, w) == 0);
    (void)event_add(&w->event, NULL); // when the kernel has no room for one more, the call's time limit ends it
    return 0;
}

static void on_due(struct loop_timer *timer) {
    drive(CONTAINER_OF(timer, struct http_client, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_schedule(CURLM *multi, long ms, void *arg) {
    struct http_client *client = arg;
    if (ms < 0)
        loop_timer_stop(&client->timer);
    else
        loop_timer_start(&client->timer, (uint64_t)ms);
    return 0;
}

// Non-blocking and closed on exec from the start.
static curl_socket_t open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
    const struct http_client *client = arg;
    int fd = socket(address->family, address->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->protocol);
    if (fd >= 0 && client->s.lost_ms > 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &client->s.lost_ms, sizeof(client->s.lost_ms));
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

void http_client_set_sockets(struct http_client *client, CURL *easy) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, client);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, (long)((client->s.idle_ms + 999) / 1000));
}

static void open_multi(struct http_client *client) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_library);
    client->multi = curl_multi_init();
    ASSERT(client->multi != NULL);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
    curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_schedule);
    curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)client->s.max_idle);
}

static void close_multi(struct http_client *client) {
    loop_timer_stop(&client->timer);
    CURLM *multi = client->multi;
    client->multi = NULL;
    if (multi != NULL)
        ASSERT(curl_multi_cleanup(multi) == CURLM_OK);
}

static void on_idle(struct loop_timer *timer) {
    struct http_client *client = CONTAINER_OF(timer, struct http_client, idle);
    if (list_is_empty(&client->calls))
        close_multi(client);
}

void http_client_add(struct http_client *client, struct http_call *call) {
    loop_timer_stop(&client->idle);
    if (client->multi == NULL)
        open_multi(client);
    http_client_enter(client);
    ASSERT(curl_multi_add_handle(client->multi, call->easy) == CURLM_OK);
    call->is_added = true;
    http_client_leave(client);
}

void http_client_remove(struct http_client *client, struct http_call *call) {
    if (call->is_added) {
        http_client_enter(client);
        ASSERT(curl_multi_remove_handle(client->multi, call->easy) == CURLM_OK);
        call->is_added = false;
        http_client_leave(client);
    }
    list_remove(&call->link);
    if (list_is_empty(&client->calls))
        loop_timer_start(&client->idle, client->s.idle_ms);
}

struct http_client *http_client_new(struct loop *loop, const struct http_client_settings *s) {
    ASSERT(s->tls != NULL);
    struct http_client *client = MEM_NEW(struct http_client);
    client->loop = loop;
    client->s = *s;
    if (client->s.max_idle == 0)
        client->s.max_idle = MAX_IDLE_DEFAULT;
    if (client->s.idle_ms == 0)
        client->s.idle_ms = IDLE_MS_DEFAULT;
    list_init(&client->calls);
    loop_timer_init(&client->timer, loop, on_due);
    loop_timer_init(&client->idle, loop, on_idle);
    return client;
}

void http_client_free(struct http_client *client) {
    if (client == NULL)
        return;
    ASSERT(client->inside == 0);
    LIST_FOREACH(node, &client->calls)
    http_call_cancel(CONTAINER_OF(node, struct http_call, link));
    close_multi(client);
    loop_timer_done(&client->timer);
    loop_timer_done(&client->idle);
    free(client);
}
