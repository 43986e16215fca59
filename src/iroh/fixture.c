// SPDX-License-Identifier: MIT
#include "iroh/fixture.h"

#include <sodium/crypto_sign_ed25519.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "iroh/blake3_block.h"
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"
#include "iroh/relay.h"

enum { MANY = 1000, START_S = 1800000000, PAYLOAD_MAX = 200 * 1024 };

void fixture_start(struct fixture *f, const struct iroh_limits *limits) {
    static const struct iroh_limits NONE = {
        .is_on = true, .is_on_http = true, .max_connections = MANY, .connections_per_address = MANY};
    clock_set_fake(1000 * 1000, START_S);
    f->loop = loop_new();
    f->relay = iroh_relay_new(
        &(struct iroh_settings){.loops = &f->loop, .n_loops = 1, .limits = limits != NULL ? *limits : NONE});
}

void fixture_stop(struct fixture *f) {
    loop_run_ready(f->loop);
    loop_free(f->loop);
    iroh_relay_free(f->relay);
    clock_use_real();
}

void fixture_pass_ms(uint64_t ms) {
    clock_set_fake(clock_mono_us() + ms * 1000, START_S);
}

void fixture_key(unsigned number, uint8_t ret_key[IROH_KEY_LEN], uint8_t ret_secret[64]) {
    uint8_t seed[32];
    memset(seed, (int)number, sizeof(seed));
    ASSERT(crypto_sign_ed25519_seed_keypair(ret_key, ret_secret, seed) == 0);
}

size_t fixture_hello_a(const uint8_t key[IROH_KEY_LEN], const uint8_t secret[64], uint8_t ret[IROH_A_HELLO_LEN]) {
    static const char MAGIC[] = "RELAY\xf0\x9f\x94\x91";
    uint8_t *at = ret + iroh_a_write_header(IROH_A_CLIENT_INFO, IROH_A_HELLO_LEN - IROH_A_HEADER_LEN, ret);
    memcpy(at, MAGIC, sizeof(MAGIC) - 1);
    at += sizeof(MAGIC) - 1;
    memcpy(at, key, IROH_KEY_LEN);
    at[IROH_KEY_LEN + IROH_SIGNATURE_LEN] = 3;
    ASSERT(crypto_sign_ed25519_detached(at + IROH_KEY_LEN, NULL, at + IROH_KEY_LEN + IROH_SIGNATURE_LEN, 1, secret) ==
           0);
    return IROH_A_HELLO_LEN;
}

size_t fixture_websocket(uint8_t first, const void *payload, size_t len, uint8_t *ret) {
    static const uint8_t MASK[4] = {0x12, 0x34, 0x56, 0x78};
    size_t n = 0;
    ret[n++] = first;
    if (len < 126) {
        ret[n++] = (uint8_t)(0x80 | len);
    } else {
        int octets = len < 65536 ? 2 : 8;
        ret[n++] = octets == 2 ? 0xfe : 0xff;
        for (int i = octets - 1; i >= 0; i--)
            ret[n++] = (uint8_t)((uint64_t)len >> (8 * i) & 0xff);
    }
    memcpy(ret + n, MASK, sizeof(MASK));
    n += sizeof(MASK);
    for (size_t i = 0; i < len; i++)
        ret[n + i] = ((const uint8_t *)payload)[i] ^ MASK[i % 4];
    return n + len;
}

size_t fixture_hello_b(const uint8_t key[IROH_KEY_LEN], const uint8_t secret[64], const uint8_t challenge[16],
                       uint8_t ret[128]) {
    uint8_t to_sign[BLAKE3_KEY_LEN], message[1 + IROH_KEY_LEN + 1 + IROH_SIGNATURE_LEN];
    blake3_derive_key(SLICE("iroh-relay handshake v1 challenge signature"),
                      slice_make((const char *)challenge, IROH_CHALLENGE_LEN), to_sign);
    message[0] = IROH_B_CLIENT_AUTH;
    memcpy(message + 1, key, IROH_KEY_LEN);
    message[1 + IROH_KEY_LEN] = IROH_SIGNATURE_LEN;
    ASSERT(crypto_sign_ed25519_detached(message + 1 + IROH_KEY_LEN + 1, NULL, to_sign, sizeof(to_sign), secret) == 0);
    return fixture_websocket(0x82, message, sizeof(message), ret);
}

