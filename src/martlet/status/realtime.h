// SPDX-License-Identifier: MIT
// The lines of `martlet status` about notifications, TURN and iroh.
#pragma once

#include <jansson.h>

struct screen;

// `answer`: the whole of it.
void realtime_screen_show(struct screen *s, const json_t *answer);
