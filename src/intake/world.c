// SPDX-License-Identifier: MIT
#include "intake/world.h"

#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "dkim/sign.h"
#include "dkim/test_signer.h"

enum { MESSAGE_MAX = 8 * 1024 * 1024 };

const char world_encrypted[] =
    "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=B\r\n"
    "\r\n"
    "--B\r\n"
    "Content-Type: application/pgp-encrypted\r\n"
    "\r\n"
    "Version: 1\r\n"
    "\r\n"
    "--B\r\n"
    "Content-Type: application/octet-stream\r\n"
    "\r\n"
    "-----BEGIN PGP MESSAGE-----\r\n"
    "Version: some\r\n"
    "\r\n"
    "wQ0AAQIDBAUGBwgJCgsM0hQAAQIDBAUGBwgJCgsMDQ4PEBESEw==\r\n"
    "-----END PGP MESSAGE-----\r\n"
    "\r\n"
    "--B--\r\n";
const char world_clear[] = "Content-Type: text/plain\r\n\r\nhello\r\n";
const char world_securejoin[] = "Secure-Join: vc-request\r\n"
                                "Content-Type: multipart/mixed; boundary=B\r\n"
                                "\r\n"
                                "--B\r\n"
                                "Content-Type: text/plain; charset=utf-8\r\n"
                                "\r\n"
                                "Secure-Join: vc-request\r\n"
                                "\r\n"
                                "--B--\r\n";
const char world_report[] = "Auto-Submitted: auto-replied\r\n"
                            "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n"
                            "\r\n"
                            "--B\r\n"
                            "Content-Type: text/plain\r\n"
                            "\r\n"
                            "nobody there\r\n"
                            "--B--\r\n";

// ---- the world ----

void world_open(struct world *w, const char *const *settings) {
    *w = (struct world){.accounts.sends_left = 100};
    w->loop = loop_new();
    struct config *config = config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "test", settings, NULL, NULL);
    ASSERT(config != NULL);
    w->config = config_holder_new(config);
    fake_store_init(&w->store);
    w->intake = intake_new(&(struct intake_settings){
        .config = w->config, .store = &w->store, .accounts = &w->accounts, .crypt = &w->crypt, .dns = &w->dns});
    w->key = dkim_private_key_generate(DKIM_ED25519_SHA256);
    struct buf record;
    buf_init(&record, DKIM_PEM_MAX);
    ASSERT(dkim_private_key_record(w->key, &record));
    w->record = slice_dup(buf_slice(&record));
    buf_done(&record);
    fake_dns_add(&w->dns, "s._domainkey.a.example", w->record);
}

void world_close(struct world *w) {
    world_abandon(w);
    fake_dns_release(&w->dns);
    fake_worker_release(&w->crypt);
    loop_run_ready(w->loop);
    ASSERT(w->dns.n_running == 0);
    fake_store_done(&w->store);
    intake_free(w->intake);
    config_holder_free(w->config);
    loop_free(w->loop);
    dkim_private_key_unref(w->key);
    free(w->record);
}

void world_sign_with(struct world *w, struct dkim_private_key *key) {
    intake_set_signers(w->intake, &(struct dkim_signer){.key = key, .selector = SLICE("s")}, 1);
}

// ---- transactions ----

static void on_done(void *arg, const struct intake_reply *reply) {
    struct world *w = arg;
    ASSERT(!w->is_answered);
    w->is_answered = true;
    w->reply = *reply;
    intake_txn_free(w->txn);
    w->txn = NULL;
}

static bool name_recipients(struct world *w, struct slice list) {
    for (struct slice one = slice_next_word(&list); one.len > 0; one = slice_next_word(&list))
        if (!intake_txn_rcpt(w->txn, one, &w->reply))
            return false;
    return true;
}

bool world_begin(struct world *w, const struct world_mail *m) {
    struct slice from = slice_from_cstr(m->from);
    struct intake_sender sender = {.account_id = 7, .login = from};
    world_abandon(w);
    w->is_answered = false;
    w->txn = m->door == WORLD_SUBMISSION ? intake_txn_new(w->intake, w->loop, &sender, from)
                                         : intake_txn_new_inbound(w->intake, w->loop, from);
    if (name_recipients(w, slice_from_cstr(m->to))) {
        w->reply.text[0] = '\0';
        return true;
    }
    world_abandon(w);
    return false;
}

void world_write(struct world *w, const struct world_mail *m) {
    struct slice rest = m->text;
    while (rest.len > 0) {
        struct slice piece = slice_sub(rest, 0, m->piece > 0 ? m->piece : rest.len);
        if (m->door == WORLD_MXDELIV)
            (void)intake_txn_write_mxdeliv(w->txn, piece);
        else
            (void)intake_txn_write(w->txn, piece);
        rest = slice_sub(rest, piece.len, rest.len);
    }
}

void world_finish(struct world *w) {
    intake_txn_finish(w->txn, on_done, w);
    ASSERT(!w->is_answered); // always in a later turn
    loop_run_ready(w->loop);
}

void world_abandon(struct world *w) {
    intake_txn_free(w->txn);
    w->txn = NULL;
}

const char *world_send(struct world *w, const struct world_mail *m) {
    if (!world_begin(w, m))
        return w->reply.text;
    world_write(w, m);
    world_finish(w);
    return w->reply.text;
}

struct later {
    struct loop_task task;
    struct world *world;
    unsigned turns;
};

static void run_later(struct loop_task *task) {
    struct later *l = CONTAINER_OF(task, struct later, task);
    if (l->turns == 0) {
        world_abandon(l->world);
        return;
    }
    l->turns--;
    loop_post(l->world->loop, task);
}

bool world_send_and_free(struct world *w, const struct world_mail *m, unsigned turns) {
    struct later later = {.task.run = run_later, .world = w, .turns = turns};
    ASSERT(world_begin(w, m));
    world_write(w, m);
    intake_txn_finish(w->txn, on_done, w);
    loop_post(w->loop, &later.task);
    loop_run_ready(w->loop);
    return w->is_answered;
}

// ---- messages ----

void world_write_message(struct world *w, const char *tags, const char *header, const char *rest, struct buf *out) {
    struct buf bare;
    buf_init(&bare, MESSAGE_MAX);
    buf_done(out);
    buf_init(out, MESSAGE_MAX);
    ASSERT(buf_append_cstr(&bare, header) && buf_append_cstr(&bare, rest));
    if (tags != NULL)
        test_sign(w->key, slice_from_cstr(tags), buf_slice(&bare), out);
    ASSERT(buf_append_slice(out, buf_slice(&bare)));
    buf_done(&bare);
}
