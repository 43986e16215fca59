// SPDX-License-Identifier: MIT
// The parent's side of the helper that looks after an ACME certificate (martlet/acme/run.c): starts it when
// STATE/acme/status says that it is time, reaps it, and kills it with its children when it hangs.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "martlet/parent/helper.h"

struct config;

struct acme_helper {
    struct helper process;
    uint64_t rest_until_ms; // it has ended badly: a look is not taken again at once, whatever the status says
    bool has_looked;        // since the start of the program
    bool is_asked;          // an operator wants it at once
};

enum { ACME_HELPER_LIFE_MAX_MS = 15 * 60 * 1000 };

// Starts a helper when one is due. `has_certificate`: the pair in force is the CA's.
void acme_helper_look(struct acme_helper *h, const struct config *config, bool has_certificate);
// Kills it when it has had its time / in any case, and waits for its end.
void acme_helper_check(struct acme_helper *h, uint64_t now_ms);
void acme_helper_stop(struct acme_helper *h);
// Whether the process that ended was the helper.
bool acme_helper_ended(struct acme_helper *h, pid_t pid, int status);
