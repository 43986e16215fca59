// SPDX-License-Identifier: MIT
// Decides which of the relay's DKIM keys sign. It looks into the DNS whether each key's record is published, and
// changes to the newest RSA key that is; so an operator makes a key, publishes its record, and mail never carries a
// signature that nobody can verify. An Ed25519 key signs beside it (RFC 8463) once its record is seen. Until anything
// was seen, the key used last signs. Lives on the outbound loop; what others ask is answered from a copy under a lock.
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"
#include "martlet/host/files.h"

struct dkim_keeper;
struct dkim_signer;
struct dns_resolver;
struct loop;
struct worker_pool;

struct dkim_keeper_settings {
    const char *state_dir;
    const char *domain;   // ours
    const char *selector; // of the first RSA key
    struct loop *loop;
    struct worker_pool *workers; // files are read and written there
    struct dns_resolver *dns;    // NULL: nothing is looked up, the key used last signs
    // The keys that sign from now on. Any thread.
    void (*use)(void *arg, const struct dkim_signer *signers, size_t n);
    void *arg;
};

// Reads the keys, makes those that are missing (the first RSA key and the Ed25519 key that goes with it) and calls
// use(). Before the loops run: it takes up to a second. NULL with a sentence.
MUST_USE struct dkim_keeper *dkim_keeper_new(const struct dkim_keeper_settings *s, char ret_error[FILES_ERROR_MAX]);
// On the loop: begins to look into the DNS.
void dkim_keeper_start(struct dkim_keeper *k);
// On the loop: no more questions.
void dkim_keeper_stop(struct dkim_keeper *k);
// After the loop and the workers have ended. NULL is accepted.
void dkim_keeper_free(struct dkim_keeper *k);

// Any thread. An array of {"selector", "algorithm", "signs", "published": "yes" | "no" | "other" | "unknown", "name",
// "record"}, the oldest key first; the caller's.
json_t *dkim_keeper_list(struct dkim_keeper *k);
// Any thread: the files have changed, read them again and look into the DNS.
void dkim_keeper_reload(struct dkim_keeper *k);
