// SPDX-License-Identifier: MIT
#include "http/websocket_frame.h"

#include <string.h>

#include "mail/utf8.h"

enum {
    FIN = 0x80,
    RESERVED_BITS = 0x70,
    OPCODE_BITS = 0x0f,
    MASKED = 0x80,
    LENGTH_BITS = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    MASK_LEN = 4,
    STATUS_LEN = 2,
};

// A client's frame header.
struct header {
    bool is_final;
    uint8_t opcode;
    uint64_t len; // of the payload
    uint8_t mask[MASK_LEN];
    size_t size; // of the header
};

struct websocket_payload websocket_plain(struct slice data) {
    return (struct websocket_payload){.data = data};
}

struct websocket_payload websocket_sub(const struct websocket_payload *p, size_t from, size_t to) {
    struct websocket_payload sub = {.data = slice_sub(p->data, from, to)};
    for (size_t i = 0; i < MASK_LEN; i++)
        sub.mask[i] = p->mask[((size_t)(sub.data.ptr - p->data.ptr) + i) % MASK_LEN];
    return sub;
}

void websocket_copy(const struct websocket_payload *p, size_t from, size_t len, void *ret) {
    ASSERT(from <= p->data.len && len <= p->data.len - from);
    const char *in = p->data.ptr + from;
    char *out = ret;
    // Eight octets at a time: the mask twice, turned to where `from` is in it.
    uint8_t turned[2 * MASK_LEN];
    for (size_t i = 0; i < sizeof(turned); i++)
        turned[i] = p->mask[(from + i) % MASK_LEN];
    uint64_t mask, word;
    memcpy(&mask, turned, sizeof(mask));
    if (mask == 0) {
        if (len > 0)
            memmove(out, in, len);
        return;
    }
    size_t i = 0;
    for (; len - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, in + i, sizeof(word));
        word ^= mask;
        memcpy(out + i, &word, sizeof(word));
    }
    for (; i < len; i++)
        out[i] = (char)(in[i] ^ (char)turned[i % MASK_LEN]);
}

void websocket_reader_init(struct websocket_reader *r, size_t max) {
    *r = (struct websocket_reader){.opcode = WEBSOCKET_CONTINUATION};
    buf_init(&r->parts, max);
}

void websocket_reader_done(struct websocket_reader *r) {
    buf_done(&r->parts);
}

static uint64_t big_endian(const uint8_t *p, size_t n) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}

static bool is_control(uint8_t opcode) {
    return opcode >= WEBSOCKET_CLOSE;
}

// Section 5.2, as far as the first two octets tell.
static bool start_is_valid(const uint8_t *p) {
    uint8_t opcode = p[0] & OPCODE_BITS;
    if ((p[0] & RESERVED_BITS) != 0 || (p[1] & MASKED) == 0) // no extension was agreed; section 5.1: clients mask
        return false;
    if (is_control(opcode)) // section 5.5
        return opcode <= WEBSOCKET_PONG && (p[0] & FIN) != 0 && (p[1] & LENGTH_BITS) <= WEBSOCKET_CONTROL_MAX;
    return opcode <= WEBSOCKET_BINARY;
}

// BINARY stands for: there is a header.
static enum websocket_event parse_header(struct slice in, struct header *ret) {
    const uint8_t *p = (const uint8_t *)in.ptr;
    if (in.len < 2)
        return WEBSOCKET_EVENT_MORE;
    if (!start_is_valid(p))
        return WEBSOCKET_EVENT_BAD;
    uint8_t short_len = p[1] & LENGTH_BITS;
    size_t extra = short_len == LENGTH_16 ? 2 : short_len == LENGTH_64 ? 8 : 0;
    if (in.len < 2 + extra)
        return WEBSOCKET_EVENT_MORE;
    uint64_t len = extra > 0 ? big_endian(p + 2, extra) : short_len;
    // "The minimal number of bytes MUST be used."
    if ((extra == 2 && len < LENGTH_16) || (extra == 8 && (len <= UINT16_MAX || len > INT64_MAX)))
        return WEBSOCKET_EVENT_BAD;
    *ret = (struct header){
        .is_final = (p[0] & FIN) != 0, .opcode = p[0] & OPCODE_BITS, .len = len, .size = 2 + extra + MASK_LEN};
    if (in.len >= ret->size)
        memcpy(ret->mask, p + 2 + extra, MASK_LEN);
    return WEBSOCKET_EVENT_BINARY;
}

// What a frame may be where the reader stands; 0: it may.
static uint16_t wrong(const struct websocket_reader *r, const struct header *h) {
    if (is_control(h->opcode))
        return 0;
    if ((h->opcode == WEBSOCKET_CONTINUATION) != (r->opcode != WEBSOCKET_CONTINUATION))
        return WEBSOCKET_PROTOCOL_ERROR; // section 5.4: fragments of messages are not interleaved
    return h->len > r->parts.max - r->parts.len ? WEBSOCKET_TOO_BIG : 0;
}

// The codes of section 7.4.1 and of the registry (11.7) that may be sent, and those of applications.
static bool status_is_valid(uint16_t status) {
    return (status >= 1000 && status <= 1003) || (status >= 1007 && status <= 1014) ||
           (status >= 3000 && status <= 4999);
}

static bool is_utf8(struct slice s) {
    for (size_t n; s.len > 0; s = slice_sub(s, n, s.len)) {
        n = utf8_sequence_len(s);
        if (n == 0)
            return false;
    }
    return true;
}

