// SPDX-License-Identifier: MIT
// Fuzzes a client of dialect B: its header with a proof, its answer to the challenge, its messages. A mask changes
// nothing, a header has one text, and what is forwarded is a frame that says the same.
#include <stdint.h>
#include <string.h>

#include "account/base64url.h"
#include "base/mem.h"
#include "iroh/dialect_b.h"
#include "iroh/handshake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_packet(const struct iroh_frame *f, struct slice message) {
    uint8_t head[IROH_PACKET_HEAD_MAX], source[IROH_KEY_LEN] = {1};
    ASSERT(f->body.data.len >= 2 && f->body.data.len <= IROH_PACKET_MAX - IROH_KEY_LEN);
    ASSERT(message.len == 1 + IROH_KEY_LEN + f->body.data.len && memcmp(f->key, message.ptr + 1, IROH_KEY_LEN) == 0);
    size_t n = iroh_write_packet_head(IROH_B_V2, f->packet_type, source, f->body.data.len, head);
    ASSERT(head[n - 1 - IROH_KEY_LEN] == (uint8_t)message.ptr[0] + 2);
    // It is one websocket message: as a client would send it, it is read as what it was, with another type and key.
    char *wire = mem_alloc(n + 4 + f->body.data.len);
    size_t header = n - 1 - IROH_KEY_LEN;
    memcpy(wire, head, header);
    wire[1] |= (char)0x80;
    memset(wire + header, 0, 4);
    memcpy(wire + header + 4, head + header, 1 + IROH_KEY_LEN);
    websocket_copy(&f->body, 0, f->body.data.len, wire + n + 4);
    struct websocket_reader r;
    websocket_reader_init(&r, IROH_B_MESSAGE_MAX);
    struct websocket_payload p;
    size_t consumed;
    uint16_t status;
    enum websocket_event event = websocket_next(&r, slice_make(wire, n + 4 + f->body.data.len), &consumed, &p, &status);
    ASSERT(event == WEBSOCKET_EVENT_BINARY && consumed == n + 4 + f->body.data.len);
    ASSERT(
        slice_eq(slice_sub(p.data, 1 + IROH_KEY_LEN, p.data.len), slice_sub(message, 1 + IROH_KEY_LEN, message.len)));
    websocket_reader_done(&r);
    free(wire);
}

static void check_message(struct slice message, const uint8_t mask[4]) {
    char *room = mem_alloc(message.len);
    struct websocket_payload plain = websocket_plain(message), masked = {.data = slice_make(room, message.len)};
    memcpy(masked.mask, mask, sizeof(masked.mask));
    for (size_t i = 0; i < message.len; i++)
        room[i] = (char)(message.ptr[i] ^ (char)mask[i % 4]);
    struct iroh_frame a, b;
    iroh_b_parse(&plain, &a);
    iroh_b_parse(&masked, &b);
    ASSERT(a.kind == b.kind && a.kind != IROH_MORE && a.body.data.len == b.body.data.len);
    ASSERT(memcmp(a.key, b.key, sizeof(a.key)) == 0 && memcmp(a.ping, b.ping, sizeof(a.ping)) == 0);
    if (a.kind == IROH_PACKET) {
        check_packet(&a, message);
        check_packet(&b, message);
    }
    uint8_t challenge[IROH_CHALLENGE_LEN] = {0}, key[IROH_KEY_LEN];
    enum iroh_hello hello = iroh_b_auth(&plain, challenge, key);
    ASSERT(hello != IROH_HELLO_MORE && hello == iroh_b_auth(&masked, challenge, key));
    free(room);
}

static void check_ticket(struct slice text) {
    struct iroh_b_ticket t;
    if (!iroh_b_ticket_parse(text, &t))
        return;
    uint8_t octets[113], material[IROH_MATERIAL_LEN] = {0};
    char again[3 * 64 + 1];
    memcpy(octets, t.key, 32);
    octets[32] = 64;
    memcpy(octets + 33, t.signature, 64);
    memcpy(octets + 97, t.suffix, 16);
    for (size_t i = 0; i < 3; i++)
        base64url_encode(octets + 48 * i, i < 2 ? 48 : 17, again + 64 * i);
    ASSERT(slice_eq(text, slice_from_cstr(again)));
    ASSERT(!iroh_b_ticket_is_valid(&t, material) || memcmp(t.suffix, material + 16, 16) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4)
        return 0;
    struct slice in = slice_make((const char *)data + 4, size - 4);
    check_ticket(in);
    check_message(in, data);
    return 0;
}
