// SPDX-License-Identifier: MIT
// What the room counts: logins, and accounts that came into being by one. Any thread.
#pragma once

#include "account/account.h"

// Once, so that zeroes are seen as well.
void account_counts_register(void);
void account_count_login(enum account_protocol protocol, enum account_verdict verdict);
void account_count_created(void);
// A login that would have made an account, had the rules allowed it.
void account_count_refused(void);
