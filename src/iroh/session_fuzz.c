// SPDX-License-Identifier: MIT
// Four clients, two of each dialect, of which the input says what they send, in any pieces, and what happens between:
// time, clients that come and go, do not read, or have the same key. Whatever it is: bounds hold, what comes out is a
// row of whole frames, and nothing is left at the end.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"
#include "iroh/directory.h"
#include "iroh/fixture.h"
#include "iroh/relay.h"
#include "net/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CLIENTS = 4, PACKET_LEN = 3000 };

static const enum iroh_dialect DIALECTS[CLIENTS] = {IROH_A, IROH_A, IROH_B_V1, IROH_B_V2};

struct fuzz {
    struct fixture f;
    struct fixture_client k[CLIENTS];
    bool is_there[CLIENTS];
    bool is_raw[CLIENTS]; // it has sent octets of the input: frames of ours would not be understood behind them
};

static void check_frames(struct fixture_client *k) {
    struct slice got = client_got(k), payload;
    uint8_t type;
    // Of dialect B there are control frames, too, which are not looked at here.
    while (k->d == IROH_A && fixture_next_frame(k->d, &got, &type, &payload))
        ASSERT(type == IROH_A_RECV_PACKET || type == IROH_A_PING || type == IROH_A_PONG || type == IROH_A_HEALTH);
}

static void check(struct fuzz *z) {
    for (size_t i = 0; i < CLIENTS; i++) {
        if (!z->is_there[i] || client_is_closed(&z->k[i]))
            continue;
        const struct iroh_session *s = z->k[i].session;
        ASSERT(s->waiting.count <= IROH_WAITING_MAX);
        ASSERT(s->waiting.octets + conn_out_len(s->c) <= IROH_WAITING_OCTETS_MAX + CONN_OUT_HIGH);
        ASSERT(s->client == NULL || (atomic_load(&s->client->crossing) == 0 && s->client->session == s));
    }
    ASSERT(iroh_directory_count(z->f.relay->directory) <= CLIENTS);
}

static void come(struct fuzz *z, size_t i, bool same_key) {
    if (z->is_there[i])
        client_free(&z->k[i]);
    z->is_there[i] = true;
    z->is_raw[i] = false;
    client_join(&z->k[i], &z->f, DIALECTS[i], same_key ? 1 : 1 + (unsigned)i);
}

static void come_without_hello(struct fuzz *z, size_t i) {
    if (z->is_there[i])
        client_free(&z->k[i]);
    z->is_there[i] = true;
    z->is_raw[i] = true;
    client_connect(&z->k[i], &z->f, DIALECTS[i], 1 + (unsigned)i);
}

static void flood(struct fuzz *z, size_t i) {
    static const char packet[PACKET_LEN];
    for (int n = 0; n < 40 && !z->is_raw[i]; n++)
        client_send_packet(&z->k[i], z->k[i ^ 1].key, slice_make(packet, sizeof(packet)));
}

static void pass(struct fuzz *z, uint64_t ms) {
    fixture_pass_ms(ms);
    for (size_t i = 0; i < CLIENTS; i++)
        if (z->is_there[i] && !client_is_closed(&z->k[i]))
            iroh_liveness_look(z->k[i].session);
    loop_run_ready(z->f.loop);
}

// As a client would: a whole frame of this type with a payload of the input.
static size_t send_frame(struct fuzz *z, size_t i, const uint8_t *data, size_t size) {
    size_t n = size > 0 ? data[0] : 0;
    if (n + 1 > size)
        return size;
    if (n > 0 && !z->is_raw[i])
        client_send(&z->k[i], data[1], data + 2, n - 1);
    return n + 1;
}

static size_t feed(struct fuzz *z, size_t i, const uint8_t *data, size_t size) {
    size_t n = size > 0 ? data[0] : 0;
    if (n + 1 > size)
        return size;
    z->is_raw[i] = true;
    client_feed(&z->k[i], data + 1, n);
    return n + 1;
}

// One octet says what happens to whom; returns how many more it took.
static size_t step(struct fuzz *z, uint8_t what, const uint8_t *data, size_t size) {
    size_t i = what & 3;
    switch (what >> 2 & 15) {
    case 0:
    case 1:
    case 2:
        return feed(z, i, data, size);
    case 3:
    case 4:
    case 5:
        return send_frame(z, i, data, size);
    case 6:
        flood(z, i);
        break;
    case 7:
        conn_memory_block(z->k[i].c, (what & 0x40) != 0);
        loop_run_ready(z->f.loop);
        break;
    case 8:
        pass(z, (what & 0x40) != 0 ? 5000 : 17000);
        break;
    case 9:
        come(z, i, (what & 0x40) != 0);
        break;
    case 10:
        come_without_hello(z, i);
        break;
    case 11:
        conn_memory_feed_eof(z->k[i].c);
        loop_run_ready(z->f.loop);
        break;
    case 12:
        iroh_relay_set_limits(z->f.relay, &(struct iroh_limits){.is_on = true,
                                                                .max_connections = 100,
                                                                .connections_per_address = 100,
                                                                .bandwidth = (uint64_t)(what & 0xc0) * 1000,
                                                                .relay_only = i == 1});
        break;
    case 13:
        conn_shutdown_all(z->f.loop);
        loop_run_ready(z->f.loop);
        break;
    default:
        check_frames(&z->k[i]);
        break;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct fuzz z = {0};
    fixture_start(&z.f, NULL);
    for (size_t i = 0; i < CLIENTS; i++)
        come(&z, i, false);
    while (size > 0) {
        uint8_t what = *data++;
        size--;
        size_t n = step(&z, what, data, size);
        data += n;
        size -= n;
        check(&z);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        conn_memory_block(z.k[i].c, false);
        loop_run_ready(z.f.loop);
        check_frames(&z.k[i]);
        client_free(&z.k[i]);
    }
    ASSERT(iroh_directory_count(z.f.relay->directory) == 0);
    fixture_stop(&z.f);
    return 0;
}
