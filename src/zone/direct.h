// SPDX-License-Identifier: MIT
// One question to one name server, without recursion and without a cache: UDP, and TCP when the answer is too long (RFC
// 1035 4.2, RFC 7766). Blocks; for commands, not for a loop.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/dns.h"

enum direct_status {
    DIRECT_ANSWERED, // with authority; also "no such name"
    DIRECT_SILENT,   // unreachable, or nothing came in time
    DIRECT_LAME,     // it answers, but not for this zone: refused, failed, or without authority
};

enum {
    DIRECT_QUESTION_MAX = 12 + 255 + 4 + 11,
    DIRECT_TRIES = 2, // by UDP
};

// A name that dns_name_is_plain() accepts. *ret is freed with free(); only with DIRECT_ANSWERED. `timeout_ms` is of
// each try.
MUST_USE enum direct_status direct_ask(const struct net_address *server, struct slice name, uint16_t type,
                                       int timeout_ms, struct dns_answer **ret);

// ---- the messages; pure ----

// Writes a question of class IN, without RD, with EDNS (RFC 6891) unless `is_plain`. Returns its length.
size_t direct_question_write(uint16_t id, struct slice name, uint16_t type, bool is_plain,
                             uint8_t ret[DIRECT_QUESTION_MAX]);

enum direct_reply {
    DIRECT_REPLY_GOOD,
    DIRECT_REPLY_FOREIGN,   // not the answer to this question: wait on
    DIRECT_REPLY_TRUNCATED, // ask again by TCP
    DIRECT_REPLY_NO_EDNS,   // ask again without EDNS
    DIRECT_REPLY_LAME,
};
enum direct_reply direct_reply_judge(uint16_t id, struct slice packet);
