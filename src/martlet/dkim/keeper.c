// SPDX-License-Identifier: MIT
#include "martlet/dkim/keeper.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "dkim/key.h"
#include "dkim/sign.h"
#include "martlet/dkim/keys.h"
#include "net/dns.h"
#include "net/dns_record.h"
#include "net/worker.h"

enum {
    LOOK_FIRST_MS = 5 * 1000,
    LOOK_SOON_MS = 5 * 60 * 1000, // while a record is missing
    LOOK_LATER_MS = 60 * 60 * 1000,
    NAME_SIZE = DKIM_SELECTOR_SIZE + sizeof("._domainkey.") + DKIM_DOMAIN_LEN_MAX,
};

enum published { UNKNOWN, YES, NO, OTHER };
static const char *const published_words[] = {"unknown", "yes", "no", "other"};

struct dkim_keeper {
    struct dkim_keeper_settings settings; // strings owned
    pthread_mutex_t file_lock;            // of the file that tells the choice; taken before the other
    pthread_mutex_t lock;                 // of what follows
    struct dkim_keys keys;
    enum published published[DKIM_KEYS_MAX];
    char rsa[DKIM_SELECTOR_SIZE], ed25519[DKIM_SELECTOR_SIZE]; // those that sign; "" for none

    // Loop thread.
    bool running;
    struct loop_timer timer;
    struct dns_query query;
    char asked[DKIM_SELECTOR_SIZE];
    size_t next; // key to look for

    // A reload: read on a worker, taken over on the loop.
    struct loop_task reload_task;
    bool reload_posted, reload_again; // under the lock
    struct worker_job job;
    struct dkim_keys fresh;
    bool is_fresh;
    char fresh_error[FILES_ERROR_MAX];
};

// ---- which keys sign ----

static const struct dkim_key_entry *newest_published(const struct dkim_keeper *k, enum dkim_algorithm algorithm) {
    for (size_t i = k->keys.n; i > 0; i--)
        if (k->published[i - 1] == YES && dkim_private_key_algorithm(k->keys.list[i - 1].key) == algorithm)
            return &k->keys.list[i - 1];
    return NULL;
}

// By what is known, else what signed last, else the operator's selector, else the oldest.
static const struct dkim_key_entry *choose_rsa(const struct dkim_keeper *k) {
    const struct dkim_key_entry *e = newest_published(k, DKIM_RSA_SHA256);
    if (e == NULL)
        e = dkim_keys_find(&k->keys, k->rsa);
    if (e == NULL)
        e = dkim_keys_find(&k->keys, k->settings.selector);
    if (e == NULL || dkim_private_key_algorithm(e->key) != DKIM_RSA_SHA256)
        e = dkim_keys_oldest(&k->keys, DKIM_RSA_SHA256);
    return e;
}

// A second signature that nobody can verify does no harm, but helps nobody either: only once its record was seen, and
// as long as nothing is known to the contrary.
static const struct dkim_key_entry *choose_ed25519(const struct dkim_keeper *k) {
    const struct dkim_key_entry *e = newest_published(k, DKIM_ED25519_SHA256);
    if (e != NULL || k->ed25519[0] == '\0')
        return e;
    e = dkim_keys_find(&k->keys, k->ed25519);
    return e != NULL && k->published[e - k->keys.list] == UNKNOWN ? e : NULL;
}

static void set_name(char ret[DKIM_SELECTOR_SIZE], const struct dkim_key_entry *e) {
    (void)snprintf(ret, DKIM_SELECTOR_SIZE, "%s", e != NULL ? e->selector : "");
}

