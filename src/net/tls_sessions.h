// SPDX-License-Identifier: MIT
// Sessions of TLS clients, kept for resumption: bounded in number, size and age. Kept in serial form, which is a
// fraction of what OpenSSL needs for a session in use. Thread-safe. Private to net/.
#pragma once

#include <stddef.h>

#include "base/hash.h"
#include "base/panic.h"

struct ssl_session_st;
struct tls_sessions;

struct tls_sessions *tls_sessions_new(size_t max);
void tls_sessions_free(struct tls_sessions *s);
// Replaces what was kept under the key; the one longest unused gives way. Too large a session is not kept.
void tls_sessions_put(struct tls_sessions *s, struct hash128 key, struct ssl_session_st *session);
// The caller's to free, or NULL. Of TLS 1.3 each is given out once (RFC 8446 appendix C.4).
MUST_USE struct ssl_session_st *tls_sessions_take(struct tls_sessions *s, struct hash128 key);
void tls_sessions_forget(struct tls_sessions *s, struct hash128 key);
void tls_sessions_clear(struct tls_sessions *s);
