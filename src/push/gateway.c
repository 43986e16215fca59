// SPDX-License-Identifier: MIT
#include "push/gateway.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "push/push.h"

struct gateway_line {
    struct list link; // of the old ones
    struct gateway *gateway;
    struct http_client *client;
    size_t n_calls;
    bool is_old;
    struct loop_task end;
};

// ---- lines ----

static struct gateway_line *line_new(struct gateway *g) {
    struct gateway_line *line = MEM_NEW(struct gateway_line);
    line->gateway = g;
    line->client = http_client_new(
        g->loop,
        &(struct http_client_settings){.tls = g->tls, .max_idle = PUSH_FLIGHTS_MAX, .lost_ms = GATEWAY_LOST_MS});
    list_init(&line->link);
    return line;
}

static void line_free(struct gateway_line *line) {
    list_remove(&line->link);
    http_client_free(line->client);
    free(line);
}

static void run_end(struct loop_task *task) {
    line_free(CONTAINER_OF(task, struct gateway_line, end));
}

// Not within a callback of the client, which goes with it.
static void end_unless_used(struct gateway_line *line) {
    if (!line->is_old || line->n_calls > 0)
        return;
    line->end.run = run_end;
    loop_defer(line->gateway->loop, &line->end);
}

void gateway_renew(struct gateway *g) {
    struct gateway_line *line = g->line;
    if (line == NULL)
        return;
    g->line = NULL;
    line->is_old = true;
    list_append(&g->old_lines, &line->link);
    end_unless_used(line);
}

// ---- which one ----

// "localhost" is what is bound to loopback here (RFC 6761 section 6.3), whatever a name server may say.
static bool is_localhost(const struct config_url *url) {
    return strcmp(url->host, "localhost") == 0;
}

static bool is_literal(const struct config_url *url) {
    return url->host_is_ipv4 || url->host[0] == '[';
}

static bool is_loopback(const struct config_url *url) {
    struct net_address a = {0};
    struct slice host = slice_from_cstr(url->host);
    if (host.len > 2 && host.ptr[0] == '[')
        host = slice_sub(host, 1, host.len - 1);
    return is_literal(url) && net_address_parse(host, &a) && net_address_is_loopback(&a);
}

bool gateway_is_wanted(const struct config *c, bool has_place_in_dns, const char **ret_why) {
    struct config_url url;
    if (c->push_gateway[0] == '\0' || (!has_place_in_dns && !c->push_gateway_set))
        return false;
    const char *why = NULL;
    if (!config_url_parse(slice_from_cstr(c->push_gateway), &url))
        why = "not a URL";
    else if (!url.is_https && !is_loopback(&url))
        why = "http:// is for loopback addresses only";
    if (why != NULL && ret_why != NULL)
        *ret_why = why;
    return why == NULL;
}

static void set_addresses_of_localhost(struct gateway *g) {
    static const char *const texts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < (g->use_ipv6 ? ARRAY_LEN(texts) : 1); i++)
        ASSERT(net_address_parse(slice_from_cstr(texts[i]), &g->addresses[g->n_addresses++]));
}

bool gateway_use(struct gateway *g, const struct config *c) {
    const char *text = c != NULL ? c->push_gateway : "";
    bool use_ipv6 = c != NULL && !c->disable_ipv6;
    if (strcmp(text, g->text) == 0 && use_ipv6 == g->use_ipv6)
        return false;
    free(g->text);
    g->text = slice_dup(slice_from_cstr(text));
    g->use_ipv6 = use_ipv6;
    g->n_addresses = 0;
    g->fresh_until = 0;
    if (g->is_asking)
        address_lookup_cancel(&g->lookup);
    g->is_asking = false;
    gateway_renew(g);
    if (c == NULL)
        return true;
    ASSERT(config_url_parse(slice_from_cstr(g->text), &g->url));
    g->is_fixed = is_literal(&g->url) || is_localhost(&g->url);
    if (is_localhost(&g->url))
        set_addresses_of_localhost(g);
    return true;
}

bool gateway_is_there(const struct gateway *g) {
    return g->text[0] != '\0';
}

// ---- where it is ----

