// SPDX-License-Identifier: MIT
// The server side of POST /mxdeliv: another relay hands over a message by HTTPS. Ends in the same intake as port 25.
//
//   POST /mxdeliv
//   X-MAIL-FROM: a@a.example      bare; absent or empty for <>
//   X-MAIL-TO: b@b.example        bare; one field for each recipient, at most INTAKE_RECIPIENTS_MAX
//   (the message in the form of SMTP DATA, without the final dot)
//
//   200  "250 OK"                          taken, durably, for all recipients
//   400  the SMTP reply                    refused (5xx)
//   405                                    not POST
//   413  "552 Message exceeds maximum size"
//   503  the SMTP reply                    later (4xx), or too many transactions at a time, in all or of this client
//
// A client that is silent for a minute, or goes away, leaves nothing.
#pragma once

struct config_holder;
struct conn_limits;
struct intake;
struct web;

struct mxdeliv_server {
    struct config_holder *config;
    struct intake *intake;
    struct conn_limits *limits; // of transactions, on all loops; NULL: none
};
// Hangs the route in. `s` outlives every connection.
void mxdeliv_add_route(struct mxdeliv_server *s, struct web *w);

struct http_exchange;
struct http_route;
// The route by itself; its `arg` is the struct mxdeliv_server.
extern const struct http_route mxdeliv_route;
// The on_request of a server that has nothing else, with the same `arg`.
void mxdeliv_on_request(void *arg, struct http_exchange *x);