void client_connect(struct fixture_client *k, struct fixture *f, enum iroh_dialect d, unsigned number) {
    *k = (struct fixture_client){.f = f, .d = d};
    fixture_key(number, k->key, k->secret);
    k->c = conn_new_memory(f->loop, &iroh_session_ops, NULL, false);
    k->session = iroh_session_new(iroh_relay_share(f->relay, f->loop), k->c);
    conn_set_session(k->c, k->session);
    iroh_session_start(k->session, d, NULL);
    loop_run_ready(f->loop);
}

void client_join(struct fixture_client *k, struct fixture *f, enum iroh_dialect d, unsigned number) {
    client_connect(k, f, d, number);
    uint8_t hello[128];
    size_t len = d == IROH_A ? fixture_hello_a(k->key, k->secret, hello)
                             : fixture_hello_b(k->key, k->secret, k->session->challenge, hello);
    client_feed(k, hello, len);
    ASSERT(k->session->client != NULL);
    (void)client_got(k);
}

void client_feed(struct fixture_client *k, const void *ptr, size_t len) {
    conn_memory_feed(k->c, ptr, len);
    loop_run_ready(k->f->loop);
}

void client_send(struct fixture_client *k, uint8_t type, const void *payload, size_t len) {
    uint8_t *frame = mem_alloc(64 + len), *message = mem_alloc(1 + len);
    size_t n;
    ASSERT(len <= PAYLOAD_MAX);
    if (k->d == IROH_A) {
        const uint8_t header[IROH_A_HEADER_LEN] = {type, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
                                                   (uint8_t)(len >> 8), (uint8_t)len};
        memcpy(frame, header, sizeof(header));
        if (len > 0)
            memcpy(frame + sizeof(header), payload, len);
        n = sizeof(header) + len;
    } else {
        message[0] = type;
        if (len > 0)
            memcpy(message + 1, payload, len);
        n = fixture_websocket(0x82, message, 1 + len, frame);
    }
    client_feed(k, frame, n);
    free(frame);
    free(message);
}

void client_send_packet(struct fixture_client *k, const uint8_t to[IROH_KEY_LEN], struct slice packet) {
    size_t before = IROH_KEY_LEN + (k->d == IROH_A ? 0 : 1);
    uint8_t *payload = mem_zalloc(1, before + packet.len);
    memcpy(payload, to, IROH_KEY_LEN);
    if (packet.len > 0)
        memcpy(payload + before, packet.ptr, packet.len);
    client_send(k, k->d == IROH_A ? IROH_A_SEND_PACKET : IROH_B_SEND_DATAGRAM, payload, before + packet.len);
    free(payload);
}

static struct buf taken;
struct slice client_got(struct fixture_client *k) {
    buf_done(&taken);
    buf_init(&taken, 64 * 1024 * 1024);
    ASSERT(buf_append_slice(&taken, conn_memory_output(k->c)));
    conn_memory_take_output(k->c);
    return buf_slice(&taken);
}

static size_t read_length(struct slice in, size_t at, size_t octets) {
    size_t len = 0;
    for (size_t i = 0; i < octets; i++)
        len = len << 8 | (uint8_t)in.ptr[at + i];
    return len;
}

bool fixture_next_frame(enum iroh_dialect d, struct slice *in, uint8_t *ret_type, struct slice *ret_payload) {
    if (in->len == 0)
        return false;
    size_t head = 5, len;
    if (d == IROH_A) {
        ASSERT(in->len >= head);
        len = read_length(*in, 1, 4);
        *ret_type = (uint8_t)in->ptr[0];
    } else {
        ASSERT(in->len >= 2 && (uint8_t)in->ptr[0] == 0x82); // whole, binary
        len = (uint8_t)in->ptr[1];                           // not masked
        size_t more = len == 126 ? 2 : len == 127 ? 8 : 0;
        if (more > 0)
            len = read_length(*in, 2, more);
        head = 2 + more + 1;
        len--;
        *ret_type = (uint8_t)in->ptr[head - 1];
    }
    ASSERT(in->len >= head + len);
    *ret_payload = slice_sub(*in, head, head + len);
    *in = slice_sub(*in, head + len, in->len);
    return true;
}

bool client_is_closed(const struct fixture_client *k) {
    return conn_memory_is_closed(k->c);
}

void client_free(struct fixture_client *k) {
    conn_memory_free(k->c);
    loop_run_ready(k->f->loop);
    buf_done(&taken);
}
