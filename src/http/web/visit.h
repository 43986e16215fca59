// SPDX-License-Identifier: MIT
// An exchange that waits for the offer of an account. When its client goes, so does the question.
#pragma once

struct account_offer;
struct http_exchange;
struct site;

// Asks for an offer with the invitation that the request's query may name. on_offer is called in a later turn and
// answers the exchange; unless the client has gone before.
void visit_start(struct site *s, struct http_exchange *x,
                 void (*on_offer)(struct site *s, struct http_exchange *x, const struct account_offer *o));

// Seconds for Retry-After; 0: none.
unsigned visit_retry_after(const struct account_offer *o);
