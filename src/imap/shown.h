// SPDX-License-Identifier: MIT
// Large messages expire earlier once a client has had them in a selected mailbox (store/expiry_ops.h). They count as
// shown when the mailbox is selected, and those that come later when something of them is fetched. EXAMINE shows
// nothing: it must leave no trace (RFC 3501 6.3.2).
#pragma once

#include <stdint.h>

struct imap_session;
struct store_mailbox_open;

// The selected mailbox was read.
void imap_shown_selected(struct imap_session *s, const struct store_mailbox_open *opened);
// Something of a message was fetched.
void imap_shown_fetched(struct imap_session *s, uint32_t uid, uint64_t size);
