// SPDX-License-Identifier: MIT
// Where a request ends, and what becomes of its connection: Content-Length, Transfer-Encoding, Expect, Connection
// (RFC 9112 sections 6 and 9, RFC 9110 section 10.1.1). All request smuggling is a disagreement about the first two, so
// any form of them but the plain one is refused.
#pragma once

#include "http/parser.h"

// Fills in has_length, length, is_chunked, wants_close and wants_100 of a head whose fields are set.
MUST_USE bool http_framing_parse(struct http_head *head, struct http_refusal *ret_why);
