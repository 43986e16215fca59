// SPDX-License-Identifier: MIT
#include "http/chunked.h"

#include "http/parser.h"

enum state {
    SIZE,      // hexadecimal digits
    EXTENSION, // after ";", to the end of the line
    SIZE_LF,   // LF of the size line
    DATA,      // octets of the chunk
    DATA_CR,   // the line end after them
    DATA_LF,
    TRAILER, // lines after the last chunk, to an empty one
    TRAILER_LF,
    END,
};

enum { DIGITS_MAX = 15 }; // 60 bits: no overflow, and no body is as long

static bool size_octet(struct http_chunked *d, char c) {
    if (c == '\r' && d->digits > 0) {
        d->state = SIZE_LF;
        return true;
    }
    if (c == ';' && d->digits > 0) {
        d->state = EXTENSION;
        return true;
    }
    char lower = ascii_lower(c);
    bool is_letter = lower >= 'a' && lower <= 'f';
    if ((!ascii_is_digit(c) && !is_letter) || ++d->digits > DIGITS_MAX)
        return false;
    d->left = d->left * 16 + (uint64_t)(is_letter ? lower - 'a' + 10 : c - '0');
    return true;
}

static bool extension_octet(struct http_chunked *d, char c) {
    if (c == '\r')
        d->state = SIZE_LF;
    else if (!http_is_field_value(slice_make(&c, 1)) || ++d->extensions > HTTP_CHUNK_EXTENSIONS_MAX)
        return false;
    return true;
}

static bool size_lf_octet(struct http_chunked *d, char c) {
    d->state = d->left > 0 ? DATA : TRAILER;
    d->digits = 0;
    return c == '\n';
}

static bool data_cr_octet(struct http_chunked *d, char c) {
    d->state = DATA_LF;
    return c == '\r';
}

static bool data_lf_octet(struct http_chunked *d, char c) {
    d->state = SIZE;
    return c == '\n';
}

// A trailer has the form of a field line; what it says is of no use here.
static bool trailer_octet(struct http_chunked *d, char c) {
    if (c == '\r') {
        d->state = TRAILER_LF;
        return d->line == 0 || d->has_colon;
    }
    if (++d->trailers > HTTP_TRAILERS_MAX)
        return false;
    if (d->has_colon) {
        if (!http_is_field_value(slice_make(&c, 1)))
            return false;
    } else if (c == ':') {
        d->has_colon = d->line > 0;
        if (!d->has_colon)
            return false;
    } else if (!http_is_token(slice_make(&c, 1))) {
        return false;
    }
    d->line++;
    return true;
}

static bool trailer_lf_octet(struct http_chunked *d, char c) {
    d->state = d->line == 0 ? END : TRAILER;
    d->line = 0;
    d->has_colon = false;
    return c == '\n';
}

static bool (*const OCTET[])(struct http_chunked *d, char c) = {
    [SIZE] = size_octet,
    [EXTENSION] = extension_octet,
    [SIZE_LF] = size_lf_octet,
    [DATA_CR] = data_cr_octet,
    [DATA_LF] = data_lf_octet,
    [TRAILER] = trailer_octet,
    [TRAILER_LF] = trailer_lf_octet,
};

enum http_chunked_result http_chunked_next(struct http_chunked *d, struct slice in, size_t *ret_used,
                                           struct slice *ret_data) {
    size_t i = 0;
    while (i < in.len && d->state != END) {
        if (d->state == DATA) {
            size_t n = in.len - i < d->left ? in.len - i : (size_t)d->left;
            *ret_data = slice_sub(in, i, i + n);
            d->left -= n;
            if (d->left == 0)
                d->state = DATA_CR;
            *ret_used = i + n;
            return HTTP_CHUNKED_DATA;
        }
        if (!OCTET[d->state](d, in.ptr[i++])) {
            *ret_used = i;
            return HTTP_CHUNKED_BAD;
        }
    }
    *ret_used = i;
    return d->state == END ? HTTP_CHUNKED_END : HTTP_CHUNKED_MORE;
}