// True when keys of other names sign than before; use() is called then, or always. With the lock held.
static bool choose(struct dkim_keeper *k, bool always) {
    const struct dkim_key_entry *const chosen[] = {choose_rsa(k), choose_ed25519(k)};
    char rsa[DKIM_SELECTOR_SIZE], ed25519[DKIM_SELECTOR_SIZE];
    set_name(rsa, chosen[0]);
    set_name(ed25519, chosen[1]);
    bool changed = strcmp(rsa, k->rsa) != 0 || strcmp(ed25519, k->ed25519) != 0;
    if (!changed && !always)
        return false;
    struct dkim_signer signers[DKIM_SIGNERS_MAX];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(chosen); i++)
        if (chosen[i] != NULL)
            signers[n++] =
                (struct dkim_signer){.key = chosen[i]->key, .selector = slice_from_cstr(chosen[i]->selector)};
    memcpy(k->rsa, rsa, sizeof(rsa));
    memcpy(k->ed25519, ed25519, sizeof(ed25519));
    k->settings.use(k->settings.arg, signers, n);
    return changed;
}

static void tell_choice(const struct dkim_keeper *k) {
    log_info("dkim.signing", "rsa=%s ed25519=%s", k->rsa, k->ed25519[0] != '\0' ? k->ed25519 : "none");
}

// A choice on its way to the disk, so that a restart does not begin with a key whose record has gone.
struct remember {
    struct worker_job job;
    struct dkim_keeper *keeper;
};

// One at a time, and each with what is true when it begins: the last one writes the last choice.
static void write_choice(struct worker_job *job) {
    struct dkim_keeper *k = CONTAINER_OF(job, struct remember, job)->keeper;
    char rsa[DKIM_SELECTOR_SIZE], ed25519[DKIM_SELECTOR_SIZE], error[FILES_ERROR_MAX];
    ASSERT(pthread_mutex_lock(&k->file_lock) == 0);
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    memcpy(rsa, k->rsa, sizeof(rsa));
    memcpy(ed25519, k->ed25519, sizeof(ed25519));
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    if (!dkim_keys_write_active(k->settings.state_dir, rsa, ed25519, error))
        log_error("dkim.unwritable", "error=\"%s\"", error);
    ASSERT(pthread_mutex_unlock(&k->file_lock) == 0);
}

static void forget_job(struct worker_job *job) {
    free(CONTAINER_OF(job, struct remember, job));
}

// On the loop.
static void remember_choice(struct dkim_keeper *k) {
    struct remember *r = MEM_NEW(struct remember);
    r->job = (struct worker_job){.work = write_choice, .done = forget_job};
    r->keeper = k;
    worker_pool_submit(k->settings.workers, k->settings.loop, &r->job);
    tell_choice(k);
}

// ---- what is published ----

static void look_for_next(struct dkim_keeper *k);

static enum published judge(const struct dkim_private_key *ours, const struct dns_answer *a) {
    if (a->status == DNS_NODATA || a->status == DNS_NXDOMAIN)
        return NO;
    if (a->status != DNS_OK)
        return UNKNOWN;
    for (size_t i = 0; i < a->n_records; i++) {
        char text[DKIM_RECORD_LEN_MAX];
        size_t len = 0;
        if (dns_txt_parse(a->records[i], text, sizeof(text), &len) &&
            dkim_private_key_is_published(ours, slice_make(text, len)))
            return YES;
    }
    return OTHER;
}

static void on_answer(void *arg, const struct dns_answer *a) {
    struct dkim_keeper *k = arg;
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    const struct dkim_key_entry *e = dkim_keys_find(&k->keys, k->asked);
    bool changed = false;
    if (e != NULL) {
        enum published now = judge(e->key, a);
        // What was known stays known while the DNS fails.
        if (now != UNKNOWN)
            k->published[e - k->keys.list] = now;
        changed = choose(k, false);
    }
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    if (changed)
        remember_choice(k);
    k->next++;
    look_for_next(k);
}

static bool all_published(struct dkim_keeper *k) {
    bool all = true;
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    for (size_t i = 0; i < k->keys.n; i++)
        all = all && k->published[i] == YES;
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    return all;
}

