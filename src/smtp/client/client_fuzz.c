// SPDX-License-Identifier: MIT
// Two letters over the client, with any octets as what the servers say. The first octet chooses the scene; 0xff ends a
// piece, which is sent when the client has said what it had to say. Checked: each letter ends exactly once, every reply
// that is told is one, and who counts as served had the whole message written to the connection.
#include "base/mem.h"
#include "config/config.h"
#include "smtp/client/fake_connector.h"
#include "smtp/client/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum scene {
    SCENE_CLEAR = 1 << 0,   // may be spoken to in clear text
    SCENE_GREETED = 1 << 1, // greeting, STARTTLS and EHLO are done for the fuzzer
    SCENE_STEPS = 1 << 2,   // without PIPELINING; else
    SCENE_CHUNKS = 1 << 3,  // with CHUNKING
    SCENE_LARGE = 1 << 4,
    SCENE_EOF = 1 << 5,   // between the letters
    SCENE_CLOSE = 1 << 6, // the channel, before the second letter is done
    SCENE_UTF8 = 1 << 7,
};

struct scenery {
    struct loop *loop;
    struct transport_channel *ch;
    const struct transport *transport;
    unsigned scene;
    struct slice rest; // of what servers say
    size_t n_greeted;  // connections that had their beginning
};

static struct conn *last_conn(void) {
    return fake_net.n_conns > 0 ? fake_net.conns[fake_net.n_conns - 1] : NULL;
}

static void say(struct scenery *s, struct slice octets) {
    conn_memory_feed(last_conn(), octets.ptr, octets.len);
    loop_run_ready(s->loop);
}

static void greet(struct scenery *s) {
    s->n_greeted = fake_net.n_conns;
    say(s, SLICE("220 mx\r\n"));
    say(s, SLICE("250-mx\r\n250 STARTTLS\r\n"));
    say(s, SLICE("220 go\r\n"));
    if (s->scene & SCENE_STEPS)
        say(s, SLICE("250 mx\r\n"));
    else
        say(s, s->scene & SCENE_CHUNKS ? SLICE("250-mx\r\n250-CHUNKING\r\n250 PIPELINING\r\n")
                                       : SLICE("250-mx\r\n250 PIPELINING\r\n"));
}

static void say_next(struct scenery *s) {
    struct slice piece;
    if ((s->scene & SCENE_GREETED) && s->n_greeted < fake_net.n_conns)
        greet(s);
    slice_cut(s->rest, '\xff', &piece, &s->rest);
    say(s, piece);
}

// Until the letter has its end: what is left to say, then silence and the end of every connection.
static void serve(struct scenery *s, struct letter *l) {
    loop_run_ready(s->loop);
    while (!l->is_done && s->rest.len > 0 && last_conn() != NULL)
        say_next(s);
    fake_net.n_max = fake_net.n_conns;
    for (int i = 0; i < 100 && !l->is_done; i++) {
        if (last_conn() != NULL)
            conn_memory_feed_eof(last_conn());
        loop_run_ready(s->loop);
    }
    fake_net.n_max = FAKE_CONNECTIONS_MAX;
}

// The message as it must have left, at the end of what was written or before a later command.
static void check_written(const struct letter *l) {
    struct slice out = conn_memory_output(last_conn());
    bool is_chunk = slice_find_slice(out, SLICE("BDAT ")) < out.len;
    ASSERT(l->at == l->l.size);
    ASSERT(slice_find_slice(out, is_chunk ? SLICE("\r\n.one\r\n") : SLICE("\r\n..one\r\n")) < out.len);
    ASSERT(is_chunk || slice_find_slice(out, SLICE("\r\n.\r\n")) < out.len);
}

static void check_end(const struct letter *l) {
    char words[8192];
    bool any_taken = false;
    ASSERT(l->is_done);
    letter_describe(l, words, sizeof(words));
    for (size_t i = 0; l->end.result == TRANSPORT_ANSWERED && i < l->l.n_recipients; i++) {
        const struct transport_reply *r = &l->replies[i];
        ASSERT(r->code >= 200 && r->code < 600 && r->code / 100 != 3);
        any_taken = any_taken || r->code < 300;
    }
    if (any_taken)
        check_written(l);
}

static void run(struct scenery *s) {
    struct letter l[2];
    for (size_t i = 0; i < 2; i++) {
        letter_init(&l[i], s->loop, "Subject: x\r\n\r\n.one\r\n", s->scene & SCENE_LARGE ? 400000 : 0, 2);
        if (s->scene & SCENE_UTF8)
            l[i].recipients[i] = SLICE("\xc3\xb6@b.example");
    }
    s->transport->send(s->ch, &l[0].l, letter_on_end, &l[0]);
    serve(s, &l[0]);
    check_end(&l[0]);
    if ((s->scene & SCENE_EOF) && last_conn() != NULL)
        conn_memory_feed_eof(last_conn());
    if (last_conn() != NULL)
        conn_memory_take_output(last_conn());
    s->transport->send(s->ch, &l[1].l, letter_on_end, &l[1]);
    if (s->scene & SCENE_CLOSE) {
        loop_run_ready(s->loop);
        if (last_conn() != NULL)
            say_next(s);
    } else {
        serve(s, &l[1]);
        check_end(&l[1]);
    }
    s->transport->close(s->ch);
    loop_run_ready(s->loop);
    letter_done(&l[0]);
    letter_done(&l[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0 || size > 64 * 1024)
        return 0;
    const char *const settings[] = {"mail_domain=relay.test", NULL};
    struct scenery s = {.loop = loop_new(), .scene = data[0], .rest = slice_make((const char *)data + 1, size - 1)};
    struct config_holder *config = config_holder_new(config_parse(SLICE_EMPTY, "fuzz", settings, NULL, NULL));
    struct smtp_client *client = smtp_client_new(&(struct smtp_client_settings){.config = config, .loop = s.loop});
    struct transport_host host = {.name = "mx.b.example", .destination = "b.example", .n_addresses = 1};
    host.may_be_clear = s.scene & SCENE_CLEAR;
    fake_net.n_max = FAKE_CONNECTIONS_MAX;
    s.transport = smtp_client_transport(client);
    s.ch = s.transport->open(s.transport->arg, &host);
    run(&s);
    fake_net_clear();
    loop_run_ready(s.loop);
    smtp_client_free(client);
    config_holder_free(config);
    loop_free(s.loop);
    return 0;
}
