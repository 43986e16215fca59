// SPDX-License-Identifier: MIT
// A whole session, logged in already, over memory and a real store: whatever a client sends, the session stays sound
// and ends each command. The store lives as long as the process; its content depends on what ran before.
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "imap/command.h"
#include "imap/session.h"
#include "imap/share.h"
#include "intake/hub.h"
#include "store/account_ops.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char dir[64];
    struct loop *loop;
    struct imap_server server;
    uint64_t account_id, inbox_id;
} world;

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

static void begin_world(void) {
    const char *error = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    (void)snprintf(world.dir, sizeof(world.dir), "%s", "/tmp/imap_fuzz.XXXXXX");
    ASSERT(mkdtemp(world.dir) != NULL);
    world.loop = loop_new();
    struct store_settings settings = {.dir = world.dir, .mailbox_quota = 1024 * 1024, .n_readers = 1};
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
    world.account_id = create->ret_account_id;
    world.inbox_id = create->ret_inbox_id;
    store_op_free(&create->op);
    atexit(end_world);
}

// Until the session waits for its client again, or has ended.
static void settle(struct conn *c, const struct imap_session *s) {
    loop_run_ready(world.loop);
    while (!conn_memory_is_closed(c) && s->command != NULL && s->command->on_octets == NULL &&
           s->command->on_line == NULL)
        wait_a_little();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (world.loop == NULL)
        begin_world();
    if (size == 0)
        return 0;
    struct conn *c = conn_new_memory(world.loop, &imap_session_ops, NULL, true);
    struct imap_session *s = imap_session_open_authenticated(&world.server, c, world.account_id, world.inbox_id);
    conn_set_session(c, s);
    // The first octet says how large the pieces are in which the rest arrives.
    size_t step = data[0] >= 'a' && data[0] <= 'z' ? (size_t)(data[0] - 'a') * 8 + 1 : size;
    for (size_t at = 1; at < size; at += step) {
        conn_memory_feed(c, (const char *)data + at, size - at < step ? size - at : step);
        settle(c, s);
    }
    for (int i = 0; i < 3; i++)
        settle(c, s);
    if (size % 2 == 0)
        conn_memory_feed_eof(c);
    conn_memory_free(c);
    loop_run_ready(world.loop);
    return 0;
}
