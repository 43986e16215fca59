// SPDX-License-Identifier: MIT
// What the queue counts of its attempts: each is one letter given to one transport, at one host.
#pragma once

#include <stdint.h>

#include "queue/courier.h"

// Once, so that zeroes are seen as well.
void queue_attempts_register(void);
void queue_count_attempt(enum courier_transport by, const struct transport_end *e, uint64_t us);
