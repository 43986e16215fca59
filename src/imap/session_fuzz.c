// SPDX-License-Identifier: MIT
// One or two sessions of an account over memory and a real store: whatever clients send, a session stays sound and ends
// each command. The store lives as long as the process; its INBOX is emptied between inputs.
//
// The first octet says who speaks and how it arrives: "!" a stranger in clear text, a capital one under TLS, anything
// else somebody who has logged in; a letter says how large the pieces are. Of the rest some control octets are events.
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "imap/command.h"
#include "imap/session.h"
#include "imap/share.h"
#include "intake/fake_account.h"
#include "intake/hub.h"
#include "net/listener.h"
#include "store/account_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum happening {
    EVENT_OTHER = 1, // from here on the other session speaks
    EVENT_LARGE = 2, // a message arrives that is not read in one piece
    EVENT_BLOCK = 3, // the client does not read; or it does again
    EVENT_TIMEOUT = 4,
    EVENT_SHUTDOWN = 5,
    EVENTS_END,
};
enum { QUOTA = 4 * 1024 * 1024, LARGE = 150 * 1000 };

static struct {
    char dir[64];
    struct loop *loop;
    struct imap_server server;
    struct account_service accounts;
} world;

struct talker {
    struct conn *c;
    const struct imap_session *s; // gone when the connection has closed
    bool is_blocked;
};

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    return remove(path);
}

static void end_world(void) {
    store_close(world.server.store);
    loop_run_ready(world.loop);
    imap_share_free(world.server.shares);
    hub_free(world.server.hub);
    config_holder_free(world.server.config);
    loop_free(world.loop);
    if (nftw(world.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        perror(world.dir);
}

static void set_flag(struct store_op *op) {
    *(bool *)op->arg = true;
}

static void wait_a_little(void) {
    loop_run_ready(world.loop);
    usleep(20);
    loop_run_ready(world.loop);
}

static void say_url(void *arg, struct buf *out) {
    ASSERT(buf_append_cstr(out, "https://relay.test"));
}

static void begin_world(void) {
    const char *error = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    (void)snprintf(world.dir, sizeof(world.dir), "%s", "/tmp/imap_fuzz.XXXXXX");
    ASSERT(mkdtemp(world.dir) != NULL);
    world.loop = loop_new();
    struct store_settings settings = {.dir = world.dir, .mailbox_quota = QUOTA, .n_readers = 1};
    world.server.store = store_open(&settings, &error);
    ASSERT(world.server.store != NULL);
    world.server.shares = imap_share_new();
    world.server.hub = hub_new(&world.loop, 1);
    store_set_on_change(world.server.store, hub_publish, world.server.hub);
    struct config *config = config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "fuzz.ini", NULL, NULL, NULL);
    ASSERT(config != NULL);
    world.server.config = config_holder_new(config);
    struct store_account_create *create = store_account_create_new(SLICE("fuzz@relay.test"), SLICE("x"));
    bool done = false;
    store_op_submit(world.server.store, world.loop, &create->op, set_flag, &done);
    while (!done)
        wait_a_little();
    world.accounts = (struct account_service){.account_id = create->ret_account_id, .inbox_id = create->ret_inbox_id};
    world.server.accounts = &world.accounts;
    world.server.metadata = (struct imap_metadata_ops){say_url, NULL, say_url};
    store_op_free(&create->op);
    atexit(end_world);
}

static void open_talker(struct talker *t, bool is_stranger, bool tls) {
    *t = (struct talker){.c = conn_new_memory(world.loop, &imap_session_ops, NULL, tls)};
    struct imap_session *s =
        is_stranger
            ? imap_session_open(&world.server, t->c)
            : imap_session_open_authenticated(&world.server, t->c, world.accounts.account_id, world.accounts.inbox_id);
    conn_set_session(t->c, s);
    t->s = s;
}

static bool is_working(const struct talker *t) {
    if (conn_memory_is_closed(t->c) || t->s->command == NULL)
        return false;
    return t->s->command->on_octets == NULL && t->s->command->on_line == NULL;
}

// Until the session waits for its client again, or has ended.
static void settle(const struct talker *t) {
    loop_run_ready(world.loop);
    for (int turns = 0; is_working(t); turns++) {
        if (t->is_blocked && !t->s->command->op_running && turns > 3)
            return; // it waits for its client to read
        wait_a_little();
    }
}

static void say(const struct talker *t, const char *ptr, size_t len) {
    if (len == 0)
        return;
    conn_memory_feed(t->c, ptr, len);
    settle(t);
}

static void close_talker(struct talker *t) {
    if (t->c == NULL)
        return;
    conn_memory_block(t->c, t->is_blocked = false);
    settle(t);
    conn_memory_free(t->c);
    loop_run_ready(world.loop);
}

// A header of a quarter of it, then lines.
static void append_large(void) {
    static char text[LARGE + 100];
    struct talker t;
    int len = snprintf(text, sizeof(text), "a APPEND INBOX {%d+}\r\nSubject: large\r\nFrom: a@b\r\nX: ", LARGE);
    size_t from = (size_t)slice_find(slice_from_cstr(text), '\n') + 1;
    for (size_t at = (size_t)len; at < from + LARGE; at++)
        text[at] = at < LARGE / 4 ? 'x' : "hello, world\r\n\r\n"[at % 16];
    memcpy(text + LARGE / 4, "\r\n\r\n", 4);
    memcpy(text + from + LARGE, "\r\n", 2);
    open_talker(&t, false, true);
    say(&t, text, from + LARGE + 2);
    close_talker(&t);
}

static void empty_inbox(void) {
    static const char text[] = "a SELECT INBOX\r\nb STORE 1:* FLAGS.SILENT (\\Deleted)\r\nc CLOSE\r\n";
    struct talker t;
    open_talker(&t, false, true);
    say(&t, text, sizeof(text) - 1);
    close_talker(&t);
}

// Returns who speaks from now on.
static struct talker *happen(struct talker two[2], struct talker *t, enum happening what) {
    switch (what) {
    case EVENT_OTHER:
        t = t == &two[0] ? &two[1] : &two[0];
        if (t->c == NULL)
            open_talker(t, false, true);
        return t;
    case EVENT_LARGE:
        append_large();
        break;
    case EVENT_BLOCK:
        t->is_blocked = !t->is_blocked;
        conn_memory_block(t->c, t->is_blocked);
        break;
    case EVENT_TIMEOUT:
        conn_memory_timeout(t->c);
        break;
    case EVENT_SHUTDOWN:
        conn_shutdown_all(world.loop);
        break;
    case EVENTS_END:
        break;
    }
    settle(t);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (world.loop == NULL)
        begin_world();
    if (size == 0)
        return 0;
    struct talker two[2] = {{.c = NULL}}, *t = &two[0];
    int first = data[0];
    bool is_capital = first >= 'A' && first <= 'Z', is_small = first >= 'a' && first <= 'z';
    open_talker(t, first == '!' || is_capital, first != '!');
    size_t step = is_capital ? (size_t)(first - 'A') * 8 + 1 : is_small ? (size_t)(first - 'a') * 8 + 1 : size;
    for (size_t at = 1, n; at < size; at += n) {
        for (n = 0; n < step && at + n < size && (data[at + n] == 0 || data[at + n] >= EVENTS_END); n++)
            continue;
        say(t, (const char *)data + at, n);
        if (n < step && at + n < size)
            t = happen(two, t, (enum happening)data[at + n++]);
    }
    if (size % 2 == 0)
        conn_memory_feed_eof(t->c);
    close_talker(&two[1]);
    close_talker(&two[0]);
    empty_inbox();
    return 0;
}
