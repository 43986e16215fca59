// SPDX-License-Identifier: MIT
// One request of a client while it is being answered: who asked, in what words, whether it proved who it is. Each
// method is a function that answers exactly once. Private to turn/.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "turn/message.h"
#include "turn/station.h"

struct turn_allocation;
struct udp_socket;

struct turn_request {
    struct turn_station *station;
    struct udp_socket *door;
    const struct turn_tuple *tuple;
    const struct turn_message *message;
    struct turn_allocation *allocation; // of this 5-tuple, or NULL
    uint64_t now_ms;
    bool authenticated;
    uint8_t key[TURN_KEY_LEN]; // of an authenticated one
};

// Looks what is asked, and answers.
void turn_request_handle(struct turn_request *r);

// RFC 8489 section 9.2.4. When it answers false, it has answered the client.
MUST_USE bool turn_request_authenticate(struct turn_request *r);

void turn_request_binding(struct turn_request *r);
void turn_request_allocate(struct turn_request *r);
// These find an allocation of the user that asks.
void turn_request_refresh(struct turn_request *r);
void turn_request_create_permission(struct turn_request *r);
void turn_request_channel_bind(struct turn_request *r);
