// SPDX-License-Identifier: MIT
// The keys that sign, as they are replaced while messages are being signed: an immutable set, counted.
#pragma once

#include <stddef.h>

#include "dkim/sign.h"

struct signer_set {
    size_t n;
    struct dkim_signer signers[DKIM_SIGNERS_MAX];
};

// The set in use. Any thread.
struct signers;

// With an empty set.
struct signers *signers_new(void);
// NULL is accepted.
void signers_free(struct signers *s);
// Copies, with a reference to each key; at most DKIM_SIGNERS_MAX.
void signers_replace(struct signers *s, const struct dkim_signer *list, size_t n);

// A reference to the set in use now.
const struct signer_set *signers_acquire(struct signers *s);
void signers_release(const struct signer_set *set);
