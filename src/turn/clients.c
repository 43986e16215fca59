// SPDX-License-Identifier: MIT
#include "turn/clients.h"

#include "base/clock.h"
#include "turn/allocation.h"
#include "turn/count.h"
#include "turn/relay.h"
#include "turn/request.h"
#include "turn/station.h"

static struct turn_allocation *allocation_of(struct turn_station *s, const struct turn_tuple *tuple, uint64_t now_ms) {
    struct turn_allocation *a = turn_station_find(s, tuple);
    if (a == NULL || a->expires_ms > now_ms)
        return a;
    turn_allocation_free(a);
    return NULL;
}

static void on_message(struct turn_door *door, const struct turn_tuple *tuple, struct slice datagram, uint64_t now_us) {
    struct turn_message m;
    if (!turn_message_parse(datagram, &m)) {
        metric_count(&turn_count_dropped, TURN_DROP_MALFORMED);
        return;
    }
    struct turn_allocation *a = allocation_of(door->station, tuple, now_us / 1000);
    if (m.class == TURN_REQUEST) {
        struct turn_request r = {
            .station = door->station,
            .door = door->socket,
            .tuple = tuple,
            .message = &m,
            .allocation = a,
            .now_ms = now_us / 1000,
        };
        turn_request_handle(&r);
    } else if (m.class == TURN_INDICATION && m.method == TURN_SEND && a != NULL) {
        turn_relay_send(a, &m, now_us);
    } else {
        metric_count(&turn_count_dropped, TURN_DROP_UNSOLICITED);
    }
}

static void on_channel_data(struct turn_door *door, const struct turn_tuple *tuple, struct slice datagram,
                            uint64_t now_us) {
    struct turn_allocation *a = allocation_of(door->station, tuple, now_us / 1000);
    if (a == NULL)
        metric_count(&turn_count_dropped, TURN_DROP_UNSOLICITED);
    else
        turn_relay_channel_data(a, datagram, now_us);
}

void turn_clients_on_datagrams(void *arg, const struct udp_datagram *d, size_t n) {
    struct turn_door *door = arg;
    if (!door->station->policy.enabled)
        return;
    uint64_t now_us = clock_mono_us();
    for (size_t i = 0; i < n; i++) {
        struct turn_tuple tuple = {d[i].peer, d[i].local};
        struct slice datagram = slice_make((const char *)d[i].data, d[i].len);
        switch (turn_packet_kind(datagram)) {
        case TURN_KIND_CHANNEL:
            on_channel_data(door, &tuple, datagram, now_us);
            break;
        case TURN_KIND_STUN:
            on_message(door, &tuple, datagram, now_us);
            break;
        case TURN_KIND_OTHER:
            metric_count(&turn_count_dropped, TURN_DROP_MALFORMED);
            break;
        }
    }
}
