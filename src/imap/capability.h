// SPDX-License-Identifier: MIT
// What this server offers at a moment. Only what works is named.
#pragma once

struct imap_session;

// Static text, without the word CAPABILITY.
const char *imap_capabilities(const struct imap_session *s);
