// SPDX-License-Identifier: MIT
// A letter as the body of POST /mxdeliv: the message in the form of SMTP DATA (dots that begin a line doubled, CRLF at
// the end) without the final dot. Its length must be said before its first octet and grows with the dots, so the letter
// is read once to measure it. One of up to MXDELIV_BODY_KEEP octets is kept from that, a larger one is read again.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "mail/stuffing.h"
#include "net/http_client.h"
#include "queue/transport.h"

enum { MXDELIV_BODY_KEEP = 64 * 1024, MXDELIV_BODY_PIECE = 32 * 1024 };

// Embedded in the owner's struct; zeroed before the first use.
struct mxdeliv_body {
    uint64_t len; // once measured

    // Its own.
    struct transport_letter *letter;
    struct buf held;  // stuffed octets: all of them when `is_kept`, else those that were read and not yet taken
    uint64_t at;      // octets of the body that were taken
    uint64_t passed;  // octets of the letter, in this reading
    uint64_t counted; // of the body, in this reading
    bool is_measured, is_kept, is_reading, has_failed;
    struct stuffing stuffing;
    void (*on_measured)(void *arg, bool ok);
    void (*on_more)(void *arg);
    void *arg;
};

// on_measured in a later turn, exactly once unless mxdeliv_body_stop() comes before: `len` is known; or the letter
// cannot be read. on_more: after HTTP_BODY_WAIT, mxdeliv_body_next() has something to say.
void mxdeliv_body_start(struct mxdeliv_body *b, struct transport_letter *l, void (*on_measured)(void *arg, bool ok),
                        void (*on_more)(void *arg), void *arg);
// As http_call_settings' on_body wants it.
enum http_body mxdeliv_body_next(struct mxdeliv_body *b, char *ptr, size_t max, size_t *ret_len);
// To its first octet again.
void mxdeliv_body_rewind(struct mxdeliv_body *b);
// Ends reading and frees what it holds. A zeroed one is accepted.
void mxdeliv_body_stop(struct mxdeliv_body *b);
