// SPDX-License-Identifier: MIT
// What the room counts: verdicts on messages, on their signatures, and what became of them at their recipients.
#pragma once

#include <stdbool.h>

#include "dkim/verify.h"
#include "intake/intake.h"
#include "pgp/gate.h"
#include "store/message_ops.h"

// Once, so that zeroes are seen as well.
void intake_counts_register(void);
// A message was answered, with this reply, so many microseconds after its last octet had come; or its sender was turned
// away before any had.
void intake_count_answer(bool is_inbound, const struct intake_reply *reply, uint64_t us);
// So long after that the sessions of one loop that watch the mailbox of a recipient were told.
void intake_count_notice(uint64_t us);
// What a message of another server is, that may pass.
void intake_count_kind(enum gate_kind kind);
void intake_count_dkim(enum dkim_verdict verdict);
void intake_count_signed(void);
// Of one local recipient.
void intake_count_delivery(enum store_delivery_outcome outcome);
