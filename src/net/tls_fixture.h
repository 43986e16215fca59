// SPDX-License-Identifier: MIT
// For tests: certificates made on the spot.
#pragma once

#include "base/slice.h"
#include "net/tls.h"

// A self-signed P-256 certificate for `name` and its key, in PEM; valid from `from_s` to `to_s` seconds from now.
// The slices live until the next call.
void tls_fixture_make(const char *name, long from_s, long to_s, struct slice *ret_cert, struct slice *ret_key);
// A context with a fresh certificate for "localhost"; `settings` may be NULL, its certificate and key are filled in.
struct tls_context *tls_fixture_new(struct tls_settings *settings);
