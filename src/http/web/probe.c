// SPDX-License-Identifier: MIT
// /generate_204: whether there is a captive portal between a client and the world. The client sends a challenge that
// only we answer; iroh clients ask under two names.
#include <stdio.h>
#include <string.h>

#include "http/web/answer.h"
#include "http/web/endpoints.h"

enum { CHALLENGE_MAX_LEN = 63, RESPONSE_SIZE = CHALLENGE_MAX_LEN + 16 };

static const struct {
    const char *challenge, *response;
} names[] = {
    {"X-Tailscale-Challenge", "X-Tailscale-Response"},
    {"X-Iroh-Challenge", "X-Iroh-Response"},
};

static bool is_challenge(struct slice s) {
    if (s.len == 0 || s.len > CHALLENGE_MAX_LEN)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '.' && s.ptr[i] != '_' && s.ptr[i] != '-')
            return false;
    return true;
}

void web_get_204(void *unused, struct http_exchange *x) {
    char responses[ARRAY_LEN(names)][RESPONSE_SIZE];
    struct answer a;
    answer_init(&a, NULL, 204, NULL);
    answer_add(&a, "Cache-Control", "no-store");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct slice c = http_request_field(http_exchange_request(x), names[i].challenge);
        if (c.ptr == NULL || !is_challenge(c))
            continue;
        (void)snprintf(responses[i], RESPONSE_SIZE, "response %.*s", SLICE_FMT(c));
        answer_add(&a, names[i].response, responses[i]);
    }
    answer_send(&a, x);
}
