// SPDX-License-Identifier: MIT
// Parts of the screen of `martlet status`: ports, protection, limits, pressure, what is switched off. Each takes the
// relay's whole answer, and shows nothing of what it does not hold.
#pragma once

#include <jansson.h>

struct screen;

enum { STATUS_LIMIT_PERCENT = 70 }; // from here on a limit is shown

void status_show_ports(struct screen *s, const json_t *answer);
void status_show_protection(struct screen *s, const json_t *answer);
void status_show_limits(struct screen *s, const json_t *answer);
void status_show_pressure(struct screen *s, const json_t *answer);
void status_show_off(struct screen *s, const json_t *answer);
