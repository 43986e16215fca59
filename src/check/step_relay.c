// SPDX-License-Identifier: MIT
// Whether the relay runs, as its file says, behind open ports.
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/random.h"
#include "check/http.h"
#include "check/step.h"
#include "mail/date.h"
#include "turn/message.h"

enum {
    DATAGRAM_MAX = 1500,
    GREETING_SHOWN_MAX = 100,
    RELEASED_S = 1790000000, // September 2026: no clock of a machine that has this program shows less
    CLOCK_TOLERANCE_S = 60,
};

// ---- the relay ----

// Of one elsewhere only the address is known.
static enum check_verdict take_remote(struct check *c, struct check_result *r) {
    char error[CHECK_ERROR_SIZE];
    if (net_address_is_none(&c->host) && !check_resolve(c->name, 0, &c->host, error))
        return check_fail(r, "%s; give its A and AAAA records, or --host", error);
    c->has |= CHECK_NEEDS_RELAY;
    return check_skip(r, "seen from elsewhere: only what its ports show is looked at");
}

enum check_verdict check_step_relay(struct check *c, struct check_result *r) {
    char error[CHECK_CONTROL_ERROR_SIZE];
    if (c->settings->peer != NULL)
        c->has |= CHECK_NEEDS_PEER;
    if (c->settings->domain != NULL)
        return take_remote(c, r);
    if (!check_ask(c, json_pack("{s:s}", "command", "status"), NULL, NULL, &c->status, error))
        return check_fail(r, "%s", error);
    const char *domain = json_string_value(json_object_get(c->status, "domain"));
    const char *version = json_string_value(json_object_get(c->status, "version"));
    if (domain == NULL || version == NULL || !check_set_domain(c, domain))
        return check_fail(r, "the relay's answer is of another version; restart it");
    c->has |= CHECK_NEEDS_RELAY;
    if (strcmp(version, MARTLET_VERSION) != 0)
        return check_fail(r, "version %s runs, and %s is installed; restart the service", version, MARTLET_VERSION);
    return check_ok(r, "martlet %s for %s", version, domain);
}

enum check_verdict check_step_configuration(struct check *c, struct check_result *r) {
    const char *path = c->settings->config_path;
    if (path == NULL)
        return check_skip(r, "it is not read from a file");
    if (strcmp(c->settings->config_domain, c->domain) != 0)
        return check_fail(r, "%.200s is for %s, and what runs is for %s; restart the service", path,
                          c->settings->config_domain, c->domain);
    return check_ok(r, "%.300s", path);
}

// ---- ports ----

const struct check_port check_ports[] = {
    {"port-25", "smtp", "mail from other servers", 25, false, false, "220 "},
    {"port-465", "smtps", "submission", 465, false, true, "220 "},
    {"port-587", "submission", "submission, STARTTLS", 587, false, false, "220 "},
    {"port-143", "imap", "IMAP, STARTTLS", 143, false, false, "* OK "},
    {"port-993", "imaps", "IMAP", 993, false, true, "* OK "},
    {"port-443", "https", "web, and mail by ALPN", 443, false, true, NULL},
    {"port-80", "http", "web", 80, false, false, NULL},
    {"port-3478", "turn", "calls (STUN)", 3478, true, false, NULL},
};
const size_t check_n_ports = ARRAY_LEN(check_ports);

static bool ask_stun(struct check *c, const struct net_address *to, char error[CHECK_ERROR_SIZE]) {
    uint8_t id[TURN_ID_LEN], request[64], answer[DATAGRAM_MAX];
    struct turn_writer w;
    random_bytes(id, sizeof(id));
    turn_writer_begin(&w, request, sizeof(request), TURN_REQUEST, TURN_BINDING, id);
    struct slice datagram = turn_writer_end(&w);
    struct sockaddr_storage ss;
    socklen_t len = net_address_to_sockaddr(to, &ss);
    int fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&ss, len) == 0 && send(fd, datagram.ptr, datagram.len, 0) > 0;
    if (!ok)
        (void)check_error(error, "it cannot be sent to");
    ok = ok && check_limit_wait(&c->limit, fd, POLLIN, error);
    ssize_t n = ok ? recv(fd, answer, sizeof(answer), 0) : -1;
    if (fd >= 0)
        (void)close(fd);
    struct turn_message m;
    if (ok && n < 0)
        return check_error(error, "nobody listens there");
    return ok && ((turn_message_parse(slice_make((char *)answer, (size_t)n), &m) && m.class == TURN_SUCCESS) ||
                  check_error(error, "the answer was no success"));
}

