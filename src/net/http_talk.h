// SPDX-License-Identifier: MIT
// For tests of the HTTP client: an authority with certificates for "mx.example", and one call with what came of it.
#pragma once

#include "net/client_fixture.h"
#include "net/http_client.h"

struct authority {
    struct cert *ca, *good, *self_signed; // both for mx.example
    struct tls_client_context *tls;       // trusts `ca`
    char folder[32], ca_path[256];        // a new folder, and the file of `ca` in it
};

void authority_make(struct authority *a);
// The folder must be empty but for ca_path.
void authority_free(struct authority *a);

// One call and what came of it.
struct talk {
    struct http_client *client;
    struct http_call *call;
    struct http_call_settings s;
    struct loop_timer timer;
    uint64_t given, sum;
    int waits;   // how often on_body is to say "not yet"
    int rewinds; // how often it had to begin anew
    int cancel_at_body, fail_at_body;
    bool cancelled; // at the body
    bool done;
    enum http_outcome outcome;
    unsigned status;
    uint32_t retry_after_s;
    bool reused;
    char why[64], type[64], body[4096];
    char url[128];
};

// "GET", for https://mx.example/<path> with a body of body_len octets if that is set; to be adapted before it starts.
void talk_prepare(struct talk *t, struct http_client *client, const struct net_address *to, const char *path);
void talk_start(struct talk *t, struct loop *loop);
// Starts, and runs the loop until it is done.
void talk_run(struct talk *t, struct loop *loop);
