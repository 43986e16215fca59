// SPDX-License-Identifier: MIT
// Which parts of a relay this program has: what the pages promise follows from it. Whoever adds a part says so here.
#pragma once

#include "http/pages/pages.h"

static const struct pages_parts parts_in_force = {.expiry = false, .push = false, .federation = true, .calls = false};
