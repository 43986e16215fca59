// SPDX-License-Identifier: MIT
// The relay's own DKIM keys on the disk: `dkim/SELECTOR.pem` in the state directory, PKCS #8, for the owner alone. A
// file there is a key that may sign; which ones do is decided by keeper.h. Errors are sentences that name the
// file.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "dkim/keyring.h"
#include "martlet/host/files.h"

enum {
    DKIM_KEYS_MAX = 16,
    DKIM_SELECTOR_SIZE = 64, // one label (RFC 1035 section 2.3.4) and NUL
};

struct dkim_key_entry {
    char selector[DKIM_SELECTOR_SIZE];
    struct dkim_private_key *key; // a reference
    int64_t made_s;               // Unix time
};
struct dkim_keys {
    struct dkim_key_entry list[DKIM_KEYS_MAX]; // the oldest first
    size_t n;
};

// Labels of lower-case letters, digits, "-" and "_", none of them empty: what can be a file name everywhere.
MUST_USE bool dkim_selector_is_valid(const char *selector);
// The selector of the Ed25519 key that goes with an RSA key's: "opendkim-ed25519".
void dkim_selector_of_ed25519(const char *selector, char ret[DKIM_SELECTOR_SIZE]);

// Reads what is there. A file that is no key is an error: to sign with another one by accident would cost mail.
MUST_USE bool dkim_keys_load(const char *state_dir, struct dkim_keys *ret, char ret_error[FILES_ERROR_MAX]);
// Makes a key and writes it, durably, unless a file of that name is there (which is an error).
MUST_USE bool dkim_keys_make(const char *state_dir, const char *selector, enum dkim_algorithm algorithm,
                             char ret_error[FILES_ERROR_MAX]);
// A state directory without an RSA key is new: makes that key and the Ed25519 key that goes with it, and reads all of
// them into *keys again, which holds what dkim_keys_load() gave and stays valid.
MUST_USE bool dkim_keys_make_first(const char *state_dir, const char *selector, struct dkim_keys *keys,
                                   char ret_error[FILES_ERROR_MAX]);
MUST_USE bool dkim_keys_remove(const char *state_dir, const char *selector, char ret_error[FILES_ERROR_MAX]);
// The selectors that signed last, kept in `dkim/active`; "" for none. What cannot be read is "".
void dkim_keys_read_active(const char *state_dir, char ret_rsa[DKIM_SELECTOR_SIZE],
                           char ret_ed25519[DKIM_SELECTOR_SIZE]);
MUST_USE bool dkim_keys_write_active(const char *state_dir, const char *rsa, const char *ed25519,
                                     char ret_error[FILES_ERROR_MAX]);
// A zeroed struct is accepted.
void dkim_keys_done(struct dkim_keys *keys);
const struct dkim_key_entry *dkim_keys_find(const struct dkim_keys *keys, const char *selector);
// NULL when there is none of this algorithm.
const struct dkim_key_entry *dkim_keys_oldest(const struct dkim_keys *keys, enum dkim_algorithm algorithm);
