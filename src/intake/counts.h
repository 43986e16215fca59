// SPDX-License-Identifier: MIT
// What the room counts: verdicts on messages, on their signatures, and what became of them at their recipients.
#pragma once

#include <stdbool.h>

#include "dkim/verify.h"
#include "intake/intake.h"
#include "store/message_ops.h"

// Once, so that zeroes are seen as well.
void intake_counts_register(void);
// A message was answered, with this reply.
void intake_count_answer(bool is_inbound, const struct intake_reply *reply);
void intake_count_dkim(enum dkim_verdict verdict);
void intake_count_signed(void);
// Of one local recipient.
void intake_count_delivery(enum store_delivery_outcome outcome);
