// SPDX-License-Identifier: MIT
// Fuzzes the packets that clients send. What was read lies within the datagram; written again it is read as the same.
#include <stdint.h>

#include "base/mem.h"
#include "turn/message.h"
#include "turn/message_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice part, struct slice whole) {
    ASSERT(part.len == 0 || (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static void check_channel(struct slice datagram) {
    uint16_t channel, again;
    struct slice data, back;
    if (!turn_channel_parse(datagram, &channel, &data))
        return;
    ASSERT(turn_packet_kind(datagram) == TURN_KIND_CHANNEL);
    check_within(data, datagram);
    uint8_t *mem = mem_alloc(TURN_HEADROOM + data.len + TURN_TAILROOM);
    if (data.len > 0)
        memcpy(mem + TURN_HEADROOM, data.ptr, data.len);
    ASSERT(turn_channel_parse(turn_wrap_channel(mem + TURN_HEADROOM, data.len, channel), &again, &back));
    ASSERT(again == channel && slice_eq(back, data));
    free(mem);
}

static bool same_peer(const struct turn_peer *a, const struct turn_peer *b) {
    return a->ipv6 == b->ipv6 && a->address.port == b->address.port &&
           memcmp(a->address.ip, b->address.ip, sizeof(a->address.ip)) == 0;
}

static void write_again(const struct turn_message *m, struct turn_writer *w, const uint8_t key[TURN_KEY_LEN]) {
    if (m->has & TURN_HAS_USERNAME)
        turn_put_octets(w, TURN_USERNAME, m->username);
    if (m->has & TURN_HAS_REALM)
        turn_put_octets(w, TURN_REALM, m->realm);
    if (m->has & TURN_HAS_NONCE)
        turn_put_octets(w, TURN_NONCE, m->nonce);
    if (m->has & TURN_HAS_DATA)
        turn_put_octets(w, TURN_DATA_ATTRIBUTE, m->data);
    if (m->has & TURN_HAS_LIFETIME)
        turn_put_u32(w, TURN_LIFETIME, m->lifetime);
    if (m->has & TURN_HAS_CHANNEL_NUMBER)
        turn_put_channel(w, m->channel);
    if (m->has & TURN_HAS_ERROR_CODE)
        turn_put_error(w, m->error_code, SLICE_EMPTY);
    struct turn_peer peer;
    for (size_t at = 0; turn_message_next_peer(m, &at, &peer);)
        turn_put_address(w, TURN_XOR_PEER_ADDRESS, &peer.address);
    turn_put_unknown(w, m->unknown, m->unknown_count);
    turn_put_integrity(w, key);
    turn_put_fingerprint(w);
}

static void check_again(const struct turn_message *m, struct slice octets, const uint8_t key[TURN_KEY_LEN]) {
    enum {
        SAME = TURN_HAS_USERNAME | TURN_HAS_REALM | TURN_HAS_NONCE | TURN_HAS_DATA | TURN_HAS_LIFETIME |
               TURN_HAS_CHANNEL_NUMBER | TURN_HAS_ERROR_CODE | TURN_HAS_PEER
    };
    struct turn_message n;
    ASSERT(turn_message_parse(octets, &n) && turn_message_verify(&n, key) && !n.malformed && n.unknown_count == 0);
    ASSERT(n.class == m->class && n.method == m->method && memcmp(n.id, m->id, TURN_ID_LEN) == 0);
    ASSERT((n.has & SAME) == (m->has & SAME));
    ASSERT(slice_eq(n.username, m->username) && slice_eq(n.realm, m->realm) && slice_eq(n.nonce, m->nonce));
    ASSERT(slice_eq(n.data, m->data) && n.lifetime == m->lifetime && n.channel == m->channel);
    ASSERT(n.error_code == m->error_code);
    struct turn_peer got, want;
    size_t at_got = 0, at_want = 0;
    while (turn_message_next_peer(m, &at_want, &want)) {
        ASSERT(turn_message_next_peer(&n, &at_got, &got));
        // An IPv4-mapped one of family IPv6 is never written.
        ASSERT(same_peer(&got, &want) || (want.ipv6 && net_address_is_ipv4(&want.address) && !got.ipv6));
    }
    ASSERT(!turn_message_next_peer(&n, &at_got, &got));
}

static void check_data(const struct turn_message *m) {
    if (!(m->has & TURN_HAS_PEER) || m->data.len > TURN_DATA_MAX)
        return;
    uint8_t *mem = mem_alloc(TURN_HEADROOM + m->data.len + TURN_TAILROOM);
    if (m->data.len > 0)
        memcpy(mem + TURN_HEADROOM, m->data.ptr, m->data.len);
    struct turn_message n;
    ASSERT(turn_message_parse(turn_wrap_data(mem + TURN_HEADROOM, m->data.len, &m->peer.address, m->id), &n));
    ASSERT(n.class == TURN_INDICATION && n.method == TURN_DATA && slice_eq(n.data, m->data));
    free(mem);
}

static void check_message(struct slice datagram) {
    static const uint8_t key[TURN_KEY_LEN] = {1};
    struct turn_message m;
    if (!turn_message_parse(datagram, &m))
        return;
    check_within(m.username, datagram);
    check_within(m.realm, datagram);
    check_within(m.nonce, datagram);
    check_within(m.data, datagram);
    ASSERT(m.end <= datagram.len && m.unknown_count <= TURN_UNKNOWN_MAX);
    ASSERT(!(m.has & TURN_HAS_INTEGRITY) || m.end == m.integrity_at);
    ASSERT((m.has & TURN_HAS_INTEGRITY) || !turn_message_verify(&m, key));
    if (m.error_code != 0 && !(m.has & TURN_HAS_ERROR_CODE))
        m.error_code = 0;
    // What does not fit is said to, and nothing is written beyond the memory.
    size_t size = datagram.len + 128;
    uint8_t *mem = mem_alloc(size);
    struct turn_writer w;
    turn_writer_begin(&w, mem, size, m.class, m.method, m.id);
    write_again(&m, &w, key);
    struct slice octets = turn_writer_end(&w);
    if (octets.len > 0)
        check_again(&m, octets, key);
    free(mem);
    check_data(&m);
}

// A fingerprint that is right is hard to guess; so the last octets are made one when they look like it.
static void check_with_fingerprint(const uint8_t *data, size_t size) {
    if (size < TURN_HEADER_LEN + TURN_FINGERPRINT_SPACE || size > 0xffff ||
        turn_load16(data + size - TURN_FINGERPRINT_SPACE) != TURN_FINGERPRINT)
        return;
    uint8_t *copy = mem_alloc(size);
    memcpy(copy, data, size);
    turn_store32(copy + size - 4, turn_message_crc(copy, size - TURN_FINGERPRINT_SPACE));
    check_message(slice_make((const char *)copy, size));
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice datagram = slice_make((const char *)data, size);
    check_channel(datagram);
    check_message(datagram);
    check_with_fingerprint(data, size);
    return 0;
}
