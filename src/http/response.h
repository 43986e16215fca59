// SPDX-License-Identifier: MIT
// What leaves: the status line and the fields of a response (RFC 9110 section 15, RFC 9112 section 4). Private to
// http/.
#pragma once

#include "http/http.h"

// "404 Not Found"; a status that is not in the table has no phrase, only the number and a blank.
const char *http_status_line(uint16_t status);
// The Date field's value for now, made once a second (RFC 9110 section 5.6.7).
struct slice http_date_now(void);
// Whether a response of this status has a body at all (RFC 9112 section 6.3).
bool http_status_has_body(uint16_t status);
// Names are tokens, values hold no control character: nothing that came from a peer can end a line.
bool http_fields_are_safe(const struct http_field *fields, size_t n);
// Status line, fields and the empty line, to be followed by the body.
void http_write_head(struct conn *c, const struct http_server *server, const struct http_response *r, bool close);
// A refusal that stands outside any exchange: text, then the connection closes.
void http_write_refusal(struct conn *c, const struct http_server *server, uint16_t status, const char *text,
                        const struct http_field *fields, size_t n_fields);
