// SPDX-License-Identifier: MIT
// The DNS in `martlet status`: what the last look has found (martlet/dns/verdict.h), told by the relay, and its lines
// on the screen.
#pragma once

#include <jansson.h>

struct config;
struct screen;

// What stands in the state directory, the caller's, with the age of it; no relay needs to run. Sentences about what
// needs attention are appended to `attention`. NULL: the relay has no domain.
json_t *dns_status_of(const struct config *c, json_t *attention);
// The same of the relay's configuration, as struct control_section has it; `arg` is the struct config_holder.
json_t *dns_status_describe(void *arg, json_t *attention);
// Of the whole answer; nothing when the relay has no domain.
void dns_status_show(struct screen *s, const json_t *answer);
