// SPDX-License-Identifier: MIT
// The replies of others, made fit for what is done with them here. Pure.
#pragma once

#include "base/slice.h"

enum { WORDS_MAX = 160, WORDS_STATUS_MAX = 16 };

// An error for a log line: without any word that could be an address or a name of somebody, and cut.
void words_for_log(struct slice text, char ret[WORDS_MAX]);

// The enhanced status code (RFC 3463) of a recipient that failed with this reply: the one that the reply bears behind
// its code, when its class fits; otherwise "5.0.0", or "4.4.7" (delivery time expired) when it was a temporary failure
// to the end.
void words_status(struct slice reply, char ret[WORDS_STATUS_MAX]);
