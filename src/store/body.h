// SPDX-License-Identifier: MIT
// The body of one message (header and text, CRLF lines, as it will be fetched), while it arrives and until it is
// delivered. Octets are gathered in memory; beyond 64 KiB they go, encrypted under a random key of this body, to an
// unnamed file (O_TMPFILE) written on an executor thread in chunks. A body that is never delivered leaves nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "store/store.h"

struct store_body;

enum { STORE_BODY_INLINE_MAX = 64 * 1024 };

// Begins a body on `loop`; used and freed on that loop's thread only.
struct store_body *store_body_new(struct store *s, struct loop *loop);
// Aborts and frees at any time, also while writes are under way, and after store_close(). A body that was given to an
// operation is freed by that operation alone.
void store_body_free(struct store_body *b);

// Appends (copies). Returns false when two chunks are waiting for the disk: the octets were taken, but the caller
// should pause its connection until on_ready() is called (on the loop, in a later turn).
bool store_body_write(struct store_body *b, struct slice octets);
void store_body_set_on_ready(struct store_body *b, void (*on_ready)(void *arg), void *arg);

// All octets written so far, as long as they are in memory (STORE_BODY_INLINE_MAX) and nothing went wrong; false
// otherwise. Borrowed until the next call.
MUST_USE bool store_body_peek(const struct store_body *b, struct slice *ret_octets);

// Octets written so far, and the SHA-256 of them (valid once nothing more is written).
uint64_t store_body_size(const struct store_body *b);
void store_body_digest(struct store_body *b, uint8_t ret_sha256[32]);

// Ends the body: file synced and linked under its random name. done(arg, status) on the loop, in a later turn;
// STORE_FULL when the disk was full. A body that fits inline completes without touching the disk. Then the body may be
// given to operations.
void store_body_finish(struct store_body *b, void (*done)(void *arg, enum store_status status), void *arg);
