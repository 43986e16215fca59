// SPDX-License-Identifier: MIT
// What concerns the relay itself: whether it lives, and the ACME challenges that the parent's helper has answered
// through it (RFC 8555 section 8.3).
#include "admin/command.h"
#include "admin/session.h"
#include "base/clock.h"

void control_ping(struct control_session *s, const json_t *request) {
    uint64_t up_ms = clock_mono_ms() - s->server->started_ms;
    control_ok(s, json_pack("{s:s, s:I}", "version", MARTLET_VERSION, "uptime_s", (json_int_t)(up_ms / 1000)));
}

void control_challenge_set(struct control_session *s, const json_t *request) {
    if (s->server->challenge_set == NULL)
        control_fail(s, "this relay serves no web pages");
    else if (s->server->challenge_set(s->server->arg, control_text(request, "token"),
                                      control_text(request, "authorization")))
        control_ok(s, NULL);
    else
        control_fail(s, "the challenge is malformed, or too many are waiting");
}

void control_challenge_clear(struct control_session *s, const json_t *request) {
    if (s->server->challenge_clear != NULL)
        s->server->challenge_clear(s->server->arg, control_text(request, "token"));
    control_ok(s, NULL);
}
