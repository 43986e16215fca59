// SPDX-License-Identifier: MIT
// Answers to requests. One to a client that has proved who it is carries MESSAGE-INTEGRITY. One to somebody who has not
// may go to a victim whose address was forged: it is as short as it can be, not much longer than what it answers, and
// rare for each address. Private to turn/.
#pragma once

#include <stdint.h>

#include "turn/count.h"
#include "turn/message.h"

struct turn_request;

enum {
    TURN_ANSWER_MAX = 640,
    TURN_UNPROVED_PER_S = 8 * 1024, // octets in answers to one address (a /64 of IPv6)
};

struct turn_answer {
    struct turn_writer writer;
    uint8_t mem[TURN_ANSWER_MAX];
};

// A success: begin, put attributes into `writer`, send.
void turn_answer_begin(struct turn_answer *a, const struct turn_request *r);
void turn_answer_send(struct turn_answer *a, const struct turn_request *r, enum turn_count_success what);

// An error. To 420 one adds what was not understood; 401 and 438 say realm and nonce.
void turn_answer_error(const struct turn_request *r, unsigned code);
void turn_answer_unknown(const struct turn_request *r, const uint16_t *attributes, size_t n);
