// SPDX-License-Identifier: MIT
// What clients are told of calls and direct connections (IMAP METADATA, RFC 5464), and whether it works.
#include <openssl/evp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/random.h"
#include "check/http.h"
#include "check/step.h"
#include "config/url.h"
#include "turn/message.h"

enum { DATAGRAM_MAX = 1500, TRIES_MAX = 3, TRY_MS = 2000 };

// ---- METADATA ----

// The value of an entry in `untagged`: a string or a literal. False when there is none.
static bool take_value(struct slice all, const char *entry, char *ret, size_t size) {
    uint32_t len;
    size_t at = slice_find_slice(all, slice_from_cstr(entry));
    struct slice rest = slice_sub(all, at + strlen(entry) + 1, all.len), value;
    if (slice_starts_with(rest, SLICE("{"))) {
        if (!slice_to_u32(slice_sub(rest, 1, slice_find(rest, '}')), &len))
            return false;
        size_t from = slice_find(rest, '\n') + 1;
        value = slice_sub(rest, from, from + len);
    } else if (slice_starts_with(rest, SLICE("\""))) {
        rest = slice_sub(rest, 1, rest.len);
        value = slice_sub(rest, 0, slice_find(rest, '"'));
    } else {
        return false;
    }
    if (value.len == 0 || value.len >= size)
        return false;
    (void)snprintf(ret, size, "%.*s", SLICE_FMT(value));
    return true;
}

enum check_verdict check_step_metadata(struct check *c, struct check_result *r) {
    static const char turn[] = "/shared/vendor/deltachat/turn", iroh[] = "/shared/vendor/deltachat/irohrelay";
    struct check_imap i;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, "imaps");
    check_imap_init(&i, &c->limit);
    enum check_verdict verdict;
    if (!check_imap_open(&i, &to, CHECK_TLS_AT_ONCE, &tls) || !check_imap_login(&i, c->b.address, c->b.password) ||
        !check_imap_command(&i, NULL, "GETMETADATA \"\" (%s %s)", turn, iroh)) {
        verdict = check_fail(r, "%s; see the relay's log", i.link.error);
    } else {
        bool has_turn = take_value(buf_slice(&i.untagged), turn, c->turn, sizeof(c->turn));
        bool has_iroh = take_value(buf_slice(&i.untagged), iroh, c->iroh, sizeof(c->iroh));
        if (check_status_true(c, "turn", "on") && !has_turn)
            verdict =
                check_fail(r, "clients are told of no TURN, which is on; see turn in the configuration and the log");
        else if (check_status_true(c, "iroh", "on") && !has_iroh)
            verdict = check_fail(r, "clients are told of no iroh relay, which is on; see iroh_relay and the log");
        else
            verdict = check_ok(r, "clients are told of %s",
                               has_turn && has_iroh ? "TURN and iroh"
                               : has_turn           ? "TURN, no iroh"
                               : has_iroh           ? "iroh, no TURN"
                                                    : "neither TURN nor iroh");
    }
    check_imap_close(&i);
    return verdict;
}

// ---- TURN (RFC 8656) ----

struct turn_talk {
    struct check *check;
    int fd;
    uint8_t answer[DATAGRAM_MAX];
    struct turn_message m;
};

// Sends a request and waits for its answer; again when none comes (RFC 8489 section 6.2.1).
static bool exchange(struct turn_talk *t, struct slice request, char error[CHECK_ERROR_SIZE]) {
    struct check_limit once = t->check->limit;
    for (int try = 0; try < TRIES_MAX; try++) {
        once.until_ms = t->check->limit.until_ms - (uint64_t)(TRIES_MAX - 1 - try) * TRY_MS;
        if (send(t->fd, request.ptr, request.len, 0) < 0 || !check_limit_wait(&once, t->fd, POLLIN, error))
            continue;
        ssize_t n = recv(t->fd, t->answer, sizeof(t->answer), 0);
        if (n > 0 && turn_message_parse(slice_make((char *)t->answer, (size_t)n), &t->m) &&
            memcmp(t->m.id, request.ptr + TURN_HEADER_LEN - TURN_ID_LEN, TURN_ID_LEN) == 0)
            return true;
    }
    return check_error(error, "nothing answers on UDP");
}

struct turn_login {
    struct slice username, password;
    char realm[256], nonce[256];
    uint8_t key[TURN_KEY_LEN];
};

// MD5(user name ":" realm ":" password), RFC 8489 section 9.2.2.
static void make_key(struct turn_login *l) {
    char text[CHECK_TURN_SIZE + 300];
    int len = snprintf(text, sizeof(text), "%.*s:%s:%.*s", SLICE_FMT(l->username), l->realm, SLICE_FMT(l->password));
    ASSERT(len > 0 && (size_t)len < sizeof(text));
    ASSERT(EVP_Digest(text, (size_t)len, l->key, NULL, EVP_md5(), NULL) == 1);
}

static struct slice write_request(uint8_t *room, size_t size, enum turn_method method, const struct turn_login *l) {
    uint8_t id[TURN_ID_LEN];
    struct turn_writer w;
    random_bytes(id, sizeof(id));
    turn_writer_begin(&w, room, size, TURN_REQUEST, (uint16_t)method, id);
    if (method == TURN_ALLOCATE)
        turn_put_u32(&w, TURN_REQUESTED_TRANSPORT, (uint32_t)TURN_TRANSPORT_UDP << 24);
    else
        turn_put_u32(&w, TURN_LIFETIME, 0);
    if (l->realm[0] != '\0') {
        turn_put_octets(&w, TURN_USERNAME, l->username);
        turn_put_octets(&w, TURN_REALM, slice_from_cstr(l->realm));
        turn_put_octets(&w, TURN_NONCE, slice_from_cstr(l->nonce));
        turn_put_integrity(&w, l->key);
    }
    return turn_writer_end(&w);
}

