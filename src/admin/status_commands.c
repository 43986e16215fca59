// SPDX-License-Identifier: MIT
// How the relay is, in one object. What is not well, or soon may not be, stands in "attention", a sentence each. The
// parts that this room does not know describe themselves (struct control_section).
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "account/resources.h"
#include "account/service.h"
#include "admin/command.h"
#include "admin/history.h"
#include "admin/session.h"
#include "admin/status.h"
#include "admin/store_gauges.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "config/config.h"
#include "store/queue_operator_ops.h"

enum { LARGEST_MAX = 5, PAGE = STORE_QUEUE_PAGE_MAX, SENTENCE_MAX = 512 };

// ---- attention ----

void control_attention(json_t *attention, const char *fmt, ...) {
    char sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    json_t *text = json_string(sentence);
    if (text == NULL) { // not UTF-8: the name of a directory, or a character that was cut
        for (char *p = sentence; *p != '\0'; p++)
            *p = (unsigned char)*p < 0x80 ? *p : '?';
        text = json_string(sentence);
    }
    ASSERT(json_array_append_new(attention, text) == 0);
}

bool control_attention_limit(json_t *attention, const char *what, uint64_t used, uint64_t limit) {
    if (limit == 0 || used < limit - limit / 5)
        return false;
    control_attention(attention, "%s: %llu of %llu are in use", what, (unsigned long long)used,
                      (unsigned long long)limit);
    return true;
}

void control_limit(json_t *list, const char *name, uint64_t used, uint64_t limit, json_t *attention) {
    if (limit == 0)
        return;
    (void)control_attention_limit(attention, name, used, limit);
    ASSERT(json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "name", name, "used", (json_int_t)used, "limit",
                                                 (json_int_t)limit)) == 0);
}

static json_t *attention_of(struct control_session *s) {
    return json_object_get(s->answer, "attention");
}

// The rows of the parts come first.
static json_t *limits_of(struct control_session *s) {
    json_t *limits = json_object_get(s->answer, "limits");
    if (limits == NULL) {
        limits = json_array();
        ASSERT(json_object_set_new(s->answer, "limits", limits) == 0);
    }
    return limits;
}

static void put(struct control_session *s, const char *name, json_t *value) {
    if (value != NULL)
        ASSERT(json_object_set_new(s->answer, name, value) == 0);
}

// ---- messages ----

static json_t *describe_span(struct control_history *h, uint64_t seconds) {
    static const char *const names[CONTROL_N_SERIES] = {
        [CONTROL_SUBMITTED] = "submitted", [CONTROL_INBOUND] = "inbound", [CONTROL_DELIVERED] = "delivered",
        [CONTROL_SENT] = "sent",           [CONTROL_REFUSED] = "refused", [CONTROL_CREATED] = "accounts",
    };
    json_t *span = json_object();
    for (size_t i = 0; i < CONTROL_N_SERIES; i++)
        ASSERT(json_object_set_new(
                   span, names[i],
                   json_integer((json_int_t)control_history_added(h, (enum control_series)i, seconds))) == 0);
    return span;
}

static json_t *describe_messages(struct control_history *h) {
    if (h == NULL)
        return NULL;
    return json_pack("{s:o, s:o, s:o}", "minute", describe_span(h, 60), "hour", describe_span(h, 3600), "day",
                     describe_span(h, 24 * 3600));
}

// ---- disk ----

static json_int_t size_of(int dir, const char *name) {
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (json_int_t)st.st_size : 0;
}

// Sizes. No sentence: what is too little of the disk is said in octets, below, and a mailbox is emptied by itself.
static void add_octets(json_t *limits, const char *name, uint64_t used, uint64_t limit) {
    ASSERT(json_array_append_new(limits, json_pack("{s:s, s:I, s:I, s:b}", "name", name, "used", (json_int_t)used,
                                                   "limit", (json_int_t)limit, "octets", true)) == 0);
}