static void write_query_name(const struct dkim_keeper *k, const char *selector, char ret[NAME_SIZE]) {
    (void)snprintf(ret, NAME_SIZE, "%s._domainkey.%.*s", selector, DKIM_DOMAIN_LEN_MAX, k->settings.domain);
}

static void look_for_next(struct dkim_keeper *k) {
    bool found = false;
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    if (k->next < k->keys.n) {
        memcpy(k->asked, k->keys.list[k->next].selector, sizeof(k->asked));
        found = true;
    }
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    if (!found) {
        k->next = 0;
        loop_timer_start(&k->timer, all_published(k) ? LOOK_LATER_MS : LOOK_SOON_MS);
        return;
    }
    char name[NAME_SIZE];
    write_query_name(k, k->asked, name);
    dns_query_submit(k->settings.dns, k->settings.loop, &k->query, slice_from_cstr(name), DNS_TYPE_TXT, on_answer, k);
}

static void on_timer(struct loop_timer *timer) {
    struct dkim_keeper *k = CONTAINER_OF(timer, struct dkim_keeper, timer);
    if (k->running && k->settings.dns != NULL && !dns_query_is_running(&k->query))
        look_for_next(k);
}

void dkim_keeper_start(struct dkim_keeper *k) {
    k->running = true;
    if (k->settings.dns != NULL)
        loop_timer_start(&k->timer, LOOK_FIRST_MS);
}

void dkim_keeper_stop(struct dkim_keeper *k) {
    k->running = false;
    loop_timer_done(&k->timer);
    dns_query_cancel(&k->query);
}

// ---- files ----

static void read_files(struct worker_job *job) {
    struct dkim_keeper *k = CONTAINER_OF(job, struct dkim_keeper, job);
    k->is_fresh = dkim_keys_load(k->settings.state_dir, &k->fresh, k->fresh_error);
}

static bool is_same_key(const struct dkim_private_key *a, const struct dkim_private_key *b) {
    struct buf record;
    buf_init(&record, DKIM_RECORD_LEN_MAX);
    bool ok = dkim_private_key_record(a, &record);
    ASSERT(ok);
    bool is_same = dkim_private_key_is_published(b, buf_slice(&record));
    buf_done(&record);
    return is_same;
}

// What was seen of another key by this name says nothing of this one.
static enum published published_before(const struct dkim_keeper *k, const struct dkim_key_entry *fresh) {
    const struct dkim_key_entry *e = dkim_keys_find(&k->keys, fresh->selector);
    return e != NULL && is_same_key(e->key, fresh->key) ? k->published[e - k->keys.list] : UNKNOWN;
}

// With the lock held.
static void take_over(struct dkim_keeper *k, struct dkim_keys *fresh) {
    enum published published[DKIM_KEYS_MAX];
    for (size_t i = 0; i < fresh->n; i++)
        published[i] = published_before(k, &fresh->list[i]);
    memcpy(k->published, published, fresh->n * sizeof(published[0]));
    dkim_keys_done(&k->keys);
    k->keys = *fresh;
    *fresh = (struct dkim_keys){0};
}

static void start_reload(struct dkim_keeper *k);

static void on_files_read(struct worker_job *job) {
    struct dkim_keeper *k = CONTAINER_OF(job, struct dkim_keeper, job);
    bool changed = false;
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    // Nothing signs when the last RSA key was taken away: rather go on with the one in memory.
    bool usable = k->is_fresh && dkim_keys_oldest(&k->fresh, DKIM_RSA_SHA256) != NULL;
    if (usable) {
        take_over(k, &k->fresh);
        changed = choose(k, true); // the same name may be another key now
    }
    bool again = k->reload_again;
    k->reload_again = false;
    k->reload_posted = again;
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    if (!k->is_fresh)
        log_error("dkim.unreadable", "error=\"%s\"", k->fresh_error);
    dkim_keys_done(&k->fresh);
    if (!k->running) // the workers may be gone
        return;
    if (changed)
        remember_choice(k);
    if (again)
        start_reload(k);
    else if (k->settings.dns != NULL && !dns_query_is_running(&k->query)) {
        k->next = 0;
        look_for_next(k);
    }
}