static uint64_t fresh_ms(uint32_t ttl) {
    uint64_t ms = (uint64_t)ttl * 1000;
    if (ms < GATEWAY_ADDRESS_MIN_MS)
        return GATEWAY_ADDRESS_MIN_MS;
    return ms > GATEWAY_ADDRESS_MAX_MS ? GATEWAY_ADDRESS_MAX_MS : ms;
}

// When the DNS cannot be asked, where it was will do.
static void on_addresses(void *arg) {
    struct gateway *g = arg;
    struct net_address found[ADDRESS_LOOKUP_MAX];
    size_t n = address_lookup_list(&g->lookup, found, ADDRESS_LOOKUP_MAX);
    g->is_asking = false;
    if (n > 0) {
        memcpy(g->addresses, found, sizeof(found));
        g->n_addresses = n;
    }
    g->fresh_until = clock_mono_ms() + fresh_ms(address_lookup_ttl(&g->lookup));
    g->on_found(g->arg, g->n_addresses > 0);
}

bool gateway_find(struct gateway *g) {
    if (g->is_fixed || (g->n_addresses > 0 && clock_mono_ms() < g->fresh_until))
        return true;
    if (!g->is_asking) {
        g->is_asking = true;
        address_lookup_start(&g->lookup, g->dns, g->loop, slice_from_cstr(g->url.host), g->use_ipv6, on_addresses, g);
    }
    return false;
}

void gateway_doubt_addresses(struct gateway *g) {
    g->fresh_until = 0;
}

// ---- one token ----

static enum http_body on_body(void *arg, char *ptr, size_t max, size_t *ret_len) {
    struct gateway_call *c = arg;
    size_t left = c->token.len - c->sent, len = left < max ? left : max;
    memcpy(ptr, c->token.ptr + c->sent, len);
    c->sent += len;
    *ret_len = len;
    return HTTP_BODY_MORE;
}

static bool on_rewind(void *arg) {
    struct gateway_call *c = arg;
    c->sent = 0;
    return true;
}

static void leave_line(struct gateway_call *c) {
    struct gateway_line *line = c->line;
    c->call = NULL;
    c->line = NULL;
    ASSERT(line->n_calls > 0);
    line->n_calls--;
    end_unless_used(line);
}

static void on_answer(void *arg, const struct http_answer *answer) {
    struct gateway_call *c = arg;
    leave_line(c);
    c->done(c->arg, answer);
}

void gateway_call_start(struct gateway *g, struct gateway_call *c, struct slice token,
                        void (*done)(void *arg, const struct http_answer *answer), void *arg) {
    if (g->line == NULL)
        g->line = line_new(g);
    *c = (struct gateway_call){.line = g->line, .token = token, .done = done, .arg = arg};
    g->line->n_calls++;
    c->call = http_call_start(g->line->client, &(struct http_call_settings){
                                                   .method = "POST",
                                                   .url = g->text,
                                                   .addresses = g->addresses,
                                                   .n_addresses = g->n_addresses,
                                                   .check = TLS_CHECK_PKIX,
                                                   .version = HTTP_VERSION_2,
                                                   .allow_clear = !g->url.is_https,
                                                   .timeout_ms = PUSH_TIMEOUT_MS,
                                                   .connect_timeout_ms = GATEWAY_CONNECT_MS,
                                                   .max_answer = GATEWAY_ANSWER_MAX,
                                                   .body_len = token.len,
                                                   .on_body = on_body,
                                                   .on_rewind = on_rewind,
                                                   .on_done = on_answer,
                                                   .arg = c,
                                               });
}

void gateway_call_cancel(struct gateway_call *c) {
    if (c->call == NULL)
        return;
    http_call_cancel(c->call);
    leave_line(c);
}

// ---- life ----

void gateway_init(struct gateway *g, struct loop *loop, struct dns_resolver *dns, struct tls_client_context *tls,
                  void (*on_found)(void *arg, bool found), void *arg) {
    *g = (struct gateway){.loop = loop, .dns = dns, .tls = tls, .on_found = on_found, .arg = arg};
    g->text = slice_dup(SLICE_EMPTY);
    list_init(&g->old_lines);
}

void gateway_done(struct gateway *g) {
    address_lookup_cancel(&g->lookup);
    LIST_FOREACH(node, &g->old_lines)
    list_remove(node); // without calls they are about to end, when the loop runs once more or is freed
    if (g->line != NULL)
        line_free(g->line);
    g->line = NULL;
    free(g->text);
    g->text = NULL;
}
