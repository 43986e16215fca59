// SPDX-License-Identifier: MIT
// A session of the relay role on any octets, with the real intake above a store in memory. The first octet chooses the
// scene. Checked: replies are well-formed lines, nothing is stored that was not acknowledged, nothing is left over, and
// no recipient of another domain is ever accepted.
#include "base/log.h"
#include "base/panic.h"
#include "net/listener.h"
#include "smtp/server/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum scene {
    SCENE_CLEAR = 1 << 0,
    SCENE_GREETED = 1 << 1, // no EHLO yet
    SCENE_IN_DATA = 1 << 2,
    SCENE_IN_ENVELOPE = 1 << 3,
    SCENE_SLOW = 1 << 4,
    SCENE_SMALL = 1 << 5,
    SCENE_OCTETS = 1 << 6, // one at a time
    SCENE_SHUTDOWN = 1 << 7,
};

static void set_scene(struct dialogue *d, unsigned scene) {
    if (scene & (SCENE_CLEAR | SCENE_GREETED))
        return;
    ASSERT(dialogue_run(d, "S: 220*\nHELLO\n"));
    if (scene & SCENE_IN_DATA)
        ASSERT(dialogue_run(d, "TO bob nobody\n"));
    else if (scene & SCENE_IN_ENVELOPE)
        ASSERT(dialogue_run(d, "C: MAIL FROM:<alice@[192.0.2.9]>\nS: 250*\nC: RCPT TO:<bob@relay.test>\nS: 250*\n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const small[] = {"max_message_size=3000", NULL};
    if (size == 0)
        return 0;
    unsigned scene = data[0];
    struct dialogue d;
    log_set_level(LOG_LEVEL_ERROR);
    dialogue_open_relay(&d, !(scene & SCENE_CLEAR), scene & SCENE_SMALL ? small : NULL);
    d.store.is_slow = scene & SCENE_SLOW;
    set_scene(&d, scene);
    size_t step = scene & SCENE_OCTETS ? 1 : size;
    for (size_t i = 1; i < size; i += step)
        dialogue_send(&d, (const char *)data + i, step < size - i ? step : size - i);
    if (scene & SCENE_SHUTDOWN)
        conn_shutdown_all(d.loop);
    loop_run_ready(d.loop);
    size_t n_accepted = dialogue_check_replies(conn_memory_output(d.conn));
    if (n_accepted == 0 && !conn_memory_is_closed(d.conn))
        ASSERT(d.store.n_delivered == 0);
    for (const struct fake_delivery *one = d.store.last; one != NULL; one = one->next) {
        bool is_bounce = one->destination[0] != '\0' && one->reverse_path[0] == '\0';
        ASSERT(is_bounce || slice_ends_with(slice_from_cstr(one->address), SLICE("@relay.test")));
    }
    dialogue_close(&d);
    return 0;
}
