// SPDX-License-Identifier: MIT
// What `martlet init` makes: configuration, state directory, keys. What is there already is left as it is. Each
// function says whether it has made something, and fails with a sentence.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/panic.h"
#include "base/slice.h"
#include "martlet/host/files.h"

struct config;

struct init_owner {
    const char *name; // "" when not root: all belongs to who runs this
    uid_t uid;
    gid_t gid;
};

// Writes the file, which everybody may read (it holds no secret), whole or not at all, and never over another one.
// Directories above it are made.
MUST_USE bool init_write_config(const char *path, struct slice text, char ret_error[FILES_ERROR_MAX]);
// The state directory, for its owner alone. An empty one of root's is given to the owner; any other one must be his.
// ret_path: without links and dots, as the relay's sandbox needs it.
MUST_USE bool init_make_state(const char *dir, const struct init_owner *owner, char ret_path[PATH_MAX], bool *ret_made,
                              char ret_error[FILES_ERROR_MAX]);
// The DKIM keys.
MUST_USE bool init_make_keys(const struct config *c, const struct init_owner *owner, bool *ret_made,
                             char ret_error[FILES_ERROR_MAX]);
// The self-signed certificate of a domain that has one.
MUST_USE bool init_make_certificate(const struct config *c, bool *ret_made, char ret_error[FILES_ERROR_MAX]);
