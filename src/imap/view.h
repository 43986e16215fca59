// SPDX-License-Identifier: MIT
// A session's view of the selected mailbox: which message has which sequence number, and what has happened since that
// the client has not been told. The hub feeds it; the session tells the client when the protocol allows it (RFC
// 3501 5.5, 7.4.1). It costs four octets per message.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "imap/set.h"
#include "intake/hub.h"
#include "store/mailbox_ops.h"

struct conn;

struct imap_view {
    struct hub *hub;
    struct hub_watcher watcher;
    void (*on_added)(void *arg); // new messages came; may be called within a hub callback
    void *arg;
    uint64_t origin; // of the session's own operations
    uint64_t mailbox_id;
    uint32_t uid_validity, uid_next;
    uint32_t shown_uid; // imap/shown.h: large ones up to this UID were noted
    bool read_only, loaded;
    bool deleted;            // the mailbox is gone
    struct uid_list uids;    // index + 1 is the sequence number
    uint32_t n_told;         // the client knows of the first n_told; those after came since
    struct uid_list gone;    // told before, expunged since
    struct uid_list changed; // told before, flags differ now
};

struct imap_view *imap_view_new(struct hub *hub, struct loop *loop, uint64_t origin, void (*on_added)(void *arg),
                                void *arg);
void imap_view_free(struct imap_view *v); // unwatches; NULL is accepted

// Watch first, then read the mailbox, then load what was read: nothing is missed in between. Takes the UIDs out of the
// operation.
void imap_view_watch(struct imap_view *v, uint64_t mailbox_id);
void imap_view_load(struct imap_view *v, struct store_mailbox_open *opened);

// The sequence number of a UID that the client knows of, or 0.
uint32_t imap_view_seq(const struct imap_view *v, uint32_t uid);
// Makes a parsed set (of UIDs, or of sequence numbers) one of UIDs that the client knows of. False: a sequence number
// out of range.
MUST_USE bool imap_view_resolve(const struct imap_view *v, struct imap_set *s, bool uid);
// The UID at which the `max`-th message of a set (of UIDs, from imap_view_resolve()) stands; UINT32_MAX when it has
// fewer.
uint32_t imap_view_nth(const struct imap_view *v, const struct imap_set *s, uint32_t max);
// Messages are gone by the session's own doing (the hub will say the same).
void imap_view_expunged(struct imap_view *v, const uint32_t *uids, size_t n);

// "* n EXISTS", if there are messages the client does not know of.
void imap_view_tell_added(struct imap_view *v, struct conn *c);
// "* n EXPUNGE" for each that is gone.
void imap_view_tell_expunged(struct imap_view *v, struct conn *c);