static void start_reload(struct dkim_keeper *k) {
    k->job = (struct worker_job){.work = read_files, .done = on_files_read};
    worker_pool_submit(k->settings.workers, k->settings.loop, &k->job);
}

static void run_reload(struct loop_task *task) {
    struct dkim_keeper *k = CONTAINER_OF(task, struct dkim_keeper, reload_task);
    if (k->running)
        start_reload(k);
}

void dkim_keeper_reload(struct dkim_keeper *k) {
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    bool post = !k->reload_posted;
    k->reload_posted = true;
    k->reload_again = !post;
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    if (post)
        loop_post(k->settings.loop, &k->reload_task);
}

// ---- showing ----

static json_t *describe(const struct dkim_keeper *k, size_t i) {
    const struct dkim_key_entry *e = &k->keys.list[i];
    char name[NAME_SIZE];
    write_query_name(k, e->selector, name);
    struct buf record;
    buf_init(&record, DKIM_RECORD_LEN_MAX);
    bool ok = dkim_private_key_record(e->key, &record);
    ASSERT(ok);
    bool signs = strcmp(e->selector, k->rsa) == 0 || strcmp(e->selector, k->ed25519) == 0;
    json_t *row = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s%}", "selector", e->selector, "algorithm",
                            dkim_private_key_algorithm(e->key) == DKIM_RSA_SHA256 ? "rsa" : "ed25519", "signs",
                            (int)signs, "published", published_words[k->published[i]], "name", name, "record",
                            record.mem + record.start, record.len);
    buf_done(&record);
    return row;
}

json_t *dkim_keeper_list(struct dkim_keeper *k) {
    json_t *list = json_array();
    ASSERT(pthread_mutex_lock(&k->lock) == 0);
    for (size_t i = 0; i < k->keys.n; i++)
        (void)json_array_append_new(list, describe(k, i));
    ASSERT(pthread_mutex_unlock(&k->lock) == 0);
    return list;
}

// ---- building ----

struct dkim_keeper *dkim_keeper_new(const struct dkim_keeper_settings *s, char ret_error[FILES_ERROR_MAX]) {
    struct dkim_keys keys;
    if (!dkim_keys_load(s->state_dir, &keys, ret_error))
        return NULL;
    if (!dkim_keys_make_first(s->state_dir, s->selector, &keys, ret_error)) {
        dkim_keys_done(&keys);
        return NULL;
    }
    struct dkim_keeper *k = MEM_NEW(struct dkim_keeper);
    k->settings = *s;
    k->settings.state_dir = mem_strndup(s->state_dir, strlen(s->state_dir));
    k->settings.domain = mem_strndup(s->domain, strlen(s->domain));
    k->settings.selector = mem_strndup(s->selector, strlen(s->selector));
    ASSERT(pthread_mutex_init(&k->lock, NULL) == 0 && pthread_mutex_init(&k->file_lock, NULL) == 0);
    k->keys = keys;
    k->reload_task.run = run_reload;
    loop_timer_init(&k->timer, s->loop, on_timer);
    dkim_keys_read_active(s->state_dir, k->rsa, k->ed25519);
    (void)choose(k, true);
    tell_choice(k);
    return k;
}

void dkim_keeper_free(struct dkim_keeper *k) {
    if (k == NULL)
        return;
    dkim_keys_done(&k->keys);
    dkim_keys_done(&k->fresh);
    (void)pthread_mutex_destroy(&k->lock);
    (void)pthread_mutex_destroy(&k->file_lock);
    free((char *)k->settings.state_dir);
    free((char *)k->settings.domain);
    free((char *)k->settings.selector);
    free(k);
}
