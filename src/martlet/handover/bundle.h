// SPDX-License-Identifier: MIT
// What the parent gives the relay over the channel: the configuration as text, certificate and key, app versions, and
// which inherited descriptor is for which service. So the relay opens no file outside its state directory.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

enum {
    BUNDLE_LISTENERS_MAX = 64,
    BUNDLE_OVERRIDES_MAX = 256,
    BUNDLE_SERVICE_NAME_MAX = 31,
    BUNDLE_ENCODED_MAX = 4 * 1024 * 1024,
};

struct bundle_listener {
    int fd; // the same number in both processes; not owned; a listening socket, or a bound one of UDP
    char service[BUNDLE_SERVICE_NAME_MAX + 1];
};

// All strings are owned and NUL-terminated.
struct bundle {
    char *config_name; // stands in complaints
    char *config_text;
    char *overrides[BUNDLE_OVERRIDES_MAX + 1]; // "key=value", NULL-terminated
    size_t n_overrides;
    char *cert_pem, *key_pem;
    char *app_versions; // one line of JSON, checked; "" when there is none
    struct bundle_listener listeners[BUNDLE_LISTENERS_MAX];
    size_t n_listeners;
    bool has_public_certificate; // clients can verify it by themselves: false for a self-signed one
    bool is_dev;                 // the relay runs as the owner of the state directory, not as the configured user
};

// An empty bundle: every string "".
struct bundle *bundle_new(void);
// Wipes the key. NULL is accepted.
void bundle_free(struct bundle *b);
// Replaces the string at *field by a copy of s.
void bundle_set(char **field, struct slice s);
// False when there are too many.
MUST_USE bool bundle_add_override(struct bundle *b, struct slice s);
MUST_USE bool bundle_add_listener(struct bundle *b, int fd, struct slice service);

// The port of the first socket of a service, `registered` when there is none.
uint16_t bundle_port(const struct bundle *b, const char *service, uint16_t registered);

// Appends the encoded form. False when ret's maximum would be exceeded.
MUST_USE bool bundle_write(const struct bundle *b, struct buf *ret);
// NULL when it is malformed.
MUST_USE struct bundle *bundle_parse(struct slice encoded);
