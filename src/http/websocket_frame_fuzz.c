// SPDX-License-Identifier: MIT
// Fuzzes the reader of websocket frames against a second one, written plainly over the whole input, and cuts the stream
// at places that the input names.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "http/websocket_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 300 };

// What came out: each event with its octets, or with its status.
struct outcome {
    struct buf out;
    size_t consumed;
};

static void add(struct outcome *o, enum websocket_event event, struct slice octets, uint16_t status) {
    const uint16_t start[] = {(uint16_t)event, status, (uint16_t)octets.len};
    bool ok = buf_append(&o->out, (const char *)start, sizeof(start)) && buf_append_slice(&o->out, octets);
    ASSERT(ok);
}

static void read_in_pieces(struct slice in, size_t step, struct outcome *o) {
    struct websocket_reader r;
    websocket_reader_init(&r, LIMIT);
    size_t from = 0, to = 0;
    for (;;) {
        struct websocket_payload p = websocket_plain(SLICE_EMPTY);
        size_t consumed;
        uint16_t status;
        enum websocket_event event = websocket_next(&r, slice_sub(in, from, to), &consumed, &p, &status);
        ASSERT(consumed <= to - from && r.parts.len <= LIMIT);
        from += consumed;
        if (event == WEBSOCKET_EVENT_MORE && to == in.len)
            break;
        if (event == WEBSOCKET_EVENT_MORE) {
            to = in.len - to < step ? in.len : to + step;
            continue;
        }
        bool is_end = event == WEBSOCKET_EVENT_CLOSE || event == WEBSOCKET_EVENT_BAD;
        char octets[LIMIT];
        ASSERT(is_end || p.data.len <= LIMIT);
        if (!is_end)
            websocket_copy(&p, 0, p.data.len, octets);
        add(o, event, slice_make(octets, is_end ? 0 : p.data.len), is_end ? status : 0);
        if (is_end)
            break;
    }
    o->consumed = from;
    websocket_reader_done(&r);
}

// The plain one. Answers the status with which it fails, or 0.
static uint16_t look_at_header(const uint8_t *p, size_t len, bool is_within, size_t so_far, uint64_t *ret_len) {
    unsigned opcode = p[0] & 15u, short_len = p[1] & 127u;
    if ((p[0] & 0x70) != 0 || p[1] < 128 || (opcode > 2 && opcode < 8) || opcode > 10)
        return 1002;
    if (opcode >= 8 && (p[0] < 128 || short_len > 125))
        return 1002;
    *ret_len = short_len;
    size_t extra = short_len == 126 ? 2 : short_len == 127 ? 8 : 0;
    if (len < 2 + extra)
        return UINT16_MAX; // who knows
    for (size_t i = 0; i < extra; i++)
        *ret_len = (i == 0 ? 0 : *ret_len << 8) | p[2 + i];
    if ((extra == 2 && *ret_len < 126) || (extra == 8 && (*ret_len < 65536 || *ret_len >> 63 != 0)))
        return 1002;
    if (opcode >= 8)
        return 0;
    if ((opcode == 0) != is_within)
        return 1002;
    return *ret_len + so_far > LIMIT ? 1009 : 0;
}

static void read_plainly(struct slice in, struct outcome *o) {
    char message[LIMIT], frame[LIMIT];
    size_t so_far = 0;
    unsigned opcode_of_message = 0;
    while (in.len >= 2) {
        const uint8_t *p = (const uint8_t *)in.ptr;
        uint64_t len = 0;
        uint16_t wrong = look_at_header(p, in.len, opcode_of_message != 0, so_far, &len);
        if (wrong == UINT16_MAX)
            return;
        if (wrong != 0) {
            add(o, WEBSOCKET_EVENT_BAD, SLICE_EMPTY, wrong);
            return;
        }
        size_t header = len < 126 ? 6 : len < 65536 ? 8 : 14;
        if (in.len < header + len)
            return;
        for (size_t i = 0; i < len; i++)
            frame[i] = (char)(p[header + i] ^ p[header - 4 + i % 4]);
        in = slice_sub(in, header + (size_t)len, in.len);
        o->consumed += header + (size_t)len;
        unsigned opcode = p[0] & 15u;
        if (opcode == 8) { // which of its contents are right is the business of the unit tests
            struct outcome rest = {.out = {.max = 64}};
            read_in_pieces(slice_make((const char *)p, header + (size_t)len), 200, &rest);
            ASSERT(rest.out.len == 6 && buf_append_slice(&o->out, buf_slice(&rest.out)));
            buf_done(&rest.out);
            return;
        }
        if (opcode > 8) {
            add(o, opcode == 9 ? WEBSOCKET_EVENT_PING : WEBSOCKET_EVENT_PONG, slice_make(frame, (size_t)len), 0);
            continue;
        }
        memcpy(message + so_far, frame, (size_t)len);
        so_far += (size_t)len;
        if (opcode != 0)
            opcode_of_message = opcode;
        if (p[0] < 128)
            continue;
        add(o, opcode_of_message == 1 ? WEBSOCKET_EVENT_TEXT : WEBSOCKET_EVENT_BINARY, slice_make(message, so_far), 0);
        so_far = 0;
        opcode_of_message = 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    struct outcome plain = {.out = {.max = 6 * size + 64}}, whole = plain, cut = plain;
    read_plainly(in, &plain);
    read_in_pieces(in, in.len + 1, &whole);
    read_in_pieces(in, data[0] % 32 + 1U, &cut);
    ASSERT(slice_eq(buf_slice(&plain.out), buf_slice(&whole.out)) && plain.consumed == whole.consumed);
    ASSERT(slice_eq(buf_slice(&plain.out), buf_slice(&cut.out)) && plain.consumed == cut.consumed);
    buf_done(&plain.out);
    buf_done(&whole.out);
    buf_done(&cut.out);
    return 0;
}
