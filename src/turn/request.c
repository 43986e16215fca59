// SPDX-License-Identifier: MIT
// RFC 8489 section 6.3.1: authentication first, then attributes that are not understood, then what the method says.
#include "turn/request.h"

#include "base/clock.h"
#include "turn/allocation.h"
#include "turn/answer.h"
#include "turn/nonce.h"

struct method {
    uint16_t number;
    bool needs_proof;      // of who asks
    bool needs_allocation; // of that user
    void (*run)(struct turn_request *r);
};

static const struct method methods[] = {
    {TURN_BINDING, false, false, turn_request_binding},
    {TURN_ALLOCATE, true, false, turn_request_allocate},
    {TURN_REFRESH, true, true, turn_request_refresh},
    {TURN_CREATE_PERMISSION, true, true, turn_request_create_permission},
    {TURN_CHANNEL_BIND, true, true, turn_request_channel_bind},
};

static const struct method *find_method(uint16_t number) {
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (methods[i].number == number)
            return &methods[i];
    return NULL;
}

static bool has_valid_nonce(const struct turn_request *r) {
    const struct turn_shared *shared = r->station->shared;
    return turn_nonce_valid(slice_make((const char *)shared->nonce_secret, sizeof(shared->nonce_secret)),
                            &r->tuple->client, clock_wall_s(), r->message->nonce);
}

// The realm is part of the key, so it has to be ours.
static bool has_valid_integrity(const struct turn_request *r, uint8_t ret_key[TURN_KEY_LEN]) {
    const struct turn_shared *shared = r->station->shared;
    const struct turn_message *m = r->message;
    struct slice realm = slice_from_cstr(shared->realm);
    if (!slice_eq(m->realm, realm) || !turn_username_valid(m->username, clock_wall_s()))
        return false;
    turn_credential_key(slice_make((const char *)shared->secret, sizeof(shared->secret)), m->username, realm, ret_key);
    return turn_message_verify(m, ret_key);
}

bool turn_request_authenticate(struct turn_request *r) {
    const uint32_t all = TURN_HAS_USERNAME | TURN_HAS_REALM | TURN_HAS_NONCE;
    unsigned error = 0;
    if (!(r->message->has & TURN_HAS_INTEGRITY))
        error = 401;
    else if ((r->message->has & all) != all)
        error = 400;
    else if (!has_valid_nonce(r))
        error = 438;
    else if (!has_valid_integrity(r, r->key))
        error = 401;
    r->authenticated = error == 0;
    if (error != 0)
        turn_answer_error(r, error);
    return r->authenticated;
}

static unsigned check_allocation(const struct turn_request *r) {
    if (r->allocation == NULL)
        return 437;
    return slice_eq(turn_allocation_username(r->allocation), r->message->username) ? 0 : 441;
}

void turn_request_handle(struct turn_request *r) {
    const struct method *method = find_method(r->message->method);
    if (method == NULL) {
        // A method of other protocols (RFC 8489 section 6.3.1 would have a 400): what is not asked of us is not
        // answered.
        metric_count(&turn_count_dropped, TURN_DROP_UNSOLICITED);
        return;
    }
    if (method->needs_proof && !turn_request_authenticate(r))
        return;
    unsigned error = 0;
    if (r->message->unknown_count > 0) {
        turn_answer_unknown(r, r->message->unknown, r->message->unknown_count);
        return;
    }
    if (r->message->malformed)
        error = 400;
    else if (method->needs_allocation)
        error = check_allocation(r);
    if (error != 0)
        turn_answer_error(r, error);
    else
        method->run(r);
}
