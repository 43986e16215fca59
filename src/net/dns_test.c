// SPDX-License-Identifier: MIT
// The resolver against a name server that lies, stalls and breaks off; and the life of queries: time limits,
// cancelling, other loops, shutdown. DNSSEC is tested against a genuine server, see tests/integration/test_dns.py.
#include "net/dns.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "net/dns_fixture.h"

enum { PATIENCE_MS = 60 * 1000 }; // ends a test that hangs

// ---- a resolver that forwards to the fixture ----

static struct dns_fixture *server;
static char anchor_file[] = "/tmp/martlet-dns-test-XXXXXX";

struct world {
    struct loop *loop;
    struct dns_resolver *resolver;
};

// An anchor for nothing that is asked for: all answers are insecure.
static void write_anchor(void) {
    int fd = mkstemp(anchor_file);
    static const char text[] =
        "elsewhere. IN DS 12345 13 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n";
    assert_true(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1 && close(fd) == 0);
}

static struct world make_world(const struct dns_settings *more) {
    struct world w = {.loop = loop_new()};
    char forwarder[40];
    (void)snprintf(forwarder, sizeof(forwarder), "127.0.0.1@%u", dns_fixture_port(server));
    const char *forwarders[] = {forwarder, NULL};
    struct dns_settings s = *more;
    s.loop = w.loop;
    s.trust_anchor_file = anchor_file;
    s.anchor_file = s.root_hints_file = "";
    s.forwarders = forwarders;
    s.use_ipv4 = true;
    const char *error = "";
    w.resolver = dns_resolver_new(&s, &error);
    if (w.resolver == NULL)
        fail_msg("%s", error);
    return w;
}

static void end_world(struct world *w) {
    dns_resolver_stop(w->resolver);
    loop_free(w->loop);
    dns_resolver_free(w->resolver);
}

// ---- a query and what came of it ----

struct asked {
    struct dns_query query;
    struct world *world;
    int n_answers;
    int *left; // that are not answered yet
    enum dns_status status;
    char text[128]; // of the first record, in hex
    char name[DNS_NAME_SIZE];
    size_t n_records, len;
    uint32_t ttl;
    bool secure;
};

static void on_answer(void *arg, const struct dns_answer *a) {
    struct asked *q = arg;
    assert_false(dns_query_is_running(&q->query));
    q->n_answers++;
    q->status = a->status;
    q->n_records = a->n_records;
    q->ttl = a->ttl;
    q->secure = a->secure;
    (void)snprintf(q->name, sizeof(q->name), "%s", a->name);
    q->len = a->n_records > 0 ? a->records[0].len : 0;
    for (size_t i = 0; i < q->len && 2 * i + 2 < sizeof(q->text); i++)
        (void)snprintf(q->text + 2 * i, 3, "%02x", (unsigned char)a->records[0].ptr[i]);
    if (q->left != NULL)
        --*q->left;
}

static void ask(struct world *w, struct asked *q, const char *name, uint16_t type, int *left) {
    q->world = w;
    q->left = left;
    dns_query_submit(w->resolver, w->loop, &q->query, slice_from_cstr(name), type, on_answer, q);
    assert_true(dns_query_is_running(&q->query));
    assert_int_equal(q->n_answers, 0); // in a later turn
}

static void run_until_none_left(struct world *w, const int *left) {
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; *left > 0 && clock_mono_ms() < end;) {
        loop_run_ready(w->loop);
        (void)usleep(1000);
    }
    assert_int_equal(*left, 0);
}

static struct asked ask_and_wait(struct world *w, const char *name, uint16_t type) {
    struct asked q = {.n_answers = 0};
    int left = 1;
    ask(w, &q, name, type, &left);
    run_until_none_left(w, &left);
    assert_int_equal(q.n_answers, 1);
    return q;
}

static void run_for(struct world *w, uint64_t ms) {
    for (uint64_t end = clock_mono_ms() + ms; clock_mono_ms() < end;) {
        loop_run_ready(w->loop);
        (void)usleep(2000);
    }
}

// ---- tests ----

