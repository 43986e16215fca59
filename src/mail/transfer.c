// SPDX-License-Identifier: MIT
// Base64 (RFC 2045 6.8) and quoted-printable (6.7) decoding of a stream, strict. The decoder owns no memory.
#include "mail/transfer.h"

#include <string.h>

#include "base/base64.h"
#include "base/panic.h"

enum {
    STATE_DATA,    // zero
    STATE_PADDING, // base64: one "=" seen, one more due
    STATE_PADDED,  // base64: the padding is complete, only line breaks may follow
    STATE_CR,      // quoted-printable: CR seen
    STATE_ESCAPE,  // quoted-printable: "=" seen
    STATE_HEX,     // quoted-printable: "=" and one digit seen
    STATE_SOFT,    // quoted-printable: "=" and blanks seen, CR due
    STATE_SOFT_CR, // quoted-printable: "=" blanks CR seen, LF due
};

void transfer_init(struct transfer_decoder *d, enum transfer_encoding encoding) {
    *d = (struct transfer_decoder){.encoding = encoding};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool base64_padding(struct transfer_decoder *d) {
    if (d->state == STATE_PADDING) {
        d->state = STATE_PADDED;
        return true;
    }
    // The bits that padding leaves over must be zero.
    if (d->state != STATE_DATA || d->held < 2 || (d->bits & (d->held == 2 ? 0xFU : 0x3U)) != 0)
        return false;
    d->state = d->held == 2 ? STATE_PADDING : STATE_PADDED;
    return true;
}

static bool base64_stream(struct transfer_decoder *d, struct slice *in, char *out, size_t size, size_t *ret_len) {
    size_t i = 0, n = 0;
    for (; i < in->len && n + 1 < size; i++) {
        char c = in->ptr[i];
        int v = base64_value(c);
        if (v < 0) {
            if (c == '=' ? !base64_padding(d) : (c != '\r' && c != '\n' && !is_blank(c)))
                return false;
            continue;
        }
        if (d->state != STATE_DATA)
            return false;
        d->bits = d->bits << 6 | (uint32_t)v;
        if (d->held > 0)
            out[n++] = (char)(d->bits >> (6 - 2 * d->held));
        d->held = (d->held + 1) & 3;
    }
    *in = slice_sub(*in, i, in->len);
    *ret_len = n;
    return true;
}

static int hex_value(char c) {
    c = ascii_lower(c);
    return ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool quoted_data(struct transfer_decoder *d, char c, char *out, size_t *n) {
    if (is_blank(c)) {
        if (d->n_blanks == TRANSFER_BLANKS_MAX)
            return false;
        d->blanks[d->n_blanks++] = c;
        return true;
    }
    if (c == '\r') {
        d->n_blanks = 0; // blanks at the end of a line were added on the way (RFC 2045 6.7 (3))
        d->state = STATE_CR;
        return true;
    }
    memcpy(out + *n, d->blanks, d->n_blanks);
    *n += d->n_blanks;
    d->n_blanks = 0;
    if (c == '=') {
        d->state = STATE_ESCAPE;
        return true;
    }
    // 8-bit octets have no place here, but a relay that leaves them alone is not the one to mind.
    if ((unsigned char)c < ' ' || c == 0x7F)
        return false;
    out[(*n)++] = c;
    return true;
}

static bool quoted_escape(struct transfer_decoder *d, char c, char *out, size_t *n) {
    int v = hex_value(c);
    if (d->state == STATE_HEX) {
        if (v < 0)
            return false;
        out[(*n)++] = (char)(d->bits << 4 | (uint32_t)v);
        d->state = STATE_DATA;
        return true;
    }
    if (d->state == STATE_ESCAPE && v >= 0) {
        d->bits = (uint32_t)v;
        d->state = STATE_HEX;
        return true;
    }
    // ESCAPE or SOFT: a soft line break, perhaps with blanks before the CR.
    d->state = c == '\r' ? STATE_SOFT_CR : STATE_SOFT;
    return c == '\r' || is_blank(c);
}

static bool quoted_stream(struct transfer_decoder *d, struct slice *in, char *out, size_t size, size_t *ret_len) {
    size_t i = 0, n = 0;
    for (; i < in->len && n + TRANSFER_BLANKS_MAX + 2 <= size; i++) {
        char c = in->ptr[i];
        bool ok = true;
        switch (d->state) {
        case STATE_DATA:
            ok = quoted_data(d, c, out, &n);
            break;
        case STATE_CR:
            ok = c == '\n';
            out[n++] = '\r';
            out[n++] = '\n';
            d->state = STATE_DATA;
            break;
        case STATE_SOFT_CR:
            ok = c == '\n';
            d->state = STATE_DATA;
            break;
        default:
            ok = quoted_escape(d, c, out, &n);
            break;
        }
        if (!ok)
            return false;
    }
    *in = slice_sub(*in, i, in->len);
    *ret_len = n;
    return true;
}

bool transfer_decode(struct transfer_decoder *d, struct slice *in, char *out, size_t size, size_t *ret_len) {
    ASSERT(size >= TRANSFER_OUT_MIN);
    switch (d->encoding) {
    case TRANSFER_BASE64:
        return base64_stream(d, in, out, size, ret_len);
    case TRANSFER_QUOTED_PRINTABLE:
        return quoted_stream(d, in, out, size, ret_len);
    case TRANSFER_IDENTITY:
        *ret_len = in->len < size ? in->len : size;
        memcpy(out, in->ptr, *ret_len);
        *in = slice_sub(*in, *ret_len, in->len);
        return true;
    case TRANSFER_UNKNOWN:
        break;
    }
    return false;
}

bool transfer_finish(const struct transfer_decoder *d) {
    if (d->encoding == TRANSFER_BASE64)
        return d->state == STATE_PADDED || (d->state == STATE_DATA && d->held == 0);
    // Blanks still held are at the end of a line and do not count; a soft line break may be the last thing, for its
    // CRLF belongs to the delimiter that follows.
    if (d->encoding == TRANSFER_QUOTED_PRINTABLE)
        return d->state == STATE_DATA || d->state == STATE_ESCAPE || d->state == STATE_SOFT;
    return d->encoding == TRANSFER_IDENTITY;
}
