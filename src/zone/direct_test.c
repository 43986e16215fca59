// SPDX-License-Identifier: MIT
#include "zone/direct.h"

#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static void questions(void **state) {
    static const uint8_t plain[] = {0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 3, 'o', 'r', 'g', 0, 0, 15, 0, 1};
    static const uint8_t edns[] = {0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
    uint8_t got[DIRECT_QUESTION_MAX];
    assert_int_equal(direct_question_write(0x1234, SLICE("a.org"), DNS_TYPE_MX, true, got), sizeof(plain));
    assert_memory_equal(got, plain, sizeof(plain));
    size_t len = direct_question_write(0x1234, SLICE("a.org."), DNS_TYPE_MX, false, got);
    assert_int_equal(len, sizeof(plain) + sizeof(edns));
    assert_int_equal(got[11], 1);
    assert_memory_equal(got + sizeof(plain), edns, sizeof(edns));
}

static void replies(void **state) {
    static const struct {
        uint8_t head[12];
        size_t len;
        enum direct_reply want;
    } cases[] = {
        {{0x12, 0x34, 0x84, 0}, 12, DIRECT_REPLY_GOOD},      {{0x12, 0x34, 0x84, 3}, 12, DIRECT_REPLY_GOOD}, // NXDOMAIN
        {{0x12, 0x34, 0x84, 0}, 11, DIRECT_REPLY_FOREIGN}, // too short
        {{0x12, 0x35, 0x84, 0}, 12, DIRECT_REPLY_FOREIGN}, // another id
        {{0x12, 0x34, 0x04, 0}, 12, DIRECT_REPLY_FOREIGN}, // a question
        {{0x12, 0x34, 0x80, 0}, 12, DIRECT_REPLY_LAME},    // without authority: a referral, or a resolver's cache
        {{0x12, 0x34, 0x80, 5}, 12, DIRECT_REPLY_LAME},    // refused
        {{0x12, 0x34, 0x84, 2}, 12, DIRECT_REPLY_LAME},    // failed
        {{0x12, 0x34, 0x86, 0}, 12, DIRECT_REPLY_TRUNCATED}, {{0x12, 0x34, 0x80, 1}, 12, DIRECT_REPLY_NO_EDNS},
        {{0x12, 0x34, 0x80, 4}, 12, DIRECT_REPLY_NO_EDNS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum direct_reply got = direct_reply_judge(0x1234, slice_make((const char *)cases[i].head, cases[i].len));
        if (got != cases[i].want)
            fail_msg("case %zu: got %d, want %d", i, (int)got, (int)cases[i].want);
    }
}

// ---- a server on loopback that answers by a script ----

enum { SCRIPT_MAX = 4 };

struct server {
    int udp, tcp;
    struct net_address address;
    uint8_t flags[SCRIPT_MAX]; // octet 3 of each answer by UDP; TC in octet 2 with TRUNCATE
    size_t n;
    size_t n_questions;
    bool saw_edns[SCRIPT_MAX];
};
enum { TRUNCATE = 0x40, MUTE = 0x20 };
// Where a question is waited for in vain; still long enough for the next one's answer on a busy machine.
enum { SHORT_MS = 2000, PATIENCE_MS = 60 * 1000 };

static size_t answer(uint8_t *packet, size_t len, uint8_t flags) {
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1};
    packet[2] = 0x84;
    if (packet[11] != 0)
        len -= 11; // EDNS goes
    packet[11] = 0;
    packet[3] = flags & 0x0f;
    if ((flags & TRUNCATE) != 0)
        packet[2] |= 0x02;
    else if (packet[3] == 0) {
        packet[7] = 1;
        memcpy(packet + len, record, sizeof(record));
        len += sizeof(record);
    }
    return len;
}

static void *serve_udp(void *arg) {
    struct server *s = arg;
    for (size_t i = 0; i < s->n; i++) {
        uint8_t packet[1024];
        struct sockaddr_storage from;
        socklen_t from_len = sizeof(from);
        ssize_t n = recvfrom(s->udp, packet, 512, 0, (struct sockaddr *)&from, &from_len);
        if (n <= 0)
            break;
        s->saw_edns[i] = packet[11] != 0;
        s->n_questions++;
        if ((s->flags[i] & MUTE) != 0)
            continue;
        size_t len = answer(packet, (size_t)n, s->flags[i]);
        (void)!sendto(s->udp, packet, len, 0, (const struct sockaddr *)&from, from_len);
    }
    return NULL;
}

