// SPDX-License-Identifier: MIT
// A chunked body (RFC 9112 section 7.1), octet by octet as it arrives; pure. Extensions and trailers are read over,
// within bounds.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

enum {
    HTTP_CHUNK_EXTENSIONS_MAX = 4 * 1024, // octets, of all chunks of a body
    HTTP_TRAILERS_MAX = 8 * 1024,         // octets, of all trailer lines
};

// Zeroed at the start of a body.
struct http_chunked {
    uint64_t left; // of the chunk that is being read
    uint32_t extensions, trailers;
    uint16_t line; // octets of the trailer line so far
    uint8_t digits;
    uint8_t state;
    bool has_colon; // in the trailer line
};

enum http_chunked_result {
    HTTP_CHUNKED_DATA, // *ret_data is the next piece of the body
    HTTP_CHUNKED_MORE, // all octets were read, the body goes on
    HTTP_CHUNKED_END,  // the body is complete
    HTTP_CHUNKED_BAD,
};

// Reads up to and including the next piece. *ret_used octets were read; *ret_data lies within them.
enum http_chunked_result http_chunked_next(struct http_chunked *d, struct slice in, size_t *ret_used,
                                           struct slice *ret_data);
