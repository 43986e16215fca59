// SPDX-License-Identifier: MIT
// Everything that speaks to others of its own accord, on one loop and thread: the resolver, the HTTP and SMTP clients,
// the queue, notifications, and the keeper of the keys that sign; and expiry, which bothers no loop of clients here.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

struct config;
struct config_holder;
struct crew;
struct dns_resolver;
struct intake;
struct outbound;
struct store;
struct worker_pool;

struct outbound_settings {
    struct config_holder *config;
    struct store *store; // opened; no operation was submitted yet
    struct worker_pool *workers;
    bool has_place_in_dns; // else nothing is asked there that no user wants to know
    // For expiry: whether the account has a session. Any thread; used until outbound_end().
    bool (*is_in_use)(void *arg, uint64_t account_id);
    void *in_use_arg;
};

// The loop, the resolver and the clients; nothing runs yet. NULL with a sentence, which is static or thread-local as in
// all of these.
MUST_USE struct outbound *outbound_new(const struct outbound_settings *s, const char **ret_error);
// Its one loop, for a watch over it.
struct crew *outbound_crew(struct outbound *o);
struct dns_resolver *outbound_dns(struct outbound *o);
// The queue, the keys and notifications, once there is an intake that uses them. False with a sentence.
MUST_USE bool outbound_build(struct outbound *o, struct intake *intake, const char **ret_error);
// Starts the thread.
void outbound_start(struct outbound *o);
// After a reload, when `c` is in the holder: other roots or another notification gateway, perhaps. When the roots
// cannot be read, those in use stay; a warning says so. (A file that was put in the place of ca_file is out of the
// sandbox's reach: its rule is about the file that was there.)
void outbound_reload(struct outbound *o, const struct config *c);
// Tells queue and notifications to stop and returns at once: nothing new is tried, what is kept open is closed, what is
// under way ends or is given up after a few seconds. Inbound mail may still ask the resolver.
void outbound_rest(struct outbound *o);
// Waits for that, telling it first if need be; then the thread ends. Without effect when it does not
// run.
void outbound_stop(struct outbound *o);
// Takes down what stands on the loop, then runs what was posted to it and frees it: after workers and store have ended.
// NULL is accepted.
void outbound_end(struct outbound *o);
// After all other loops were freed: their queries refer to the resolver. NULL is accepted.
void outbound_free(struct outbound *o);

// False: our domain is an IP address, there are no keys.
bool outbound_signs(const struct outbound *o);

// Whether clients are notified under this configuration. *ret_why, else NULL: the gateway that it names cannot be used.
bool outbound_notifies(const struct outbound *o, const struct config *c, const char **ret_why);

// For the control socket; `arg` is the struct outbound. Any thread; those of the keys where it signs.
json_t *outbound_dkim_list(void *arg);
void outbound_dkim_reload(void *arg);
void outbound_give_up(void *arg, struct slice destination, uint64_t due_id);
