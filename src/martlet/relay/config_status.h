// SPDX-License-Identifier: MIT
// What the configuration makes of the relay, for `martlet status`.
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct config;

// {"registration": "open", ...}: what clients and the self-test have to know.
json_t *config_status_settings(const struct config *c);
// What is switched off and could be on, an array of words with the key that does it: "TURN (turn)". `pushes`: whether
// notifications are sent, `iroh`: whether an iroh relay is announced.
json_t *config_status_off(const struct config *c, bool pushes, bool iroh);
