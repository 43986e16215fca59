// SPDX-License-Identifier: MIT
#include "smtp/client/client_fixture.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "net/listener.h"

void client_world_open(struct client_world *w, const char *const *scripts, const struct smtp_client_times *times) {
    const char *error;
    *w = (struct client_world){.loop = loop_new()};
    peer_start(&w->peer, w->loop, scripts);
    char port[64];
    (void)snprintf(port, sizeof(port), "outbound_smtp_port=%u", w->peer.port);
    const char *const settings[] = {"mail_domain=relay.test", port, NULL};
    w->config = config_holder_new(config_parse(SLICE_EMPTY, "test", settings, NULL, NULL));
    w->tls = tls_client_context_new(&(struct tls_client_settings){0}, &error);
    ASSERT(w->tls != NULL);
    w->client = smtp_client_new(&(struct smtp_client_settings){.config = w->config, .loop = w->loop, .tls = w->tls});
    if (times != NULL)
        smtp_client_set_times(w->client, times);
    w->transport = smtp_client_transport(w->client);
    w->host = (struct transport_host){
        .name = "mx.b.example", .destination = "b.example", .n_addresses = 1, .check = TLS_CHECK_ANY};
    ASSERT(net_address_parse(SLICE("127.0.0.1"), &w->host.addresses[0]));
    w->ch = w->transport->open(w->transport->arg, &w->host);
}

void client_world_turn(struct client_world *w) {
    loop_run_ready(w->loop);
    (void)usleep(100);
}

void client_world_close(struct client_world *w) {
    if (w->ch != NULL)
        w->transport->close(w->ch);
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    conn_shutdown_all(w->loop);
    while (w->peer.n_open > 0 && clock_mono_ms() < end)
        client_world_turn(w);
    smtp_client_free(w->client);
    peer_stop(&w->peer);
    loop_free(w->loop);
    tls_client_context_free(w->tls);
    config_holder_free(w->config);
}

void client_world_send(struct client_world *w, struct letter *l) {
    w->transport->send(w->ch, &l->l, letter_on_end, l);
    ASSERT(!l->is_done);
    uint64_t end = clock_mono_ms() + PATIENCE_MS;
    while (!l->is_done && clock_mono_ms() < end)
        client_world_turn(w);
}