static void what_servers_answer(void **state) {
    static const struct {
        const char *name;
        uint16_t type;
        enum dns_status want;
        const char *text, *canonical;
    } cases[] = {
        {"good.test", DNS_TYPE_A, DNS_OK, "c0000201", "good.test"},
        {"Good.TEST.", DNS_TYPE_A, DNS_OK, "c0000201", "good.test"},
        {"good.test", DNS_TYPE_MX, DNS_OK, "000a026d7804676f6f64047465737400", "good.test"},
        {"good.test", DNS_TYPE_TXT, DNS_OK, "0474657874", "good.test"},
        {"good.test", DNS_TYPE_TLSA, DNS_NODATA, "", "good.test"},
        {"alias.test", DNS_TYPE_A, DNS_OK, "c0000201", "good.test"},
        {"loop.test", DNS_TYPE_A, DNS_FAILED, "", "loop.test"},
        {"nx.test", DNS_TYPE_A, DNS_NXDOMAIN, "", "nx.test"},
        {"nodata.test", DNS_TYPE_A, DNS_NODATA, "", "nodata.test"},
        {"servfail.test", DNS_TYPE_A, DNS_FAILED, "", "servfail.test"},
        {"refused.test", DNS_TYPE_A, DNS_FAILED, "", "refused.test"},
        {"silent.test", DNS_TYPE_A, DNS_FAILED, "", "silent.test"},
        {"slow.test", DNS_TYPE_A, DNS_OK, "c0000201", "slow.test"},
        {"forged.test", DNS_TYPE_A, DNS_OK, "c0000201", "forged.test"},
        {"other.test", DNS_TYPE_A, DNS_FAILED, "", "other.test"},
        {"garbage.test", DNS_TYPE_A, DNS_FAILED, "", "garbage.test"},
        {"lie.test", DNS_TYPE_A, DNS_OK, "c0000201", "lie.test"},
        {"stall.test", DNS_TYPE_TXT, DNS_FAILED, "", "stall.test"},
        {"cut.test", DNS_TYPE_TXT, DNS_FAILED, "", "cut.test"},
        {"192.0.2.1", DNS_TYPE_A, DNS_NXDOMAIN, "", "192.0.2.1"},
        {"a..b", DNS_TYPE_A, DNS_NXDOMAIN, "", "a..b"},
        {"", DNS_TYPE_A, DNS_NXDOMAIN, "", ""},
    };
    struct world w = make_world(&(struct dns_settings){.timeout_ms = 6000});
    struct asked asked[ARRAY_LEN(cases)] = {0};
    int left = ARRAY_LEN(cases);
    uint64_t began = clock_mono_ms();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ask(&w, &asked[i], cases[i].name, cases[i].type, &left);
    run_until_none_left(&w, &left);
    assert_in_range(clock_mono_ms() - began, 6000, 8000); // the slowest, together
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct asked *q = &asked[i];
        if (q->n_answers != 1 || q->status != cases[i].want || strcmp(q->text, cases[i].text) != 0 ||
            strcmp(q->name, cases[i].canonical) != 0 || q->secure || (q->ttl > 0) != (q->status == DNS_OK))
            fail_msg("%s: got %d answers, %d %s %s", cases[i].name, q->n_answers, q->status, q->text, q->name);
    }
    // What was not asked for was not believed.
    assert_int_equal(ask_and_wait(&w, "nice.test", DNS_TYPE_A).status, DNS_OK);
    assert_int_equal(dns_fixture_count(server, "nice"), 1);
    end_world(&w);
}

static void long_answers_come_by_tcp(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS});
    struct asked q = ask_and_wait(&w, "big.test", DNS_TYPE_TXT);
    assert_int_equal(q.status, DNS_OK);
    assert_int_equal(q.len, 40 * 251);
    end_world(&w);
}

static void only_what_is_there_is_remembered(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS});
    static const struct {
        const char *label, *name;
        size_t more;
    } cases[] = {{"nx", "nx.again.test", 2}, {"nodata", "nodata.again.test", 2}, {"good", "good.again.test", 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t before = dns_fixture_count(server, cases[i].label);
        (void)ask_and_wait(&w, cases[i].name, DNS_TYPE_A);
        (void)ask_and_wait(&w, cases[i].name, DNS_TYPE_A);
        size_t got = dns_fixture_count(server, cases[i].label) - before;
        if (got != cases[i].more)
            fail_msg("%s: asked %zu times", cases[i].name, got);
    }
    end_world(&w);
}

static size_t asks_for(struct world *w, const char *name, const char *label) {
    size_t before = dns_fixture_count(server, label);
    assert_int_equal(ask_and_wait(w, name, DNS_TYPE_A).status, DNS_OK);
    return dns_fixture_count(server, label) - before;
}

static void what_is_remembered_goes_when_idle(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS, .idle_ms = 150});
    assert_int_equal(asks_for(&w, "good.idle.test", "good"), 1);
    // A question in time keeps it.
    for (int i = 0; i < 3; i++) {
        run_for(&w, 90);
        assert_int_equal(asks_for(&w, "good.idle.test", "good"), 0);
    }
    run_for(&w, 300);
    assert_int_equal(asks_for(&w, "good.idle.test", "good"), 1);
    // Who waits longer than that is not left alone.
    struct asked q = {.n_answers = 0};
    int left = 1;
    ask(&w, &q, "slow.idle.test", DNS_TYPE_A, &left);
    run_until_none_left(&w, &left);
    assert_int_equal(q.status, DNS_OK);
    end_world(&w);
}

