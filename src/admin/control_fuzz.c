// SPDX-License-Identifier: MIT
// The control socket over memory and a real store: whatever is sent, the session stays sound, and every line that it
// answers is JSON. The store lives as long as the process; its content depends on what ran before.
#include <ftw.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "admin/session.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
    char dir[64];
    struct loop *loop;
    struct control_server server;
} world;

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    return remove(path);
}

static void end_world(void) {
    store_close(world.server.store);
    loop_free(world.loop);
    config_holder_free(world.server.config);
    if (nftw(world.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        perror(world.dir);
}

static bool challenge_set(void *arg, struct slice token, struct slice authorization) {
    return token.len % 2 == 0;
}

static void challenge_clear(void *arg, struct slice token) {}

static void set_flag(struct store_op *op) {
    *(bool *)op->arg = true;
    store_op_free(op);
}

static void wait_a_little(void) {
    loop_run_ready(world.loop);
    (void)usleep(20);
    loop_run_ready(world.loop);
}

static void begin_world(void) {
    const char *error = NULL;
    log_set_level(LOG_LEVEL_ERROR);
    (void)snprintf(world.dir, sizeof(world.dir), "%s", "/tmp/control_fuzz.XXXXXX");
    ASSERT(mkdtemp(world.dir) != NULL);
    world.loop = loop_new();
    struct store_settings settings = {.dir = world.dir, .mailbox_quota = 1024 * 1024, .n_readers = 1};
    world.server.store = store_open(&settings, &error);
    ASSERT(world.server.store != NULL);
    static const char text[] = "[params]\nmail_domain = relay.test\nregistration = invite\n";
    struct config *config = config_parse(slice_from_cstr(text), "fuzz.ini", NULL, NULL, NULL);
    ASSERT(config != NULL);
    world.server.config = config_holder_new(config);
    world.server.challenge_set = challenge_set;
    world.server.challenge_clear = challenge_clear;
    bool done = false;
    store_op_submit(world.server.store, world.loop, &store_account_create_new(SLICE("fuzz@relay.test"), SLICE("x"))->op,
                    set_flag, &done);
    while (!done)
        wait_a_little();
    (void)atexit(end_world);
}

// Every line is an object, and those of an answer end with "ok".
static void check(struct slice out) {
    struct slice line;
    bool is_whole = true;
    while (slice_cut(out, '\n', &line, &out)) {
        json_t *row = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
        ASSERT(json_is_object(row));
        is_whole = json_object_get(row, "ok") != NULL;
        json_decref(row);
    }
    ASSERT(line.len == 0 && is_whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (world.loop == NULL)
        begin_world();
    if (size == 0)
        return 0;
    struct conn *c = conn_new_memory(world.loop, &control_session_ops, NULL, false);
    conn_set_session(c, control_session_new(&world.server, c));
    // The first octet says how large the pieces are in which the rest arrives.
    size_t step = data[0] >= 'a' && data[0] <= 'z' ? (size_t)(data[0] - 'a') * 8 + 1 : size;
    for (size_t at = 1; at < size; at += step) {
        conn_memory_feed(c, (const char *)data + at, size - at < step ? size - at : step);
        loop_run_ready(world.loop);
    }
    while (!conn_memory_is_closed(c) && conn_is_paused(c))
        wait_a_little();
    check(conn_memory_output(c));
    if (size % 2 == 0)
        conn_memory_feed_eof(c);
    conn_memory_free(c);
    loop_run_ready(world.loop);
    return 0;
}
