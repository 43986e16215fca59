// SPDX-License-Identifier: MIT
// What a request is about: the forms of a request target (RFC 9112 section 3.2), the authority and the path (RFC 3986),
// and the parameters of a query. Strict: what two readers could understand in two ways is refused, not repaired.
#pragma once

#include "http/parser.h"

// Fills in host, path, query and for_server of a head whose method and fields are set. The target may be in origin
// form, in absolute form (its authority then wins over the Host field, which must be there and well-formed all the
// same), or
// "*" for OPTIONS. The text of the target and of the Host field is changed.
MUST_USE bool http_target_parse(char *target, size_t len, struct http_head *head, struct http_refusal *ret_why);