// Times to live end by the wall clock: when that was set, nothing that was remembered counts.
static void the_clock_is_set(void **state) {
    static const struct {
        int64_t step_s;
        size_t want;
    } cases[] = {{0, 0}, {59, 0}, {-59, 0}, {3600, 1}, {-365 * 86400, 1}, {365 * 86400, 1}};
    const uint64_t mono_us = clock_mono_us();
    const int64_t wall_s = clock_wall_s();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        clock_set_fake(mono_us, wall_s);
        struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS});
        assert_int_equal(asks_for(&w, "good.clock.test", "good"), 1);
        struct asked q = {.n_answers = 0};
        int left = 1;
        ask(&w, &q, "slow.clock.test", DNS_TYPE_A, &left); // under way meanwhile
        loop_run_ready(w.loop);
        clock_set_fake(mono_us, wall_s + cases[i].step_s);
        size_t got = asks_for(&w, "good.clock.test", "good");
        if (got != cases[i].want)
            fail_msg("step of %lld s: asked %zu times", (long long)cases[i].step_s, got);
        for (uint64_t ms = 0; left > 0 && ms < PATIENCE_MS; ms += 5) { // the slow server goes by this clock too
            clock_set_fake(mono_us + ms * 1000, wall_s + cases[i].step_s + (int64_t)(ms / 1000));
            loop_run_ready(w.loop);
            (void)usleep(5000);
        }
        clock_use_real();
        if (q.n_answers != 1 || q.status != DNS_OK)
            fail_msg("step of %lld s: %d answers, %d", (long long)cases[i].step_s, q.n_answers, q.status);
        end_world(&w);
    }
}

static void bounds(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = 1500, .running_max = 2, .waiting_max = 4});
    struct asked asked[8] = {0};
    char name[40];
    int left = ARRAY_LEN(asked);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        (void)snprintf(name, sizeof(name), "silent.n%zu.test", i);
        ask(&w, &asked[i], name, DNS_TYPE_A, &left);
    }
    loop_run_ready(w.loop);
    // Two run, four wait, and two were one too many.
    assert_int_equal(left, 6);
    assert_true(asked[6].n_answers == 1 && asked[7].n_answers == 1 && asked[7].status == DNS_FAILED);
    // Waiting counts towards the time limit.
    uint64_t began = clock_mono_ms();
    run_until_none_left(&w, &left);
    assert_true(clock_mono_ms() - began < 2500);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        assert_true(asked[i].n_answers == 1 && asked[i].status == DNS_FAILED);
    // Lookups that nobody waits for take no place from those that are waited for.
    assert_int_equal(ask_and_wait(&w, "good.bounds.test", DNS_TYPE_A).status, DNS_OK);
    end_world(&w);
}

static void cancelling(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = 3000, .running_max = 1});
    struct asked asked[4] = {0};
    ask(&w, &asked[0], "silent.cancel.test", DNS_TYPE_A, NULL); // runs
    ask(&w, &asked[1], "good.cancel.test", DNS_TYPE_A, NULL);   // waits
    ask(&w, &asked[2], "a..b", DNS_TYPE_A, NULL);               // is answered already
    ask(&w, &asked[3], "good.cancel.test", DNS_TYPE_A, NULL);   // cancelled before anybody saw it
    dns_query_cancel(&asked[3].query);
    dns_query_cancel(&asked[3].query);
    dns_query_cancel(&asked[2].query);
    loop_run_ready(w.loop);
    dns_query_cancel(&asked[1].query);
    dns_query_cancel(&asked[0].query);
    assert_false(dns_query_is_running(&asked[0].query));
    // The struct may be used again at once.
    ask(&w, &asked[0], "good.cancel2.test", DNS_TYPE_A, NULL);
    run_for(&w, 3300);
    assert_true(asked[0].n_answers == 1 && asked[0].status == DNS_OK);
    for (size_t i = 1; i < ARRAY_LEN(asked); i++)
        assert_int_equal(asked[i].n_answers, 0);
    dns_query_cancel(&asked[0].query);
    // Cancelled, and then the loop ends.
    ask(&w, &asked[1], "slow.cancel.test", DNS_TYPE_A, NULL);
    loop_run_ready(w.loop);
    dns_query_cancel(&asked[1].query);
    end_world(&w);
}

struct chain {
    struct asked asked;
    int n, left;
};

// Asks again from within the answer.
static void on_link(void *arg, const struct dns_answer *a) {
    struct chain *c = arg;
    assert_int_equal(a->status, DNS_OK);
    c->left--;
    if (++c->n == 5)
        return;
    dns_query_submit(c->asked.world->resolver, c->asked.world->loop, &c->asked.query, SLICE("good.chain.test"),
                     DNS_TYPE_A, on_link, c);
}