// Section 5.5.1.
static enum websocket_event read_close(const struct websocket_payload *p, uint16_t *ret_status) {
    char text[WEBSOCKET_CONTROL_MAX];
    size_t len = p->data.len;
    websocket_copy(p, 0, len, text);
    uint16_t status = len >= STATUS_LEN ? (uint16_t)big_endian((const uint8_t *)text, STATUS_LEN) : WEBSOCKET_NO_STATUS;
    if (len == 1 || (len >= STATUS_LEN && !status_is_valid(status))) {
        *ret_status = WEBSOCKET_PROTOCOL_ERROR;
        return WEBSOCKET_EVENT_BAD;
    }
    if (len > STATUS_LEN && !is_utf8(slice_make(text + STATUS_LEN, len - STATUS_LEN))) {
        *ret_status = WEBSOCKET_BAD_TEXT;
        return WEBSOCKET_EVENT_BAD;
    }
    *ret_status = status;
    return WEBSOCKET_EVENT_CLOSE;
}

static enum websocket_event message_event(uint8_t opcode) {
    return opcode == WEBSOCKET_TEXT ? WEBSOCKET_EVENT_TEXT : WEBSOCKET_EVENT_BINARY;
}

// MORE: it was a fragment, and not the last.
static enum websocket_event read_data(struct websocket_reader *r, const struct header *h, struct websocket_payload *p) {
    if (h->is_final && h->opcode != WEBSOCKET_CONTINUATION)
        return message_event(h->opcode);
    if (h->opcode != WEBSOCKET_CONTINUATION)
        r->opcode = h->opcode;
    if (p->data.len > 0) {
        char *room = buf_reserve(&r->parts, p->data.len);
        ASSERT(room != NULL); // wrong() has looked
        websocket_copy(p, 0, p->data.len, room);
        buf_added(&r->parts, p->data.len);
    }
    if (!h->is_final)
        return WEBSOCKET_EVENT_MORE;
    enum websocket_event event = message_event(r->opcode);
    r->opcode = WEBSOCKET_CONTINUATION;
    r->message_is_over = true;
    *p = websocket_plain(buf_slice(&r->parts));
    return event;
}

static enum websocket_event read_frame(struct websocket_reader *r, const struct header *h, struct websocket_payload *p,
                                       uint16_t *ret_status) {
    switch (h->opcode) {
    case WEBSOCKET_CLOSE:
        return read_close(p, ret_status);
    case WEBSOCKET_PING:
        return WEBSOCKET_EVENT_PING;
    case WEBSOCKET_PONG:
        return WEBSOCKET_EVENT_PONG;
    default:
        return read_data(r, h, p);
    }
}

enum websocket_event websocket_next(struct websocket_reader *r, struct slice in, size_t *ret_consumed,
                                    struct websocket_payload *ret, uint16_t *ret_status) {
    *ret_consumed = 0;
    if (r->message_is_over)
        buf_consume(&r->parts, r->parts.len);
    r->message_is_over = false;
    for (;;) {
        struct slice rest = slice_sub(in, *ret_consumed, in.len);
        struct header h;
        enum websocket_event event = parse_header(rest, &h);
        if (event != WEBSOCKET_EVENT_BINARY) {
            *ret_status = WEBSOCKET_PROTOCOL_ERROR;
            return event;
        }
        *ret_status = wrong(r, &h);
        if (*ret_status != 0)
            return WEBSOCKET_EVENT_BAD;
        if (rest.len < h.size || rest.len - h.size < h.len)
            return WEBSOCKET_EVENT_MORE;
        struct websocket_payload p = {.data = slice_sub(rest, h.size, h.size + (size_t)h.len)};
        memcpy(p.mask, h.mask, sizeof(p.mask));
        *ret_consumed += h.size + (size_t)h.len;
        event = read_frame(r, &h, &p, ret_status);
        if (event != WEBSOCKET_EVENT_MORE) {
            *ret = p;
            return event;
        }
    }
}

size_t websocket_write_header(enum websocket_opcode opcode, size_t len, uint8_t ret[static WEBSOCKET_HEADER_MAX]) {
    ret[0] = (uint8_t)(FIN | opcode);
    size_t extra = len < LENGTH_16 ? 0 : len <= UINT16_MAX ? 2 : 8;
    ret[1] = extra == 0 ? (uint8_t)len : extra == 2 ? LENGTH_16 : LENGTH_64;
    uint64_t rest = len;
    for (size_t i = 1 + extra; i > 1; i--, rest >>= 8)
        ret[i] = (uint8_t)(rest & 0xff);
    return 2 + extra;
}

size_t websocket_write_close(uint16_t status, uint8_t ret[static WEBSOCKET_CLOSE_LEN]) {
    bool has_status = status != WEBSOCKET_NO_STATUS;
    ret[0] = FIN | WEBSOCKET_CLOSE;
    ret[1] = has_status ? STATUS_LEN : 0;
    ret[2] = (uint8_t)(status >> 8);
    ret[3] = (uint8_t)(status & 0xff);
    return has_status ? WEBSOCKET_CLOSE_LEN : WEBSOCKET_CLOSE_LEN - STATUS_LEN;
}

size_t websocket_write_pong(const struct websocket_payload *ping, uint8_t ret[static WEBSOCKET_PONG_MAX]) {
    ASSERT(ping->data.len <= WEBSOCKET_CONTROL_MAX);
    ret[0] = FIN | WEBSOCKET_PONG;
    ret[1] = (uint8_t)ping->data.len;
    websocket_copy(ping, 0, ping->data.len, ret + 2);
    return 2 + ping->data.len;
}
