// SPDX-License-Identifier: MIT
// For tests: canonicalisation once more, slow and simple, straight from the text of RFC 6376 3.4, on whole inputs.
#pragma once

#include "base/buf.h"
#include "dkim/canon.h"

void test_canon_body(enum dkim_canon how, struct slice body, struct buf *out);
// `name` and `value` as in struct header_field; without the final CRLF.
void test_canon_field(enum dkim_canon how, const struct header_field *field, struct buf *out);

// A sink that appends to the struct buf that is its argument.
struct dkim_sink test_buf_sink(struct buf *out);
