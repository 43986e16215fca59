// SPDX-License-Identifier: MIT
#include "martlet/relay/wire_metadata.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "turn/turn.h"

struct wire_metadata {
    struct turn_server *turn;
    pthread_mutex_t lock; // of what follows
    char *irohrelay, *app_versions;
};

struct wire_metadata *wire_metadata_new(struct turn_server *turn) {
    struct wire_metadata *m = MEM_NEW(struct wire_metadata);
    m->turn = turn;
    ASSERT(pthread_mutex_init(&m->lock, NULL) == 0);
    m->irohrelay = slice_dup(SLICE_EMPTY);
    m->app_versions = slice_dup(SLICE_EMPTY);
    return m;
}

void wire_metadata_set(struct wire_metadata *m, const char *irohrelay, const char *app_versions) {
    char *next[] = {slice_dup(slice_from_cstr(irohrelay)), slice_dup(slice_from_cstr(app_versions))};
    pthread_mutex_lock(&m->lock);
    char *old[] = {m->irohrelay, m->app_versions};
    m->irohrelay = next[0];
    m->app_versions = next[1];
    pthread_mutex_unlock(&m->lock);
    free(old[0]);
    free(old[1]);
}

void wire_metadata_free(struct wire_metadata *m) {
    if (m == NULL)
        return;
    free(m->irohrelay);
    free(m->app_versions);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

static void say(struct wire_metadata *m, char *const *text, struct buf *out) {
    pthread_mutex_lock(&m->lock);
    // A URL and a file of APP_VERSIONS_MAX are shorter than what is accepted.
    ASSERT(buf_append_cstr(out, *text));
    pthread_mutex_unlock(&m->lock);
}

static void say_irohrelay(void *arg, struct buf *out) {
    struct wire_metadata *m = arg;
    say(m, &m->irohrelay, out);
}

static void say_app_versions(void *arg, struct buf *out) {
    struct wire_metadata *m = arg;
    say(m, &m->app_versions, out);
}

static void say_turn(void *arg, struct buf *out) {
    const struct wire_metadata *m = arg;
    char credentials[TURN_CREDENTIALS_MAX];
    if (turn_credentials(m->turn, credentials))
        ASSERT(buf_append_cstr(out, credentials));
}

const struct imap_metadata_ops wire_metadata_ops = {
    .irohrelay = say_irohrelay, .turn = say_turn, .appversions = say_app_versions};
