// SPDX-License-Identifier: MIT
// Fuzzes a client of dialect A: its first frame and the row of those that follow. What is seen of a prefix stays true,
// no frame is longer than it may be, and what is forwarded is again a frame, of the server.
#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "iroh/dialect_a.h"
#include "iroh/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_hello(struct slice in) {
    uint8_t key[IROH_KEY_LEN];
    size_t len = 0;
    enum iroh_hello whole = iroh_a_hello(in, &len, key);
    ASSERT(whole != IROH_HELLO_OK || len == IROH_A_HELLO_LEN);
    ASSERT(whole != IROH_HELLO_MORE || in.len < IROH_A_HELLO_LEN);
    for (size_t there = 0; there < in.len && there < 32; there++) {
        enum iroh_hello part = iroh_a_hello(slice_sub(in, 0, there), &len, key);
        ASSERT(part == IROH_HELLO_MORE || (part == IROH_HELLO_BAD && whole == IROH_HELLO_BAD));
    }
}

static void check_packet(const struct iroh_frame *f, struct slice in) {
    uint8_t head[IROH_PACKET_HEAD_MAX], source[IROH_KEY_LEN] = {1};
    ASSERT(f->body.data.len <= IROH_PACKET_MAX && f->body.data.ptr + f->body.data.len == in.ptr + f->len);
    size_t n = iroh_write_packet_head(IROH_A, f->packet_type, source, f->body.data.len, head);
    ASSERT(n == IROH_A_HEADER_LEN + IROH_KEY_LEN && n + f->body.data.len == f->len);
    // It differs in type and key alone; and a client may send it too, to no effect.
    ASSERT(head[0] == IROH_A_RECV_PACKET && memcmp(head + 1, in.ptr + 1, IROH_A_HEADER_LEN - 1) == 0);
    char *wire = mem_alloc(f->len);
    memcpy(wire, head, n);
    websocket_copy(&f->body, 0, f->body.data.len, wire + n);
    struct iroh_frame back;
    iroh_a_parse(slice_make(wire, f->len), &back);
    ASSERT(back.kind == IROH_IGNORED && back.len == f->len);
    free(wire);
}

// Returns its length, or 0 when there is no frame.
static size_t check_frame(struct slice in) {
    struct iroh_frame whole, part;
    iroh_a_parse(in, &whole);
    for (size_t there = 0; there < in.len && there < 64; there++) {
        iroh_a_parse(slice_sub(in, 0, there), &part);
        if (whole.kind != IROH_BAD && whole.kind != IROH_MORE && there >= whole.len)
            ASSERT(part.kind == whole.kind && part.len == whole.len);
        else
            ASSERT(part.kind == IROH_MORE || (part.kind == IROH_BAD && whole.kind == IROH_BAD));
    }
    if (whole.kind == IROH_BAD || whole.kind == IROH_MORE) {
        ASSERT(whole.kind == IROH_BAD || in.len < IROH_A_FRAME_MAX);
        return 0;
    }
    ASSERT(whole.len >= IROH_A_HEADER_LEN && whole.len <= in.len && whole.len <= IROH_A_FRAME_MAX);
    if (whole.kind == IROH_PACKET)
        check_packet(&whole, in);
    return whole.len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_make((const char *)data, size);
    check_hello(in);
    if (size > IROH_A_HELLO_LEN && data[0] == IROH_A_CLIENT_INFO)
        in = slice_sub(in, IROH_A_HELLO_LEN, in.len);
    for (size_t len = 1; len > 0; in = slice_sub(in, len, in.len))
        len = check_frame(in);
    return 0;
}