static bool hear_greeting(struct check_link *l, const char *greeting) {
    struct slice line;
    if (!check_link_read_line(l, &line))
        return false;
    return slice_starts_with(line, slice_from_cstr(greeting)) ||
           check_error(l->error, "it says \"%.*s\"", SLICE_FMT(slice_sub(line, 0, GREETING_SHOWN_MAX)));
}

// *ret_reached: somebody took the connection.
static bool try_port(struct check *c, const struct check_port *p, const struct net_address *to, bool *ret_reached,
                     char error[CHECK_ERROR_SIZE]) {
    *ret_reached = false;
    if (p->is_udp)
        return ask_stun(c, to, error);
    struct check_link l;
    const struct check_tls tls = check_own_tls(c, NULL);
    check_link_init(&l, &c->limit);
    *ret_reached = check_link_connect(&l, to);
    bool ok = *ret_reached && (!p->is_tls || check_link_secure(&l, &tls)) &&
              (p->greeting == NULL || hear_greeting(&l, p->greeting));
    if (!ok)
        (void)snprintf(error, CHECK_ERROR_SIZE, "%s", l.error);
    check_link_close(&l);
    return ok;
}

enum check_verdict check_step_port(struct check *c, const struct check_port *p, struct check_result *r) {
    char error[CHECK_ERROR_SIZE] = "";
    bool found[2] = {false, false}, is_reached;
    if (p->is_udp && check_status(c, "turn") != NULL && !check_status_true(c, "turn", "on"))
        return check_skip(r, "%s: switched off (turn = false)", p->what);
    // A datagram that is lost costs a third of the time, not all of it.
    if (p->is_udp)
        c->limit.until_ms -= (c->limit.until_ms - clock_mono_ms()) * 2 / 3;
    for (int ipv6 = 0; ipv6 < 2; ipv6++) {
        struct net_address to;
        found[ipv6] = check_find(c, p->service, ipv6 != 0, &to);
        if (found[ipv6] && !try_port(c, p, &to, &is_reached, error))
            return check_fail(r, "%s, %s port %u %s: %s; %s that nothing else has the port", p->what,
                              p->is_udp ? "UDP" : "TCP", to.port, ipv6 != 0 ? "over IPv6" : "over IPv4", error,
                              is_reached ? "`martlet status` says whether the relay is short of something; see"
                                         : "open it in the firewall, and see");
    }
    if (!found[0] && !found[1])
        return check_fail(r, "%s: the relay does not listen on it; restart it, its log says why", p->what);
    return check_ok(r, "%s, %s", p->what, !found[1] ? "IPv4" : found[0] ? "IPv4 and IPv6" : "IPv6");
}

// ---- the clock ----

// What the web server says the time is: the same clock, unless the relay is on another machine.
static bool read_date(struct check *c, int64_t *ret) {
    struct check_link l;
    struct check_answer a;
    struct slice date;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, "https");
    check_link_init(&l, &c->limit);
    bool ok = check_link_connect(&l, &to) && check_link_secure(&l, &tls) &&
              check_http_ask(&l, "GET", c->name, "/generate_204", &a) && check_http_field(&a, SLICE("Date"), &date) &&
              date_parse_mail(date, ret);
    check_link_close(&l);
    return ok;
}

enum check_verdict check_step_clock(struct check *c, struct check_result *r) {
    int64_t now = clock_wall_s(), there = now;
    char text[DATE_TEXT_SIZE];
    date_write_mail(now, text);
    if (now < RELEASED_S)
        return check_fail(r, "this machine says it is %s, before this program was made; set its clock, with NTP", text);
    bool has_date = read_date(c, &there);
    now = clock_wall_s();
    long long apart = (long long)(there > now ? there - now : now - there);
    if (apart > CLOCK_TOLERANCE_S)
        return check_fail(r, "the relay's clock and this one are %lld s apart; set both with NTP", apart);
    // Asking changes nothing: modes is 0 (adjtimex(2)).
    struct timex state = {.modes = 0};
    bool is_kept = adjtimex(&state) != TIME_ERROR;
    return check_ok(r, "%s%s%s", text, has_date ? "" : ", the relay's is not known",
                    is_kept ? "" : "; nothing keeps it right: run NTP");
}
