// SPDX-License-Identifier: MIT
// The same message from outside in one piece and in pieces whose sizes the input chooses: the reply and what is stored
// must be the same; nothing is stored that was not accepted; nothing passes unsigned but from a literal; what is stored
// has none of the fields that delivery removes. Input: flags, piece sizes up to the first 0 octet, then the message.
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dkim/test_keys.h"
#include "intake/world.h"
#include "mail/address.h"
#include "mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FLAG_MXDELIV = 1, FLAG_SIGNED = 2, FLAG_NULL_SENDER = 4, FLAG_NO_DNS = 8 };

static void run_message(struct world *w, unsigned flags, struct slice sizes, struct slice message) {
    struct world_mail m = {.door = flags & FLAG_MXDELIV ? WORLD_MXDELIV : WORLD_SMTP,
                           .from = flags & FLAG_NULL_SENDER ? "" : "ann@a.example",
                           .to = "bob@relay.test nobody@relay.test postmaster"};
    ASSERT(world_begin(w, &m));
    for (size_t i = 0; message.len > 0; i++) {
        m.text = slice_sub(message, 0, sizes.len > 0 ? (unsigned char)sizes.ptr[i % sizes.len] : message.len);
        world_write(w, &m);
        message = slice_sub(message, m.text.len, message.len);
    }
    world_finish(w);
    ASSERT(w->is_answered);
}

static void check_stored(const struct fake_delivery *d, bool is_signed) {
    struct slice text = slice_make(d->text, d->len), value;
    struct address from;
    size_t end;
    struct slice header = slice_sub(text, 0, header_find_end(text, &end) ? end : text.len);
    ASSERT(header_find(header, SLICE("From"), &value) && address_first_of_header(value, &from));
    ASSERT(is_signed || from.domain.ptr[0] == '[');
    ASSERT(!header_find(header, SLICE("DKIM-Signature"), &value));
    ASSERT(!header_find(header, SLICE("Received"), &value));
    ASSERT(!header_find(header, SLICE("Authentication-Results"), &value));
}

static void open_world(struct world *w, unsigned flags, struct dkim_private_key *key) {
    static const char *const settings[] = {"max_message_size=100000", NULL};
    world_open(w, settings);
    dkim_private_key_unref(w->key);
    w->key = dkim_private_key_ref(key);
    w->dns.records[0].texts = "p=" TEST_RSA1024_P;
    w->dns.trouble = flags & FLAG_NO_DNS ? DNS_FAILED : DNS_OK;
}

// The message behind a signature for it. In the form of SMTP it holds what its writer wrote.
static void sign(struct world *w, struct slice message, struct buf *out) {
    char *text = slice_dup(message);
    world_write_message(w, "v=1; a=rsa-sha256; c=relaxed/relaxed; d=a.example; s=s; h=From:From:Subject", text, "",
                        out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct dkim_private_key *key;
    const char *reason;
    struct slice all = slice_make((const char *)data, size), sizes, message;
    if (key == NULL)
        key = dkim_private_key_from_pem(SLICE(TEST_RSA1024_PEM), &reason);
    if (size == 0 || !slice_cut(slice_sub(all, 1, size), '\0', &sizes, &message))
        return 0;
    unsigned flags = data[0];
    bool is_signed = flags & FLAG_SIGNED;
    log_set_level(LOG_LEVEL_ERROR);
    clock_set_fake(1, 1700000000); // the date of a bounce
    struct world whole, pieces;
    struct buf text = {0};
    open_world(&whole, flags, key);
    open_world(&pieces, flags, key);
    if (is_signed) {
        sign(&whole, message, &text);
        message = buf_slice(&text);
    }
    run_message(&whole, flags, SLICE_EMPTY, message);
    run_message(&pieces, flags, sizes, message);

    ASSERT(strcmp(whole.reply.text, pieces.reply.text) == 0);
    bool accepted = strcmp(whole.reply.text, "250 OK") == 0;
    ASSERT(whole.store.n_delivered == (accepted ? 2 : 0));
    ASSERT(whole.store.n_queued <= accepted);
    ASSERT(pieces.store.n_delivered == whole.store.n_delivered && pieces.store.n_queued == whole.store.n_queued);
    const struct fake_delivery *a = whole.store.last, *b = pieces.store.last;
    for (; a != NULL; a = a->next, b = b->next) {
        ASSERT(a->len == b->len && memcmp(a->text, b->text, a->len) == 0 && memcmp(a->dedup, b->dedup, 32) == 0);
        if (a->destination[0] == '\0')
            check_stored(a, is_signed);
    }
    buf_done(&text);
    world_close(&whole);
    world_close(&pieces);
    clock_use_real();
    return 0;
}