static json_t *describe_store(const struct config *c, json_t *limits, json_t *attention) {
    struct statvfs fs;
    int dir = open(c->state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return NULL;
    json_t *store = json_pack("{s:I, s:I, s:I, s:I, s:I}", "accounts", (json_int_t)metrics_read("martlet_accounts"),
                              "messages", (json_int_t)metrics_read("martlet_stored_messages"), "database_octets",
                              size_of(dir, "martlet.db"), "journal_octets", size_of(dir, "martlet.db-wal"),
                              "files_octets", (json_int_t)metrics_read("martlet_stored_files_bytes"));
    (void)close(dir);
    add_octets(limits, "the fullest mailbox", (uint64_t)metrics_read("martlet_fullest_account_bytes"),
               c->max_mailbox_size);
    if (statvfs(c->state_dir, &fs) == 0) {
        uint64_t free_octets = (uint64_t)fs.f_bavail * fs.f_frsize, least = c->min_free_disk_space;
        ASSERT(json_object_set_new(store, "free_octets", json_integer((json_int_t)free_octets)) == 0);
        uint64_t all_octets = (uint64_t)fs.f_blocks * fs.f_frsize;
        add_octets(limits, "the disk", all_octets - free_octets, all_octets); // what root keeps for itself is taken
        if (free_octets < least + least / 4)
            control_attention(attention,
                              "the disk of %.200s has %llu MB left; no accounts are made below %llu MB "
                              "(min_free_disk_space)",
                              c->state_dir, (unsigned long long)(free_octets >> 20), (unsigned long long)(least >> 20));
    }
    return store;
}

// ---- what new accounts want of the machine ----

// The same numbers as the rules of account/rules.c have.
static void judge_resources(const struct control_server *server, const struct config *c, json_t *attention) {
    enum { MIB = 1024 * 1024 };
    struct account_resource_values v;
    if (server->accounts == NULL)
        return;
    account_resources_read(server->accounts->resources, &v);
    unsigned long long want_mb = c->min_available_memory / MIB;
    if (v.has_load && v.load_1m > c->max_load_1m)
        control_attention(attention, "the load of this machine is %.2f; no accounts are made above %g (max_load_1m)",
                          v.load_1m, c->max_load_1m);
    if (v.has_memory && v.memory_mb < want_mb)
        control_attention(attention,
                          "this machine has %llu MB of memory available; no accounts are made below %llu MB "
                          "(min_available_memory)",
                          (unsigned long long)v.memory_mb, want_mb);
}

// ---- the queue ----

static void finish(struct control_session *s) {
    json_t *answer = s->answer;
    s->answer = NULL;
    control_ok(s, answer);
}

static void fail_queue(struct control_session *s) {
    control_attention(attention_of(s), "the store cannot be read; the relay's log says why");
    finish(s);
}

// Keeps those with the most messages, most first.
static void keep_largest(json_t *largest, const struct store_destination *d) {
    size_t at = json_array_size(largest);
    while (at > 0 &&
           json_integer_value(json_object_get(json_array_get(largest, at - 1), "messages")) < (json_int_t)d->dues)
        at--;
    if (at >= LARGEST_MAX)
        return;
    json_t *row =
        json_pack("{s:s, s:I, s:s}", "destination", d->name, "messages", (json_int_t)d->dues, "error", d->last_error);
    if (row == NULL) // JSON has no word for what is not UTF-8
        return;
    ASSERT(json_array_insert_new(largest, at, row) == 0);
    if (json_array_size(largest) > LARGEST_MAX)
        ASSERT(json_array_remove(largest, LARGEST_MAX) == 0);
}

static void list_page(struct control_session *s);

static void on_page(struct control_session *s, struct store_op *op) {
    const struct store_queue_list *list = CONTAINER_OF(op, struct store_queue_list, op);
    if (op->status != STORE_OK) {
        fail_queue(s);
        return;
    }
    json_t *largest = json_object_get(json_object_get(s->answer, "queue"), "largest");
    for (size_t i = 0; i < list->ret_n; i++) {
        (void)snprintf(s->destination, sizeof(s->destination), "%s", list->ret_destinations[i].name);
        keep_largest(largest, &list->ret_destinations[i]);
    }
    control_go_on(s, list->ret_more ? list_page : finish);
}

static void list_page(struct control_session *s) {
    control_submit(s, &store_queue_list_new(slice_from_cstr(s->destination), PAGE)->op, on_page);
}

// From the gauges that were just read.
static bool describe_queue(json_t *limits, json_t *attention, json_t **ret) {
    const struct metric *waiting = metrics_find("martlet_queue_waiting");
    int64_t n[3];
    for (size_t i = 0; i < ARRAY_LEN(n); i++)
        if (waiting == NULL || !metric_read(waiting, i, &n[i]))
            return false;
    *ret = json_pack("{s:I, s:I, s:I, s:I, s:[]}", "destinations", (json_int_t)n[0], "messages", (json_int_t)n[1],
                     "recipients", (json_int_t)n[2], "oldest_s",
                     (json_int_t)metrics_read("martlet_queue_oldest_seconds"), "largest");
    control_limit(limits, "places in the queue", (uint64_t)n[1], STORE_QUEUE_DUES_MAX, attention);
    return true;
}

// ---- all of it ----

static void describe(struct store_gauges_asker *a) {
    struct control_session *s = CONTAINER_OF(a, struct control_session, gauges);
    const struct control_server *server = s->server;
    const struct config *c = config_acquire(server->config);
    s->answer =
        json_pack("{s:b, s:s, s:s, s:I, s:[]}", "running", true, "version", MARTLET_VERSION, "domain", c->mail_domain,
                  "uptime_s", (json_int_t)((clock_mono_ms() - server->started_ms) / 1000), "attention");
    ASSERT(s->answer != NULL);
    for (size_t i = 0; i < server->n_sections; i++)
        put(s, server->sections[i].name, server->sections[i].describe(server->sections[i].arg, attention_of(s)));
    put(s, "messages", describe_messages(server->history));
    put(s, "store", describe_store(c, limits_of(s), attention_of(s)));
    judge_resources(server, c, attention_of(s));
    config_release(server->config, c);
    json_t *queue;
    if (!describe_queue(limits_of(s), attention_of(s), &queue)) {
        fail_queue(s);
        return;
    }
    put(s, "queue", queue);
    s->destination[0] = '\0';
    list_page(s);
}

void control_status(struct control_session *s, const json_t *request) {
    s->gauges = (struct store_gauges_asker){.store = s->server->store, .loop = conn_loop(s->conn), .next = describe};
    store_gauges_read(&s->gauges);
}
