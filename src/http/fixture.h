// SPDX-License-Identifier: MIT
// For tests of the server: a handler that does what the path says, over a connection in memory.
//
//   /small         200 "small"                      /later         answers when fixture_answer() is called
//   /big           600 KiB, released                /echo          answers with the body (at most 1000 octets)
//   /later-echo    the same, begun by fixture_answer()
//   /slow-echo     the same, pausing after each piece until fixture_resume()
//   /unread        200 without reading the body     /early         answers at the first piece of the body
//   /close         200, closes                      /inject        a field value with a line end in it
//   /nothing       204                              /unchanged     304
//   /gone          /big, and the client goes       /stuck         /big, and the client reads nothing in time
//   /upgrade       another protocol, that echoes    /later-upgrade the same, by fixture_answer()
#pragma once

#include "http/http.h"

enum { FIXTURE_BIG = 600 * 1024, FIXTURE_ECHO_MAX = 1000 };

struct fixture {
    struct loop *loop;
    struct conn *c;
    struct http_server server;
    struct http_exchange *x; // that waits for us
    bool waits_with_pause;
    bool reads; // its body
    char body[FIXTURE_ECHO_MAX];
    size_t len;
    int requests, cancels, releases, ends, other_closes;
    char seen[4096]; // the path of each request, separated by blanks
};

void fixture_init(struct fixture *f);
void fixture_done(struct fixture *f);
// Octets arrive, and everything that is ready runs.
void fixture_feed(struct fixture *f, const char *ptr, size_t len);
void fixture_answer(struct fixture *f);
void fixture_resume(struct fixture *f);
