// SPDX-License-Identifier: MIT
#include "net/http_talk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/panic.h"

void authority_make(struct authority *a) {
    const char *error = NULL;
    *a = (struct authority){.folder = "/tmp/net-http-XXXXXX"};
    a->ca = cert_fixture_new(&(struct cert_spec){.name = "Test CA", .is_ca = true});
    a->good =
        cert_fixture_new(&(struct cert_spec){.name = "good", .san = "DNS:mx.example,IP:127.0.0.1", .issuer = a->ca});
    a->self_signed = cert_fixture_new(&(struct cert_spec){.name = "self", .san = "DNS:mx.example"});
    ASSERT(mkdtemp(a->folder) != NULL);
    cert_fixture_save(a->ca, a->folder, "ca.pem", a->ca_path);
    a->tls = tls_client_context_new(&(struct tls_client_settings){.ca_file = a->ca_path}, &error);
    ASSERT(a->tls != NULL);
}

void authority_free(struct authority *a) {
    tls_client_context_free(a->tls);
    cert_fixture_free(a->good);
    cert_fixture_free(a->self_signed);
    cert_fixture_free(a->ca);
    (void)unlink(a->ca_path);
    ASSERT(rmdir(a->folder) == 0);
}

static void on_resume(struct loop_timer *timer) {
    http_call_resume(CONTAINER_OF(timer, struct talk, timer)->call);
}

static enum http_body on_body(void *arg, char *ptr, size_t max, size_t *ret_len) {
    struct talk *t = arg;
    assert_in_range(max, 1, t->s.body_len - t->given);
    if (t->cancel_at_body > 0 && --t->cancel_at_body == 0) {
        http_call_cancel(t->call);
        t->cancelled = true;
    }
    if (t->fail_at_body > 0 && --t->fail_at_body == 0)
        return HTTP_BODY_FAILED;
    if (t->waits > 0 && t->waits-- % 2 == 0) {
        if (t->waits % 4 == 1)
            http_call_resume(t->call); // within on_body it takes effect after it
        else
            loop_timer_start(&t->timer, 1);
        return HTTP_BODY_WAIT;
    }
    for (size_t i = 0; i < max; i++) {
        ptr[i] = (char)((t->given + i) * 31 >> 3);
        t->sum += (unsigned char)ptr[i];
    }
    t->given += max;
    *ret_len = max;
    return HTTP_BODY_MORE;
}

static bool on_rewind(void *arg) {
    struct talk *t = arg;
    t->rewinds++;
    t->given = t->sum = 0;
    return true;
}

static void keep(char *to, size_t size, struct slice s) {
    size_t len = s.len < size ? s.len : size - 1;
    memcpy(to, s.ptr, len);
    to[len] = '\0';
}

static void on_done(void *arg, const struct http_answer *a) {
    struct talk *t = arg;
    assert_false(t->done);
    t->done = true;
    t->outcome = a->outcome;
    t->status = a->status;
    t->reused = a->reused;
    t->retry_after_s = a->retry_after_s;
    keep(t->why, sizeof(t->why), a->why != NULL ? slice_from_cstr(a->why) : SLICE_EMPTY);
    keep(t->type, sizeof(t->type), a->content_type);
    keep(t->body, sizeof(t->body), a->body);
}

void talk_prepare(struct talk *t, struct http_client *client, const struct net_address *to, const char *path) {
    *t = (struct talk){.client = client};
    (void)snprintf(t->url, sizeof(t->url), "https://mx.example:%u%s", (unsigned)to->port, path);
    t->s = (struct http_call_settings){
        .method = "GET",
        .url = t->url,
        .addresses = to,
        .n_addresses = 1,
        .check = TLS_CHECK_PKIX,
        .timeout_ms = NEAR_PATIENCE_MS,
        .max_answer = 4000,
        .on_body = on_body,
        .on_rewind = on_rewind,
        .on_done = on_done,
        .arg = t,
    };
}

void talk_start(struct talk *t, struct loop *loop) {
    loop_timer_init(&t->timer, loop, on_resume);
    t->call = http_call_start(t->client, &t->s);
    assert_false(t->done);
}

void talk_run(struct talk *t, struct loop *loop) {
    talk_start(t, loop);
    assert_true(near_until(loop, &t->done, NEAR_PATIENCE_MS));
    loop_timer_done(&t->timer);
}