static void *serve_tcp(void *arg) {
    const struct server *s = arg;
    int fd = accept(s->tcp, NULL, NULL);
    uint8_t packet[1024];
    ssize_t n = fd >= 0 ? recv(fd, packet, 512, 0) : -1;
    if (n > 2) {
        size_t len = answer(packet + 2, (size_t)n - 2, 0);
        packet[0] = 0;
        packet[1] = (uint8_t)len;
        (void)!send(fd, packet, 3, MSG_NOSIGNAL); // in pieces
        (void)!send(fd, packet + 3, len - 1, MSG_NOSIGNAL);
    }
    if (fd >= 0)
        (void)close(fd);
    return NULL;
}

// False when another program has the port for UDP.
static bool try_to_open(struct server *s, bool has_tcp) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(here);
    s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->tcp, (const struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(getsockname(s->tcp, (struct sockaddr *)&here, &len), 0);
    if (bind(s->udp, (const struct sockaddr *)&here, sizeof(here)) != 0)
        return false;
    if (has_tcp)
        assert_int_equal(listen(s->tcp, 4), 0);
    s->address = net_address_from_sockaddr((const struct sockaddr *)&here);
    return true;
}

static void open_server(struct server *s, bool has_tcp) {
    while (!try_to_open(s, has_tcp)) {
        (void)close(s->udp);
        (void)close(s->tcp);
    }
}

static void asking(void **state) {
    static const struct {
        const char *what;
        uint8_t flags[SCRIPT_MAX];
        size_t n;
        bool has_tcp;
        enum direct_status want;
        size_t n_records;
    } cases[] = {
        {"an answer", {0}, 1, false, DIRECT_ANSWERED, 1},
        {"no such name", {3}, 1, false, DIRECT_ANSWERED, 0},
        {"refused", {5}, 1, false, DIRECT_LAME, 0},
        {"the first question is lost", {MUTE, 0}, 2, false, DIRECT_ANSWERED, 1},
        {"without EDNS", {1, 0}, 2, false, DIRECT_ANSWERED, 1},
        {"truncated", {TRUNCATE}, 1, true, DIRECT_ANSWERED, 1},
        {"UDP does not come through", {MUTE, MUTE}, 2, true, DIRECT_ANSWERED, 1},
        {"nobody there", {MUTE, MUTE}, 2, false, DIRECT_SILENT, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server s = {.n = cases[i].n};
        memcpy(s.flags, cases[i].flags, sizeof(s.flags));
        open_server(&s, cases[i].has_tcp);
        pthread_t udp, tcp;
        assert_int_equal(pthread_create(&udp, NULL, serve_udp, &s), 0);
        if (cases[i].has_tcp)
            assert_int_equal(pthread_create(&tcp, NULL, serve_tcp, &s), 0);
        struct dns_answer *a = NULL;
        int wait_ms = (cases[i].flags[0] & MUTE) != 0 ? SHORT_MS : PATIENCE_MS;
        enum direct_status got = direct_ask(&s.address, SLICE("a.org"), DNS_TYPE_A, wait_ms, &a);
        size_t n_records = a != NULL ? a->n_records : 0;
        if (got != cases[i].want || n_records != cases[i].n_records)
            fail_msg("%s: got %d with %zu records, want %d with %zu", cases[i].what, (int)got, n_records,
                     (int)cases[i].want, cases[i].n_records);
        free(a);
        (void)shutdown(s.udp, SHUT_RDWR);
        (void)shutdown(s.tcp, SHUT_RDWR);
        assert_int_equal(pthread_join(udp, NULL), 0);
        if (cases[i].has_tcp)
            assert_int_equal(pthread_join(tcp, NULL), 0);
        assert_int_equal(s.n_questions, cases[i].n);
        assert_true(s.saw_edns[0]);
        (void)close(s.udp);
        (void)close(s.tcp);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(questions),
        cmocka_unit_test(replies),
        cmocka_unit_test(asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
