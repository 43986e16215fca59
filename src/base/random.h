// SPDX-License-Identifier: MIT
// Randomness, always from the kernel.
#pragma once

#include <stddef.h>
#include <stdint.h>

void random_bytes(void *ret, size_t len);
uint64_t random_u64(void);
// `len` characters drawn evenly from `alphabet` (2 to 256 characters); writes len + 1 octets, NUL-terminated.
void random_string(char *ret, size_t len, const char *alphabet);