static bool allocate(struct turn_talk *t, struct turn_login *l, char error[CHECK_ERROR_SIZE]) {
    uint8_t request[DATAGRAM_MAX]; // holds the longest credentials that take_value() lets in
    if (!exchange(t, write_request(request, sizeof(request), TURN_ALLOCATE, l), error))
        return false;
    if (t->m.error_code != 401 || t->m.realm.len >= sizeof(l->realm) || t->m.nonce.len >= sizeof(l->nonce))
        return check_error(error, "it did not ask for credentials");
    (void)snprintf(l->realm, sizeof(l->realm), "%.*s", SLICE_FMT(t->m.realm));
    (void)snprintf(l->nonce, sizeof(l->nonce), "%.*s", SLICE_FMT(t->m.nonce));
    make_key(l);
    if (!exchange(t, write_request(request, sizeof(request), TURN_ALLOCATE, l), error))
        return false;
    if (t->m.class != TURN_SUCCESS || (t->m.has & TURN_HAS_RELAYED) == 0)
        return check_error(error, "no address was allocated (error %u)", t->m.error_code);
    // Given back at once.
    return exchange(t, write_request(request, sizeof(request), TURN_REFRESH, l), error) &&
           (t->m.class == TURN_SUCCESS || check_error(error, "the allocation could not be ended"));
}

enum check_verdict check_step_turn(struct check *c, struct check_result *r) {
    if (check_status(c, "turn") != NULL && !check_status_true(c, "turn", "on"))
        return check_skip(r, "switched off (turn = false)");
    struct turn_login l = {0};
    struct slice rest = slice_from_cstr(c->turn), host, port;
    if (!slice_cut(rest, ':', &host, &rest) || !slice_cut(rest, ':', &port, &rest) ||
        !slice_cut(rest, ':', &l.username, &l.password))
        return check_skip(r, "clients are told of none");
    char error[CHECK_ERROR_SIZE] = "it cannot be sent to";
    struct sockaddr_storage ss;
    const struct net_address to = check_place(c, "turn");
    socklen_t len = net_address_to_sockaddr(&to, &ss);
    struct turn_talk t = {.check = c, .fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    bool ok = t.fd >= 0 && connect(t.fd, (struct sockaddr *)&ss, len) == 0 && allocate(&t, &l, error);
    if (t.fd >= 0)
        (void)close(t.fd);
    if (!ok)
        return check_fail(r, "%s; open UDP 3478 and turn_ports in the firewall, see docs/realtime.md", error);
    return check_ok(r, "%.*s:%.*s gives a relayed address", SLICE_FMT(host), SLICE_FMT(port));
}

// ---- iroh ----

static enum check_verdict ping(struct check *c, const struct config_url *url, struct check_result *r) {
    struct check_link l;
    struct check_answer a;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, url->is_https ? "https" : "http");
    check_link_init(&l, &c->limit);
    enum check_verdict verdict;
    if (!check_link_connect(&l, &to) || (url->is_https && !check_link_secure(&l, &tls)) ||
        !check_http_ask(&l, "GET", c->name, "/ping", &a))
        verdict = check_fail(r, "%s; see the relay's log", l.error);
    else if (a.status != 200)
        verdict = check_fail(r, "/ping answers %u; see iroh_relay in the configuration", a.status);
    else
        verdict = check_ok(r, "/ping answers over %s", url->is_https ? "HTTPS" : "HTTP");
    check_link_close(&l);
    return verdict;
}

enum check_verdict check_step_iroh(struct check *c, struct check_result *r) {
    struct config_url url;
    if (check_status(c, "iroh") != NULL && !check_status_true(c, "iroh", "on"))
        return check_skip(r, "switched off (iroh_relay)");
    const char *text = c->status != NULL ? check_status_text(c, "iroh", "url") : c->iroh;
    if (!config_url_parse(slice_from_cstr(text), &url))
        return check_skip(r, "clients are told of none");
    bool is_ours = c->status != NULL ? check_status_true(c, "iroh", "served") : strcmp(url.host, c->name) == 0;
    if (!is_ours)
        return check_skip(r, "served elsewhere, by %s", url.host);
    return ping(c, &url, r);
}

// ---- notifications ----

// No token is sent, only a connection made.
enum check_verdict check_step_push(struct check *c, struct check_result *r) {
    if (check_status(c, "push") == NULL)
        return check_skip(r, "it is not known from here");
    if (!check_status_true(c, "push", "on"))
        return check_skip(r, "no notifications are sent (push_gateway, or a domain outside of the DNS)");
    const char *host = check_status_text(c, "push", "gateway");
    json_int_t port = json_integer_value(json_object_get(check_status(c, "push"), "port"));
    struct net_address to = {0};
    struct check_link l;
    const struct check_tls tls = {.context = c->tls, .name = host};
    check_link_init(&l, &c->limit);
    bool ok = check_resolve(host, (uint16_t)port, &to, l.error) && check_link_connect(&l, &to) &&
              (!check_status_true(c, "push", "https") || check_link_secure(&l, &tls));
    enum check_verdict verdict = ok ? check_ok(r, "%s can be reached", host)
                                    : check_fail(r, "%s port %lld: %s; let the machine reach it, or set push_gateway",
                                                 host, (long long)port, l.error);
    check_link_close(&l);
    return verdict;
}
