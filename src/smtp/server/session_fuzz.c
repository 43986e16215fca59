// SPDX-License-Identifier: MIT
// A whole session on any octets, with the real intake, gate and header code above a store in memory. The first octet
// chooses the scene: TLS or not, logged in or not, inside DATA already, a slow disk, small limits, and how the octets
// are cut. Checked: no octet of a message is stored unless it was acknowledged, replies are well-formed lines, nothing
// is left over.
#include <stdlib.h>

#include "base/log.h"
#include "base/panic.h"
#include "net/listener.h"
#include "smtp/server/dialogue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum scene {
    SCENE_CLEAR = 1 << 0,
    SCENE_STRANGER = 1 << 1,
    SCENE_IN_DATA = 1 << 2,
    SCENE_SLOW = 1 << 3,
    SCENE_SMALL = 1 << 4,
    SCENE_OCTETS = 1 << 5, // one at a time
    SCENE_SHUTDOWN = 1 << 6,
    SCENE_TIMEOUT = 1 << 7,
};

static void feed(struct dialogue *d, unsigned scene, const uint8_t *data, size_t size) {
    size_t step = scene & SCENE_OCTETS ? 1 : size;
    for (size_t i = 0; i < size; i += step)
        dialogue_send(d, (const char *)data + i, step);
    if (scene & SCENE_TIMEOUT)
        conn_memory_timeout(d->conn);
    if (scene & SCENE_SHUTDOWN)
        conn_shutdown_all(d->loop);
    loop_run_ready(d->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const small[] = {"max_message_size=3000", NULL};
    if (size == 0)
        return 0;
    unsigned scene = data[0];
    struct dialogue d;
    log_set_level(LOG_LEVEL_ERROR);
    dialogue_open(&d, !(scene & SCENE_CLEAR), scene & SCENE_SMALL ? small : NULL);
    d.store.is_slow = scene & SCENE_SLOW;
    if (!(scene & (SCENE_CLEAR | SCENE_STRANGER)))
        ASSERT(dialogue_run(&d, "S: 220*\nHELLO\nAUTH alice\n"));
    if ((scene & SCENE_IN_DATA) && !(scene & (SCENE_CLEAR | SCENE_STRANGER)))
        ASSERT(dialogue_run(&d, "TO bob nobody far@other.example\n"));
    feed(&d, scene, data + 1, size - 1);
    // Nothing is stored that was not acknowledged (when the session ended early, the acknowledgement may be lost).
    size_t accepted = dialogue_check_replies(conn_memory_output(d.conn));
    if (accepted == 0 && !conn_memory_is_closed(d.conn))
        ASSERT(d.store.n_delivered == 0);
    dialogue_close(&d);
    return 0;
}
