// SPDX-License-Identifier: MIT
// The rules that a new account must meet: tables, tried in order; the first that fails refuses. They touch the file
// system and belong on a worker thread. Existing accounts never meet them.
//
// With registration by invitation the password must prove one. Whether that invitation is still good, the store decides
// when it makes the account.
#pragma once

#include <stdbool.h>

#include "account/offer.h"
#include "base/panic.h"
#include "base/slice.h"
#include "config/config.h"

struct account_resources;

struct account_creation {
    struct slice address; // normalised, of our domain
    struct slice password;
    const struct config *config;
    struct account_resources *resources;
    const uint8_t *secret;                          // of invitations; NULL unless registration = invite
    uint8_t ret_invitation[ACCOUNT_INVITATION_LEN]; // with registration = invite: what the password proved
};

struct account_refusal {
    bool is_shortage; // the machine lacks something now: come again later; an operator wants to know
    char reason[96];  // "available memory 120MB < 200MB"; never the name or the password
};

MUST_USE bool account_rules_allow(struct account_creation *c, struct account_refusal *ret_refusal);

// Those that depend on the machine alone, before anybody is offered an account.
MUST_USE bool account_rules_allow_offer(const struct config *config, struct account_resources *resources,
                                        struct account_refusal *ret_refusal);
