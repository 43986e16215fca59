// SPDX-License-Identifier: MIT
// What the room counts: logins, and accounts that came into being by one. Any thread.
#pragma once

#include <stdint.h>

#include "account/account.h"

// Once, so that zeroes are seen as well.
void account_counts_register(void);
// `us`: how long it took to find out.
void account_count_login(enum account_protocol protocol, enum account_verdict verdict, uint64_t us);
void account_count_created(const char *address);
void account_count_deleted(void);
// A login that would have made an account, had the rules allowed it.
void account_count_refused(void);
