// SPDX-License-Identifier: MIT
// Sockets on loopback, at an offset where nobody is.
#include "martlet/handover/ports.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "martlet/host/crew.h"

enum { TRIES = 100, OFFSET_MIN = 31000, OFFSETS = 20000 };

static struct ports_settings somewhere(bool turn) {
    return (struct ports_settings){
        .offset = (uint16_t)(OFFSET_MIN + random() % OFFSETS), .loopback = true, .ipv6 = true, .turn = turn};
}

static void open_somewhere(struct ports *p, struct ports_settings *s) {
    char error[PORTS_ERROR_MAX] = "";
    for (int i = 0; i < TRIES; i++) {
        s->offset = somewhere(s->turn).offset;
        if (ports_open(p, s, error))
            return;
    }
    fail_msg("no free ports: %s", error);
}

static size_t count(const struct ports *p, const char *service, bool is_ipv6) {
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += strcmp(p->sockets[i].service, service) == 0 && p->sockets[i].is_ipv6 == is_ipv6;
    return n;
}

static int option_of(int fd, int level, int name) {
    int value = -1;
    socklen_t len = sizeof(value);
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void udp_sockets(void **state) {
    struct ports p;
    struct ports_settings s = somewhere(true);
    open_somewhere(&p, &s);
    size_t want = crew_cores() < PORTS_UDP_MAX ? crew_cores() : PORTS_UDP_MAX;
    assert_int_equal(count(&p, "turn", false), want);
    assert_int_equal(count(&p, "imaps", false), 1);
    assert_true(ports_have(&p, "turn") && !ports_have(&p, "control"));
    for (size_t i = 0; i < p.n; i++) {
        if (strcmp(p.sockets[i].service, "turn") != 0)
            continue;
        int fd = p.sockets[i].fd;
        bool is_ipv6 = p.sockets[i].is_ipv6;
        assert_int_equal(p.sockets[i].number, 3478 + s.offset);
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
        assert_int_equal(option_of(fd, SOL_SOCKET, SO_REUSEPORT), 1);
        assert_int_equal(
            is_ipv6 ? option_of(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) : option_of(fd, IPPROTO_IP, IP_PKTINFO), 1);
        assert_true(!is_ipv6 || option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1);
    }
    ports_close(&p);
}

static void without_turn(void **state) {
    struct ports p;
    struct ports_settings s = somewhere(false);
    open_somewhere(&p, &s);
    assert_false(ports_have(&p, "turn"));
    ports_close(&p);
}

// Somebody else's socket on the port, with or without a will to share it.
static void a_taken_port(bool shares) {
    struct ports p;
    struct ports_settings s = somewhere(false);
    open_somewhere(&p, &s); // of TCP are free here
    ports_close(&p);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = shares;
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)(3478 + s.offset)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
    char error[PORTS_ERROR_MAX] = "", want[PORTS_ERROR_MAX];
    s.turn = true;
    assert_false(ports_open(&p, &s, error));
    (void)snprintf(want, sizeof(want), "port %d (turn) is taken by martlet_ports_t (pid %d)", 3478 + s.offset,
                   (int)getpid());
    assert_string_equal(error, want);
    assert_int_equal(p.n, 0);
    assert_int_equal(close(fd), 0);
}

static void a_taken_udp_port_is_told(void **state) {
    a_taken_port(false);
    a_taken_port(true);
}

static void an_offset_too_large(void **state) {
    struct ports p;
    char error[PORTS_ERROR_MAX];
    struct ports_settings s = {.offset = 62058, .loopback = true};
    assert_false(ports_open(&p, &s, error));
    assert_string_equal(error, "the port offset 62058 is too large");
}

int main(void) {
    srandom((unsigned)getpid());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(udp_sockets),
        cmocka_unit_test(without_turn),
        cmocka_unit_test(a_taken_udp_port_is_told),
        cmocka_unit_test(an_offset_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
