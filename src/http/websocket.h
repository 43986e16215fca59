// SPDX-License-Identifier: MIT
// The opening handshake of a websocket (RFC 6455 section 4.2), for protocols that are carried by one.
#pragma once

#include <stdbool.h>

#include "http/http.h"

// Checks Upgrade, Connection, Sec-WebSocket-Key and -Version, and picks the first of our `protocols` (NULL-terminated;
// order of preference) that the client offers. On success the connection belongs to `ops` and `session`; otherwise the
// exchange has been answered (400, for another version with Sec-WebSocket-Version: 13) and false is returned.
MUST_USE bool http_websocket_accept(struct http_exchange *x, const char *const *protocols, const char **ret_protocol,
                                    const struct conn_ops *ops, void *session);
