// SPDX-License-Identifier: MIT
// Many destinations at once: lanes are bounded and shared out, the dead do not delay the living, and memory stays
// small.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "queue/queue_fixture.h"

static void many(char *ret, size_t size, const char *name, int from, int to) {
    ret[0] = '\0';
    for (int i = from; i < to; i++) {
        size_t len = strlen(ret);
        (void)snprintf(ret + len, size - len, "x@%s%d.test ", name, i);
    }
}

// One letter to each of many destinations.
static void send_to(struct stage *s, const char *name, int from, int to) {
    static char recipients[32768];
    for (int at = from; at < to; at += 500) {
        many(recipients, sizeof(recipients), name, at, at + 500 < to ? at + 500 : to);
        stage_send(s, recipients);
    }
}

static void with_lanes(struct stage *s, size_t max) {
    stage_drop_queue(s);
    stage_new_queue(s, max);
    stage_settle(s);
}

static void test_lanes_are_bounded(void **state) {
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 0);
    peers_set(&s.peers, "", "hang", NULL);
    send_to(&s, "dead", 0, 1200);
    stage_wait(&s, 10);
    assert_int_equal(s.q->lanes.n, 400); // four of five: they have not answered yet
    assert_int_equal(s.q->letters.n, 400);
    // A live one needs no place among them.
    peers_set(&s.peers, "mx1.live.test", "ok", NULL);
    memory_remember(s.q->answered, "live.test");
    stage_send(&s, "x@live.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.live.test x@live.test=250;");
    assert_int_equal(s.q->lanes.n, 401);
    stage_close(&s);
}

// One that nothing is known of waits behind hundreds of dead ones, but not for their time-outs.
static void test_new_one_behind_the_dead(void **state) {
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 10);
    peers_set(&s.peers, "", "hang", NULL);
    peers_set(&s.peers, "mx1.live.test", "ok", NULL);
    send_to(&s, "dead", 0, 40);
    stage_settle(&s);
    assert_int_equal(s.q->lanes.n, 8);
    stage_send(&s, "x@live.test");
    stage_settle(&s);
    int waited = 0;
    for (; strstr(s.peers.log, "live") == NULL && waited < 1000; waited++)
        stage_wait(&s, 1);
    assert_in_range(waited, 15, 150);
    stage_close(&s);
}

static void test_failing_ones_get_half(void **state) {
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 10);
    peers_set(&s.peers, "", "refused", "refused");
    send_to(&s, "dead", 0, 100);
    for (int i = 0; i < 60; i++)
        stage_wait(&s, 1);
    assert_int_equal(s.q->lanes.n, 0);
    peers_set(&s.peers, "", "hang", "hang");
    s.now += 400;
    stage_wait(&s, 3);
    assert_int_equal(s.q->lanes.n, 5);
    send_to(&s, "fresh", 0, 20);
    stage_wait(&s, 3);
    assert_int_equal(s.q->lanes.n, 8);
    stage_close(&s);
}

// All of them get through, however few lanes there are.
static void test_everybody_has_a_turn(void **state) {
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 4);
    peers_set(&s.peers, "", "ok", NULL);
    for (int i = 0; i < 3; i++)
        send_to(&s, "d", 0, 300);
    for (int i = 0; i < 600 && strlen(stage_queue(&s)) > 0; i++)
        stage_wait(&s, 1);
    assert_string_equal(stage_queue(&s), "");
    assert_int_equal(s.peers.n_sent, 900);
    stage_close(&s);
}

// A destination with much to do makes room after its turn.
static void test_turns(void **state) {
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 1);
    peers_set(&s.peers, "", "hold", NULL);
    stage_send(&s, "first@a.test");
    stage_settle(&s);
    for (int i = 0; i < 250; i++)
        stage_send(&s, "x@a.test");
    stage_send(&s, "other@b.test");
    stage_settle(&s);
    peers_set(&s.peers, "", "ok", NULL);
    peers_let_go(&s.peers);
    for (int i = 0; i < 600 && strlen(stage_queue(&s)) > 0; i++)
        stage_wait(&s, 1);
    assert_int_equal(s.peers.n_sent, 252);
    size_t before = 0;
    char *other = strstr(s.peers.log, "other@b.test");
    assert_non_null(other);
    for (const char *at = s.peers.log; (at = strstr(at, "@a.test=250")) != NULL && at < other; at++)
        before++;
    assert_in_range(before, 100, 101);
    stage_close(&s);
}

