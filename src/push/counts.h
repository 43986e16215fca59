// SPDX-License-Identifier: MIT
// What the push service counts (base/metrics.h).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What came of a request.
enum counts_answer {
    COUNTS_DONE,     // 200
    COUNTS_GONE,     // 410
    COUNTS_REFUSED,  // another status
    COUNTS_BUSY,     // 429, 502, 503, 504: the gateway itself is not there, or has too much to do
    COUNTS_CONNECT,  // no connection
    COUNTS_TLS,      // no handshake, or a certificate that proves nothing
    COUNTS_TIMEOUT,  // no answer in time
    COUNTS_PROTOCOL, // the connection ended, or what came was no HTTP
    COUNTS_REQUEST,  // not an acceptable request
};

void counts_register(void);

void counts_request(void);
void counts_answered(enum counts_answer answer, uint64_t us);
void counts_no_address(void);
void counts_covered(void);
void counts_given_up(void);
// Requests under way: one more (1), one less (-1).
void counts_in_flight(int by);
// Whether the gateway as a whole failed the last time.
void counts_gateway_fails(bool fails);
