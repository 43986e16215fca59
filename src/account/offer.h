// SPDX-License-Identifier: MIT
// Offers: fresh credentials for a person who wants an account. Nothing is stored for an offer; the account exists from
// its first login.
//
// With registration by invitation the password of an offer proves itself: it carries the invitation's number, an expiry
// and a MAC over both and the local part, under a secret of the store. The first login checks the MAC, and the creation
// uses the invitation up in the same commit. So there is no pending state, an invitation for N accounts makes N, and
// nobody without one makes any.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "account/account.h"
#include "account/name.h"
#include "account/password.h"
#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

struct config;

enum account_offer_status {
    ACCOUNT_OFFER_MADE,
    ACCOUNT_OFFER_CLOSED,             // registration = closed
    ACCOUNT_OFFER_NEEDS_INVITATION,   // registration = invite, and no token was given
    ACCOUNT_OFFER_INVALID_INVITATION, // unknown, expired or used up
    ACCOUNT_OFFER_TOO_MANY,           // this client asks too often; try again in wait_s
    ACCOUNT_OFFER_UNAVAILABLE,        // trouble of ours, or the machine is short of something
};
struct account_offer {
    enum account_offer_status status;
    uint32_t wait_s;
    char address[ACCOUNT_NAME_SIZE];
    char password[ACCOUNT_PASSWORD_MAX + 1];
};

// Makes an offer for a client: 2 a second with a burst of 5 for one client address (kept in memory only). `token` is
// that of an invitation, or empty; with registration = open it is ignored. on_done is called on the loop in a later
// turn, exactly once unless cancelled.
struct account_offer_job;
struct account_offer_job *account_offer_start(struct account_service *a, struct loop *loop, struct slice token,
                                              const struct net_address *peer,
                                              void (*on_done)(void *arg, const struct account_offer *o), void *arg);
void account_offer_cancel(struct account_offer_job *j);

// Credentials by the configuration's lengths: username_max_length of [a-z0-9], password_min_length + 3 (at least 12)
// letters, digits and punctuation, from the kernel's random source.
void account_offer_credentials(const struct config *c, struct account_offer *ret);

// A login link that needs no DNS (dclogin); appends it. The password is percent-encoded with nothing considered safe.
struct account_servers {
    const char *host; // NULL: clients find the servers by the address's domain
    uint16_t imaps_port, smtps_port;
    bool any_certificate; // ic=3: clients accept a certificate that they cannot verify
};
MUST_USE bool account_dclogin_link(const char *address, const char *password, const struct account_servers *s,
                                   struct buf *ret);

// Invitations. A token is what stands in a link: ACCOUNT_TOKEN_SIZE - 1 characters of base64url.
enum { ACCOUNT_INVITATION_LEN = 16, ACCOUNT_TOKEN_SIZE = 23 };
void account_token_write(const uint8_t invitation[ACCOUNT_INVITATION_LEN], char ret[ACCOUNT_TOKEN_SIZE]);
MUST_USE bool account_token_parse(struct slice token, uint8_t ret[ACCOUNT_INVITATION_LEN]);
