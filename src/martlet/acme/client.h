// SPDX-License-Identifier: MIT
// Runs uacme(1), the ACME client (RFC 8555), and keeps what it prints.
#pragma once

#include "base/buf.h"
#include "base/panic.h"

#define ACME_ENV_STATE_DIR "MARTLET_STATE_DIR" // for the hook: where the relay's control socket is
#define ACME_ENV_DNS_HOOK "MARTLET_DNS_HOOK"   // the operator's program for dns-01, or ""

enum {
    ACME_CLIENT_ARGS_MAX = 24,
    ACME_CLIENT_OUTPUT_MAX = 64 * 1024, // what comes after that is dropped
    ACME_CLIENT_MISSING = 127,
};

// Runs uacme with `args` (NULL-terminated, without the program's name) in the directory acme_fd and waits. Returns its
// exit status, ACME_CLIENT_MISSING when there is no such program, -1 when it was killed. It ends with this process.
MUST_USE int acme_client_run(int acme_fd, const char *const *args, struct buf *ret_output);
