// SPDX-License-Identifier: MIT
// Accounts for tests: who logs in and who may send is settled by what the test says. Completes by a posted task.
#pragma once

#include <stdint.h>

#include "account/account.h"

// Password "wrong-password" is denied, "no-store" finds the service unavailable, anything else is right. Who is called
// "blocked..." may not send.
struct account_service {
    uint64_t sends_left; // units of rate
    uint64_t sends_taken;
    uint64_t logins;
    uint64_t account_id, inbox_id; // of everybody; 0: some that no store knows
};
