// SPDX-License-Identifier: MIT
// The key records that a verifier still wants, fetched all at once. A CNAME is followed by the resolver, and the time
// limit is the resolver's (DNS_TIMEOUT_MS).
#pragma once

struct dkim_verifier;
struct intake;
struct key_lookup;
struct loop;

// How many messages may wait for keys at a time; later ones are asked to come again.
enum { KEY_LOOKUPS_MAX = 500 };

// For a verifier whose verdict is open; it outlives the look-up. done() on the loop, in a later turn, once the verdict
// has fallen, unless the look-up is freed before. NULL when too many are under way, or there is no resolver.
struct key_lookup *key_lookup_start(struct intake *in, struct loop *loop, struct dkim_verifier *verifier,
                                    void (*done)(void *arg), void *arg);
// At any time, also within done(). NULL is accepted.
void key_lookup_free(struct key_lookup *l);
