// SPDX-License-Identifier: MIT
// Which parts of a relay this program has and this configuration leaves on: what the pages promise follows from it.
// Whoever adds a part says so here.
#pragma once

#include "http/pages/pages.h"
#include "martlet/web/announce.h"

struct pages_parts parts_of(const struct config *c, const struct announce_place *place);
