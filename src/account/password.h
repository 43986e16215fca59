// SPDX-License-Identifier: MIT
// Password hashes as crypt(3) knows them. New ones are yescrypt at its cheapest cost, about a millisecond and a
// mebibyte: clients invent long random passwords, and a login storm must stay affordable. Everything here takes that
// long and belongs on a worker thread.
#pragma once

#include <stdbool.h>

#include "base/panic.h"
#include "store/account_ops.h"

// What crypt(3) takes; longer ones are refused, never shortened.
enum { ACCOUNT_PASSWORD_MAX = 511 };

// Writes a fresh "$y$j75$..." hash. False when crypt(3) fails, which is trouble of ours.
MUST_USE bool account_password_hash(const char *password, char ret[STORE_PASSWORD_HASH_MAX + 1]);

// Compares in constant time. `stored` may carry a scheme in braces, as imported accounts do ("{SHA512-CRYPT}$6$...").
// Anything that crypt(3) cannot verify, an empty record and the old DES form match no password.
MUST_USE bool account_password_verify(const char *password, const char *stored);

// Takes as long as verifying a hash of ours, for refusals that must look like a wrong password.
void account_password_spend(const char *password);
