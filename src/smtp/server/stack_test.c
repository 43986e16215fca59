// SPDX-License-Identifier: MIT
// Submission on the real store, the real accounts and the hub: what is acknowledged is there, whoever watches is told,
// what is broken off leaves nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <ftw.h>
#include <unistd.h>

#include "account/account.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "intake/hub.h"
#include "intake/intake.h"
#include "net/worker.h"
#include "smtp/server/smtp_server.h"
#include "store/account_ops.h"
#include "store/message_ops.h"

enum { PATIENCE_MS = 60 * 1000 };

struct stack {
    char dir[64];
    struct config_holder *config;
    struct store *store;
    struct worker_pool *crypt;
    struct loop *loop;
    struct hub *hub;
    struct account_service *accounts;
    struct intake *intake;
    struct smtp_server server;
};

static void start(struct stack *s) {
    static const char *const settings[] = {"mail_domain=relay.test",
                                           "nocreate_path=",
                                           "min_free_disk_space=0",
                                           "min_available_memory=0",
                                           "max_load_1m=100000",
                                           "username_min_length=3",
                                           "max_message_size=9000000",
                                           "max_user_send_burst_size=1000",
                                           NULL};
    const char *error = NULL;
    (void)snprintf(s->dir, sizeof(s->dir), "/tmp/martlet-smtp-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    s->config = config_holder_new(config_parse(SLICE_EMPTY, "test", settings, NULL, NULL));
    struct store_settings store = {.dir = s->dir, .mailbox_quota = 20 << 20, .n_readers = 2};
    s->store = store_open(&store, &error);
    if (s->store == NULL)
        fail_msg("store_open: %s", error);
    s->loop = loop_new();
    s->hub = hub_new(&s->loop, 1);
    store_set_on_change(s->store, hub_publish, s->hub);
    s->crypt = worker_pool_new("crypt", 2);
    s->accounts = account_service_new(s->config, s->store, s->crypt);
    s->intake = intake_new(
        &(struct intake_settings){.config = s->config, .store = s->store, .accounts = s->accounts, .crypt = s->crypt});
    s->server = (struct smtp_server){.config = s->config, .accounts = s->accounts, .intake = s->intake};
}

static void on_problem(void *arg, const char *sentence) {
    print_error("verify: %s\n", sentence);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    return remove(path);
}

static void stop(struct stack *s) {
    const char *error = NULL;
    worker_pool_free(s->crypt);
    store_close(s->store);
    loop_free(s->loop);
    hub_free(s->hub);
    intake_free(s->intake);
    account_service_free(s->accounts);
    config_holder_free(s->config);
    assert_int_equal(store_verify(s->dir, on_problem, NULL, &error), 0);
    assert_int_equal(nftw(s->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

// ---- a client ----

struct client {
    struct stack *stack;
    struct conn *conn;
};

static struct client connect_client(struct stack *s) {
    struct client c = {s, conn_new_memory(s->loop, &smtp_session_ops, NULL, true)};
    conn_set_session(c.conn, smtp_session_open(&s->server, c.conn));
    return c;
}

// Runs the loop until `text` stands in the output, which is then taken.
static void expect(struct client *c, const char *text) {
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    for (;;) {
        loop_run_ready(c->stack->loop);
        struct slice out = conn_memory_output(c->conn);
        if (slice_find_slice(out, slice_from_cstr(text)) < out.len)
            break;
        if (clock_mono_ms() > end)
            fail_msg("want [%s] got [%.*s]", text, SLICE_FMT(out));
        (void)usleep(50);
    }
    conn_memory_take_output(c->conn);
}

static void say(struct client *c, const char *text, const char *reply) {
    conn_memory_feed(c->conn, text, strlen(text));
    expect(c, reply);
}

static void login(struct client *c, const char *user) {
    char plain[128], encoded[200], line[256];
    int n = snprintf(plain, sizeof(plain), "%c%s@relay.test%csecret-password", 0, user, 0);
    base64_encode(plain, (size_t)n, encoded);
    (void)snprintf(line, sizeof(line), "EHLO [127.0.0.1]\r\nAUTH PLAIN %s\r\n", encoded);
    say(c, line, "235 2.7.0");
}

// An encrypted message whose packet holds `len` octets.
static char *make_message(const char *from, size_t len, const char *id) {
    char *packet = mem_zalloc(len + 6, 1), *text = mem_alloc(BASE64_ENCODED_LEN(len + 6) + 1);
    memcpy(packet, "\xd2\xff", 2);
    for (size_t i = 0; i < 4; i++)
        packet[2 + i] = (char)(len >> (24 - 8 * i));
    memset(packet + 6, 'x', len);
    base64_encode(packet, len + 6, text);
    struct buf b;
    buf_init(&b, 64 << 20);
    ASSERT(buf_printf(
        &b,
        "From: <%s@relay.test>\r\nMessage-ID: <%s@localhost>\r\nSubject: x\r\nUser-Agent: y\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=\"B\"\r\n\r\n"
        "--B\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--B\r\n"
        "Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n",
        from, id));
    size_t encoded = strlen(text);
    for (size_t i = 0; i < encoded; i += 64)
        ASSERT(buf_printf(&b, "%.64s\r\n", text + i));
    ASSERT(buf_append_cstr(&b, "-----END PGP MESSAGE-----\r\n\r\n--B--\r\n"));
    char *message = slice_dup(buf_slice(&b));
    buf_done(&b);
    free(packet);
    free(text);
    return message;
}

static void envelope(struct client *c, const char *from, const char *to) {
    char line[300];
    (void)snprintf(line, sizeof(line), "MAIL FROM:<%s@relay.test>\r\nRCPT TO:<%s@relay.test>\r\nDATA\r\n", from, to);
    say(c, line, "354 ");
}

static void send_message(struct client *c, const char *from, const char *to, const char *message, const char *reply) {
    envelope(c, from, to);
    conn_memory_feed(c->conn, message, strlen(message));
    say(c, ".\r\n", reply);
}

// ---- looking into mailboxes ----

static void on_op(struct store_op *op) {
    *(bool *)op->arg = true;
}

static void run_op(struct stack *s, struct store_op *op) {
    bool done = false;
    store_op_submit(s->store, s->loop, op, on_op, &done);
    while (!done) {
        loop_run_ready(s->loop);
        (void)usleep(50);
    }
}

static uint64_t inbox_of(struct stack *s, const char *address) {
    struct store_account_find *f = store_account_find_new(slice_from_cstr(address));
    run_op(s, &f->op);
    uint64_t id = f->op.status == STORE_OK ? f->ret_inbox_id : 0;
    store_op_free(&f->op);
    return id;
}

static struct store_fetch *read_inbox(struct stack *s, const char *address) {
    struct store_uid_range all = {1, UINT32_MAX};
    struct store_fetch *f = store_fetch_new(inbox_of(s, address), &all, 1, STORE_FETCH_HEADER);
    f->max_messages = 100;
    f->max_octets = 10 << 20;
    run_op(s, &f->op);
    assert_int_equal(f->op.status, STORE_OK);
    return f;
}

static size_t count_inbox(struct stack *s, const char *address) {
    struct store_fetch *f = read_inbox(s, address);
    size_t n = f->ret_n_messages;
    store_op_free(&f->op);
    return n;
}

static bool holds(const struct store_message *m, const char *text) {
    struct slice data = slice_make(m->data, m->data_len);
    return slice_find_slice(data, slice_from_cstr(text)) < data.len;
}

// ---- tests ----

static void make_account(struct stack *s, const char *user) {
    struct client c = connect_client(s);
    login(&c, user);
    say(&c, "QUIT\r\n", "221 ");
    conn_memory_free(c.conn);
}

struct listener_ear {
    struct hub_watcher w;
    uint32_t uid;
};

static void on_change(struct hub_watcher *w, const struct store_change *change) {
    if (change->kind == STORE_CHANGE_ADDED)
        CONTAINER_OF(w, struct listener_ear, w)->uid = change->uids[0];
}

static void test_delivery(void **state) {
    (void)state;
    struct stack s = {0};
    start(&s);
    make_account(&s, "bob");
    struct listener_ear ear = {.w = {.loop = s.loop, .on_change = on_change}};
    hub_watch(s.hub, &ear.w, inbox_of(&s, "bob@relay.test"));

    struct client c = connect_client(&s);
    login(&c, "alice");
    char *message = make_message("alice", 1600, "one");
    send_message(&c, "alice", "Bob+detail", message, "250 OK\r\n");
    loop_run_ready(s.loop);
    assert_int_equal(ear.uid, 1);
    struct store_fetch *f = read_inbox(&s, "bob@relay.test");
    assert_int_equal(f->ret_n_messages, 1);
    assert_true(holds(&f->ret_messages[0], "Message-ID: <one@localhost>\r\nSubject: [...]\r\nMIME-Version: 1.0\r\n"));
    store_op_free(&f->op);
    // Sent again: acknowledged, and there once.
    send_message(&c, "alice", "bob", message, "250 OK\r\n");
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 1);
    free(message);
    hub_unwatch(s.hub, &ear.w);
    conn_memory_free(c.conn);
    stop(&s);
}

static void test_bounce(void **state) {
    (void)state;
    struct stack s = {0};
    start(&s);
    struct client c = connect_client(&s);
    login(&c, "alice");
    char *message = make_message("alice", 100, "two");
    for (int i = 0; i < 2; i++)
        send_message(&c, "alice", "nobody", message, "250 OK\r\n");
    struct store_fetch *f = read_inbox(&s, "alice@relay.test");
    assert_int_equal(f->ret_n_messages, 1);
    assert_true(holds(&f->ret_messages[0], "MAILER-DAEMON@relay.test"));
    store_op_free(&f->op);
    free(message);
    conn_memory_free(c.conn);
    stop(&s);
}

static void test_large(void **state) {
    (void)state;
    struct stack s = {0};
    start(&s);
    make_account(&s, "bob");
    struct client c = connect_client(&s);
    login(&c, "alice");
    char *message = make_message("alice", 5000000, "large");
    send_message(&c, "alice", "bob", message, "250 OK\r\n");
    struct store_fetch *f = read_inbox(&s, "bob@relay.test");
    assert_int_equal(f->ret_n_messages, 1);
    // "Subject: x" grew by four octets, "User-Agent: y" is gone.
    assert_int_equal(f->ret_messages[0].size, strlen(message) + 4 - 15);
    store_op_free(&f->op);
    free(message);
    // Over the limit: refused, nothing rests.
    message = make_message("alice", 8000000, "too large");
    send_message(&c, "alice", "bob", message, "552 Message exceeds maximum size\r\n");
    // Broken off in the middle, at a few places.
    for (int i = 0; i < 3; i++) {
        struct client d = connect_client(&s);
        login(&d, "alice");
        envelope(&d, "alice", "bob");
        conn_memory_feed(d.conn, message, 100000 * (size_t)(1 + 10 * i));
        loop_run_ready(s.loop);
        conn_memory_feed_eof(d.conn);
        loop_run_ready(s.loop);
        conn_memory_free(d.conn);
    }
    free(message);
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 1);
    conn_memory_free(c.conn);
    stop(&s);
}

// The client vanishes right after the final dot; whatever comes of it, the store stays sound.
static void test_gone_during_commit(void **state) {
    (void)state;
    struct stack s = {0};
    start(&s);
    make_account(&s, "bob");
    char *message = make_message("alice", 3000, "gone");
    for (int i = 0; i < 20; i++) {
        struct client c = connect_client(&s);
        login(&c, "alice");
        envelope(&c, "alice", i % 2 == 0 ? "bob" : "nobody");
        conn_memory_feed(c.conn, message, strlen(message));
        conn_memory_feed(c.conn, ".\r\n", 3);
        for (int turn = 0; turn < i / 2; turn++) {
            loop_run_ready(s.loop);
            (void)usleep(100);
        }
        conn_memory_free(c.conn);
    }
    free(message);
    assert_in_range(count_inbox(&s, "bob@relay.test"), 0, 1); // the store knows the message again
    stop(&s);
}

static enum store_status run_and_free(struct stack *s, struct store_op *op) {
    run_op(s, op);
    enum store_status status = op->status;
    store_op_free(op);
    return status;
}

static uint64_t account_of(struct stack *s, const char *address) {
    struct store_account_find *f = store_account_find_new(slice_from_cstr(address));
    run_op(s, &f->op);
    uint64_t id = f->ret_account_id;
    store_op_free(&f->op);
    return id;
}

// A session that logged in before: from its next message on a block counts, also for what only comes back to it, and so
// does the deletion of its account. To a blocked recipient mail bounces as to nobody.
static void test_blocked_and_deleted(void **state) {
    static const char refused[] =
        "550 5.7.1 <alice@relay.test>: Sender address rejected: this account may not send\r\n";
    struct stack s = {0};
    start(&s);
    make_account(&s, "bob");
    struct client c = connect_client(&s);
    login(&c, "alice");
    uint64_t alice = account_of(&s, "alice@relay.test"), bob = account_of(&s, "bob@relay.test");
    char *one = make_message("alice", 100, "one"), *two = make_message("alice", 100, "two");
    send_message(&c, "alice", "bob", one, "250 OK\r\n");

    assert_int_equal(run_and_free(&s, &store_account_block_new(alice, true)->op), STORE_OK);
    send_message(&c, "alice", "bob", two, refused);
    send_message(&c, "alice", "nobody", two, refused);
    say(&c, "MAIL FROM:<alice@relay.test>\r\nRCPT TO:<x@far.test>\r\nDATA\r\n", "354 ");
    conn_memory_feed(c.conn, two, strlen(two));
    say(&c, ".\r\n", refused);
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 1);
    assert_int_equal(count_inbox(&s, "alice@relay.test"), 0);
    struct client again = connect_client(&s); // may log in, and hears it then
    login(&again, "alice");
    send_message(&again, "alice", "bob", two, refused);
    conn_memory_free(again.conn);

    assert_int_equal(run_and_free(&s, &store_account_block_new(alice, false)->op), STORE_OK);
    assert_int_equal(run_and_free(&s, &store_account_block_new(bob, true)->op), STORE_OK);
    send_message(&c, "alice", "bob", two, "250 OK\r\n");
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 1);
    struct store_fetch *f = read_inbox(&s, "alice@relay.test");
    assert_int_equal(f->ret_n_messages, 1);
    assert_true(holds(&f->ret_messages[0], "MAILER-DAEMON@relay.test"));
    store_op_free(&f->op);

    assert_int_equal(run_and_free(&s, &store_account_block_new(bob, false)->op), STORE_OK);
    assert_int_equal(run_and_free(&s, &store_account_delete_new(alice)->op), STORE_OK);
    send_message(&c, "alice", "bob", two, refused);
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 1);
    free(one);
    free(two);
    conn_memory_free(c.conn);
    stop(&s);
}

int main(void) {
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivery),
        cmocka_unit_test(test_bounce),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_gone_during_commit),
        cmocka_unit_test(test_blocked_and_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
