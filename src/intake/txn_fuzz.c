// SPDX-License-Identifier: MIT
// The same message in one piece and in pieces whose sizes the input chooses: the reply and what is delivered must be
// the same, and nothing is delivered that was not accepted. Input: piece sizes up to the first 0 octet, then the
// message.
#include <string.h>

#include "base/clock.h"
#include "config/config.h"
#include "intake/fake_account.h"
#include "intake/fake_store.h"
#include "intake/intake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct run {
    struct store store;
    struct intake_reply reply;
    bool answered;
};

static void on_done(void *arg, const struct intake_reply *reply) {
    struct run *r = arg;
    r->reply = *reply;
    r->answered = true;
}

static void run_message(struct run *r, struct config_holder *config, struct slice sizes, struct slice message,
                        bool to_self) {
    struct loop *loop = loop_new();
    struct account_service accounts = {.sends_left = 1};
    fake_store_init(&r->store);
    struct intake *in =
        intake_new(&(struct intake_settings){.config = config, .store = &r->store, .accounts = &accounts});
    struct intake_sender sender = {.account_id = 1, .login = SLICE("alice@relay.test")};
    struct intake_txn *t = intake_txn_new(in, loop, &sender, SLICE("alice@relay.test"));
    if (to_self)
        ASSERT(intake_txn_rcpt(t, SLICE("alice@relay.test"), &r->reply));
    else
        ASSERT(intake_txn_rcpt(t, SLICE("bob@relay.test"), &r->reply) &&
               intake_txn_rcpt(t, SLICE("nobody@relay.test"), &r->reply));
    for (size_t i = 0; message.len > 0; i++) {
        size_t n = sizes.len > 0 ? (unsigned char)sizes.ptr[i % sizes.len] : message.len;
        (void)intake_txn_write(t, slice_sub(message, 0, n));
        message = slice_sub(message, n, message.len);
    }
    intake_txn_finish(t, on_done, r);
    loop_run_ready(loop);
    ASSERT(r->answered);
    intake_txn_free(t);
    intake_free(in);
    loop_free(loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const settings[] = {"max_message_size=20000", NULL};
    struct slice all = slice_make((const char *)data, size), sizes, message;
    if (!slice_cut(all, '\0', &sizes, &message))
        return 0;
    clock_set_fake(1, 1700000000); // the date of a bounce
    struct config_holder *config =
        config_holder_new(config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "fuzz", settings, NULL, NULL));
    bool to_self = slice_starts_with(sizes, SLICE("\xff"));
    struct run whole = {.answered = false}, pieces = {.answered = false};
    run_message(&whole, config, SLICE_EMPTY, message, to_self);
    run_message(&pieces, config, sizes, message, to_self);

    ASSERT(strcmp(whole.reply.text, pieces.reply.text) == 0);
    ASSERT(whole.store.n_delivered == pieces.store.n_delivered);
    size_t accepted = to_self ? 1 : 2; // the message, and the bounce
    ASSERT(whole.store.n_delivered == (strcmp(whole.reply.text, "250 OK") == 0 ? accepted : 0));
    const struct fake_delivery *a = whole.store.last, *b = pieces.store.last;
    for (; a != NULL; a = a->next, b = b->next)
        ASSERT(a->len == b->len && memcmp(a->text, b->text, a->len) == 0 && memcmp(a->dedup, b->dedup, 32) == 0);

    fake_store_done(&whole.store);
    fake_store_done(&pieces.store);
    config_holder_free(config);
    clock_use_real();
    return 0;
}