static void test_burst_of_news(void **state) {
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 50);
    peers_set(&s.peers, "", "ok", NULL);
    // 5000 in one commit: the loop hears nothing before all of it is there.
    struct store_deliver *all[10];
    for (int i = 0; i < 10; i++) {
        uint8_t dedup[32] = {0x42, (uint8_t)i};
        all[i] = store_deliver_new(make_body(&s.store, "A: b\r\n\r\nx\r\n", 11), dedup);
        for (int r = 0; r < 500; r++) {
            char destination[32], recipient[48];
            (void)snprintf(destination, sizeof(destination), "d%d.test", (i * 500 + r) % 700);
            (void)snprintf(recipient, sizeof(recipient), "x%d@%s", i * 500 + r, destination);
            store_deliver_add_remote(all[i], slice_from_cstr(destination), slice_from_cstr(recipient));
        }
        store_deliver_set_letter(all[i], SLICE("P: q\r\n"), SLICE("alice@relay.test"), 0);
    }
    for (int i = 0; i < 9; i++)
        store_op_submit(s.store.store, s.store.loop, &all[i]->op, store_op_free, NULL);
    assert_int_equal(run_and_free(&s.store, &all[9]->op), STORE_OK);
    for (int i = 0; i < 600 && strlen(stage_queue(&s)) > 0; i++)
        stage_wait(&s, 1);
    assert_string_equal(stage_queue(&s), "");
    stage_close(&s);
}

static size_t resident(void) {
    char line[128] = "";
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    (void)fclose(f);
    struct slice rest = slice_from_cstr(line);
    (void)slice_next_word(&rest);
    uint64_t pages = 0;
    assert_true(slice_to_u64(slice_next_word(&rest), &pages));
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

// 10,000 letters to 1,000 dead domains, with signatures of 2 KiB before them, beside a live one.
static void test_ten_thousand_to_the_dead(void **state) {
    static char prefix[2048];
    memset(prefix, 'p', sizeof(prefix));
    struct stage s;
    stage_open(&s);
    with_lanes(&s, 0);
    peers_set(&s.peers, "", "hang", NULL);
    peers_set(&s.peers, "mx1.live.test", "ok", NULL);
    stage_send(&s, "x@live.test");
    stage_settle(&s);
    size_t before = resident();
    for (int i = 0; i < 10; i++)
        for (int part = 0; part < 10; part++) {
            uint8_t dedup[32] = {0x43, (uint8_t)i, (uint8_t)part};
            struct store_deliver *d = store_deliver_new(make_body(&s.store, "A: b\r\n\r\nx\r\n", 11), dedup);
            for (int r = 0; r < 100; r++) {
                char destination[32], recipient[48];
                (void)snprintf(destination, sizeof(destination), "dead%d.test", part * 100 + r);
                (void)snprintf(recipient, sizeof(recipient), "x%d@%s", i, destination);
                store_deliver_add_remote(d, slice_from_cstr(destination), slice_from_cstr(recipient));
            }
            store_deliver_set_letter(d, slice_make(prefix, sizeof(prefix)), SLICE("alice@relay.test"), 0);
            assert_int_equal(run_and_free(&s.store, &d->op), STORE_OK);
        }
    stage_wait(&s, 5);
    assert_int_equal(s.q->lanes.n_unproven, 400);
    (void)peers_log(&s.peers);
    stage_send(&s, "y@live.test");
    stage_settle(&s);
    assert_string_equal(peers_log(&s.peers), "HTTPS mx1.live.test y@live.test=250;");
    size_t grown = resident() - before;
    print_message("# %zu KiB more for 10,000 letters; letters in memory: %zu of %zu octets\n", grown / 1024,
                  s.q->letters.n, s.q->letters.octets);
    assert_true(s.q->letters.octets < 4 << 20);
#ifndef __SANITIZE_ADDRESS__ // which keeps what was freed
    assert_true(grown < 50 << 20);
#endif
    stage_close(&s);
}

// After a restart everything is due at once, but does not leave at once.
static void test_start_is_spread(void **state) {
    struct stage s;
    stage_open(&s);
    stage_drop_queue(&s);
    send_to(&s, "d", 0, 200);
    peers_set(&s.peers, "", "ok", NULL);
    stage_new_queue(&s, 0);
    stage_settle(&s);
    assert_in_range(s.peers.n_sent, 20, 30);
    for (int i = 0; i < 30; i++)
        stage_wait(&s, 1);
    assert_int_equal(s.peers.n_sent, 200);
    stage_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lanes_are_bounded),
        cmocka_unit_test(test_new_one_behind_the_dead),
        cmocka_unit_test(test_failing_ones_get_half),
        cmocka_unit_test(test_everybody_has_a_turn),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_burst_of_news),
        cmocka_unit_test(test_ten_thousand_to_the_dead),
        cmocka_unit_test(test_start_is_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