static void asking_from_an_answer(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS});
    struct chain c = {.asked.world = &w, .left = 5};
    dns_query_submit(w.resolver, w.loop, &c.asked.query, SLICE("good.chain.test"), DNS_TYPE_A, on_link, &c);
    run_until_none_left(&w, &c.left);
    assert_int_equal(c.n, 5);
    end_world(&w);
}

static void stopping(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS, .running_max = 1});
    struct asked asked[4] = {0};
    ask(&w, &asked[0], "silent.stop.test", DNS_TYPE_A, NULL); // runs
    ask(&w, &asked[1], "good.stop.test", DNS_TYPE_A, NULL);   // waits
    loop_run_ready(w.loop);
    ask(&w, &asked[2], "good.stop.test", DNS_TYPE_A, NULL); // on its way
    dns_resolver_stop(w.resolver);
    dns_resolver_stop(w.resolver);
    ask(&w, &asked[3], "good.stop.test", DNS_TYPE_A, NULL); // afterwards
    loop_run_ready(w.loop);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        assert_true(asked[i].n_answers == 1 && asked[i].status == DNS_FAILED);
    end_world(&w);
}

// The order that net/dns.h gives: the resolver's loop goes first.
static void the_end_of_all_loops(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS});
    struct world other = {loop_new(), w.resolver};
    struct asked asked[4] = {0};
    ask(&other, &asked[0], "silent.end.test", DNS_TYPE_A, NULL);
    ask(&other, &asked[1], "silent.end.test", DNS_TYPE_A, NULL);
    loop_run_ready(w.loop);
    ask(&other, &asked[2], "good.end.test", DNS_TYPE_A, NULL); // never seen by the resolver's loop
    dns_resolver_stop(w.resolver);
    loop_free(w.loop);
    dns_query_cancel(&asked[1].query);
    ask(&other, &asked[3], "good.end.test", DNS_TYPE_A, NULL);
    loop_free(other.loop);
    dns_resolver_free(w.resolver);
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        assert_true(asked[i].n_answers == (i != 1) && (i == 1 || asked[i].status == DNS_FAILED));
}

// ---- other loops ----

enum { ASKERS = 3, QUERIES = 300 };

struct asker {
    struct world own; // its loop; the resolver is everybody's
    pthread_t thread;
    struct asked asked[QUERIES];
    int left;
};

static void *run_asker(void *arg) {
    struct asker *a = arg;
    run_until_none_left(&a->own, &a->left);
    return NULL;
}

static void *run_resolver(void *arg) {
    loop_run(arg);
    return NULL;
}

static void askers_on_other_loops(void **state) {
    struct world w = make_world(&(struct dns_settings){.timeout_ms = PATIENCE_MS});
    struct asker *askers = mem_zalloc(ASKERS, sizeof(*askers));
    for (int i = 0; i < ASKERS; i++) {
        struct asker *a = &askers[i];
        a->own = (struct world){loop_new(), w.resolver};
        a->left = QUERIES - QUERIES / 3;
        for (int j = 0; j < QUERIES; j++) {
            char name[60];
            (void)snprintf(name, sizeof(name), "%s.n%d.loops.test", j % 5 == 0 ? "slow" : "good", j);
            ask(&a->own, &a->asked[j], name, DNS_TYPE_A, &a->left);
        }
        for (int j = 0; j < QUERIES; j += 3)
            dns_query_cancel(&a->asked[j].query);
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_resolver, w.loop), 0);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i].thread, NULL, run_asker, &askers[i]), 0);
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
    loop_stop(w.loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
    for (int i = 0; i < ASKERS; i++) {
        for (int j = 0; j < QUERIES; j++) {
            const struct asked *q = &askers[i].asked[j];
            if (q->n_answers != (j % 3 != 0) || (q->n_answers > 0 && q->status != DNS_OK))
                fail_msg("asker %d query %d: %d answers, status %d", i, j, q->n_answers, q->status);
        }
        loop_free(askers[i].own.loop);
    }
    free(askers);
    end_world(&w);
}

static int set_up(void **state) {
    server = dns_fixture_start();
    write_anchor();
    return 0;
}

static int tear_down(void **state) {
    dns_fixture_stop(server);
    return unlink(anchor_file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_servers_answer),
        cmocka_unit_test(long_answers_come_by_tcp),
        cmocka_unit_test(only_what_is_there_is_remembered),
        cmocka_unit_test(what_is_remembered_goes_when_idle),
        cmocka_unit_test(the_clock_is_set),
        cmocka_unit_test(bounds),
        cmocka_unit_test(cancelling),
        cmocka_unit_test(asking_from_an_answer),
        cmocka_unit_test(stopping),
        cmocka_unit_test(the_end_of_all_loops),
        cmocka_unit_test(askers_on_other_loops),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
