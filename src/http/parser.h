// SPDX-License-Identifier: MIT
// The head of a request, as octets (RFC 9112 sections 2 to 6): pure, no I/O, no allocation. Two steps: scanning looks
// at each line once as it arrives and finds the end of the head, or the first thing wrong; parsing then says what a
// whole head means. What is refused here must not be followed by another request: the connection closes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http/http.h"

enum {
    HTTP_METHOD_MAX = 32, // longer ones cannot be of any we know; 501
    HTTP_HOST_MAX = 255,  // a domain name, RFC 1035 section 2.3.4
};

// Why a request is refused: the status, and a sentence for whoever reads it.
struct http_refusal {
    uint16_t status;
    const char *text;
};

enum http_scan_result { HTTP_SCAN_DONE, HTTP_SCAN_MORE, HTTP_SCAN_BAD };

// Zeroed at the start of a head.
struct http_scan {
    uint32_t seen;     // octets that were looked at
    uint32_t line;     // where the line begins that is not complete
    uint16_t n_fields; // complete field lines
    bool has_request_line;
    bool skipped; // an empty line before the request line (RFC 9112 section 2.2)
};

// `data` begins where the head begins, with everything that has arrived, more at each call. DONE: the head, its empty
// line included, is the first *ret_len octets. BAD: *ret_why says what is wrong; the result does not depend on how the
// octets were cut into calls.
enum http_scan_result http_scan_head(struct http_scan *s, const char *data, size_t len, size_t *ret_len,
                                     struct http_refusal *ret_why);

struct http_head {
    struct http_request request;
    bool is_http10;   // answered, then closed
    bool wants_close; // Connection: close
    bool wants_100;   // Expect: 100-continue
    bool for_server;  // OPTIONS *: about the server, no path
};

// A whole head, `len` octets at `text`, which http_scan_head() has found complete with `n` fields. The slices of *ret
// point into `text` and `fields`; `text` is changed (the path is decoded in place, the host put into lower case).
MUST_USE bool http_head_parse(char *text, size_t len, struct http_field *fields, size_t n, struct http_head *ret,
                              struct http_refusal *ret_why);

bool http_is_token(struct slice s); // RFC 9110 section 5.6.2
// What a field value may hold: visible ASCII, blanks, and octets from 0x80 (RFC 9110 section 5.5).
bool http_is_field_value(struct slice s);
// One field line without its line end. False, with a reason, when it is none.
MUST_USE bool http_field_parse(struct slice line, struct http_field *ret, struct http_refusal *ret_why);
// Takes the next element off a comma-separated list (RFC 9110 section 5.6.1), without blanks around, empty ones
// skipped. False at the end.
bool http_list_next(struct slice *list, struct slice *ret_element);
