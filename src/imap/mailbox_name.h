// SPDX-License-Identifier: MIT
// Mailbox names on the wire (RFC 3501 5.1): modified UTF-7 taken as octets, "/" between levels.
#pragma once

#include <stdbool.h>

#include "imap/parser.h"

// Takes SP and a mailbox name; INBOX in any case becomes "INBOX".
MUST_USE bool imap_parse_mailbox(struct imap_parser *p, struct slice *ret);
// Whether a mailbox may be given this name: printable ASCII, no wildcards, no empty level, not too long.
bool imap_mailbox_name_is_valid(struct slice name);
bool imap_mailbox_is_inbox(struct slice name);
// RFC 3501 6.3.8: "*" matches anything, "%" anything but "/". INBOX matches in any case.
bool imap_mailbox_matches(struct slice name, struct slice pattern);
// The special-use attribute that goes with a name (RFC 6154), or NULL.
const char *imap_mailbox_special_use(struct slice name);
