// SPDX-License-Identifier: MIT
// The messages of the self-test. The encrypted one has the structure of PGP/MIME (RFC 3156) and of OpenPGP packets (RFC
// 9580), which is what a relay looks at; its content is random octets that nobody has a key for.
#pragma once

#include "base/buf.h"

enum { CHECK_MARK_SIZE = 33 };

// Appends a whole message, ready for DATA: CRLF lines, none begins with a dot. `ret_mark` is a line of its text that no
// other message has.
void check_message_encrypted(const char *from, const char *to, struct buf *out, char ret_mark[CHECK_MARK_SIZE]);
void check_message_clear(const char *from, const char *to, struct buf *out);
