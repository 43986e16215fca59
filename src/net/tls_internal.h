// SPDX-License-Identifier: MIT
// What servers' and clients' TLS have in common, private to net/.
#pragma once

#include <stdbool.h>

struct ssl_ctx_st;

enum { TLS_HANDSHAKE_MESSAGES_MAX = 100 }; // from one peer, see tls.c

// For SSLs that a struct conn carries: buffers are released when idle, writes may be partial and repeated from
// elsewhere, and a peer that goes on and on with handshakes ends its connection.
void tls_set_connection_mode(struct ssl_ctx_st *ctx);

// Static texts for a verdict on a certificate (X509_V_ERR_...), and for an error of OpenSSL's queue.
const char *tls_verify_text(long verdict, bool dane);
const char *tls_error_text(unsigned long error);
