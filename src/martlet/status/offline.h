// SPDX-License-Identifier: MIT
// What is known of a relay that does not run, from its files.
#pragma once

#include <jansson.h>

struct operator_options;

// An object with the keys of the relay's own answer as far as they are known, and "running": false; `why` is the
// sentence why it cannot be asked. NULL when nothing could be read, and a sentence was printed.
json_t *status_offline(const struct operator_options *o, const char *why);
