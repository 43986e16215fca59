// SPDX-License-Identifier: MIT
#include "store/effects.h"

#include <openssl/crypto.h>

#include "base/mem.h"

enum { EFFECTS_KEEP_UIDS = 4096, EFFECTS_KEEP_NEWS = 1024 };

// Makes room for `more` elements of `size` octets behind the n that are there.
static void *grown(void *array, size_t n, size_t more, size_t size, size_t *cap) {
    if (n + more <= *cap)
        return array;
    size_t want = *cap > 0 ? *cap * 2 : 16;
    while (want < n + more)
        want *= 2;
    *cap = want;
    return mem_realloc(array, want * size);
}

void effects_add_change(struct effects *e, const struct store_change *change) {
    e->changes = grown(e->changes, e->n_changes, 1, sizeof(*e->changes), &e->cap_changes);
    e->uids = grown(e->uids, e->n_uids, change->n_uids, sizeof(*e->uids), &e->cap_uids);
    e->changes[e->n_changes++] = (struct effects_change){.change = *change, .first_uid = e->n_uids};
    if (change->n_uids > 0)
        memcpy(e->uids + e->n_uids, change->uids, change->n_uids * sizeof(*e->uids));
    e->n_uids += change->n_uids;
}

void effects_add_unlink(struct effects *e, const struct body_name *name) {
    e->unlinks = grown(e->unlinks, e->n_unlinks, 1, sizeof(*e->unlinks), &e->cap_unlinks);
    e->unlinks[e->n_unlinks++] = *name;
}

void effects_add_kept(struct effects *e, struct store_body *body) {
    e->kept = grown(e->kept, e->n_kept, 1, sizeof(struct store_body *), &e->cap_kept);
    e->kept[e->n_kept++] = body;
}

void effects_add_news(struct effects *e, const char *destination, int64_t not_before, struct store_due *due) {
    e->news = grown(e->news, e->n_news, 1, sizeof(*e->news), &e->cap_news);
    e->news[e->n_news++] = (struct effects_news){mem_strndup(destination, strlen(destination)), not_before, due};
}

void effects_add_pushes(struct effects *e, size_t n) {
    e->n_pushes += n;
}

static void free_news(struct effects *e, size_t keep) {
    while (e->n_news > keep) {
        struct effects_news *n = &e->news[--e->n_news];
        if (n->due != NULL) {
            OPENSSL_cleanse(n->due->body_key, sizeof(n->due->body_key));
            free(n->due->recipients);
            free(n->due);
        }
        free(n->destination);
    }
}

struct effects_mark effects_mark(const struct effects *e) {
    return (struct effects_mark){e->n_changes, e->n_uids, e->n_unlinks, e->n_kept, e->n_news, e->n_pushes};
}

void effects_rewind(struct effects *e, struct effects_mark mark) {
    e->n_changes = mark.changes;
    e->n_uids = mark.uids;
    e->n_unlinks = mark.unlinks;
    e->n_kept = mark.kept;
    e->n_pushes = mark.pushes;
    free_news(e, mark.news);
}

void effects_publish(struct effects *e, store_on_change *on_change, void *arg) {
    if (on_change == NULL)
        return;
    for (size_t i = 0; i < e->n_changes; i++) {
        struct store_change change = e->changes[i].change;
        change.uids = change.n_uids > 0 ? e->uids + e->changes[i].first_uid : NULL;
        on_change(arg, &change);
    }
}

void effects_publish_news(struct effects *e, store_on_queue *on_queue, void *arg) {
    if (on_queue == NULL)
        return;
    for (size_t i = 0; i < e->n_news; i++) {
        const struct effects_news *n = &e->news[i];
        on_queue(arg, &(struct store_queue_news){n->destination, n->not_before, n->due});
    }
}

void effects_publish_pushes(struct effects *e, store_on_push *on_push, void *arg) {
    if (on_push != NULL && e->n_pushes > 0)
        on_push(arg);
}

void effects_reset(struct effects *e) {
    if (e->cap_uids > EFFECTS_KEEP_UIDS || e->cap_news > EFFECTS_KEEP_NEWS) {
        effects_done(e);
        return;
    }
    effects_rewind(e, (struct effects_mark){0});
}

void effects_done(struct effects *e) {
    free_news(e, 0);
    free(e->news);
    free(e->changes);
    free(e->uids);
    free(e->unlinks);
    free(e->kept);
    *e = (struct effects){0};
}
