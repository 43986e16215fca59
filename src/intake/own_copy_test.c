// SPDX-License-Identifier: MIT
// Whose own copy a delivery is: that of the address in the From header, however the message came and whatever the
// envelope says. All others are told that something arrived, and so is who gets a bounce.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "intake/world.h"

// What was delivered to mailboxes of ours, in order, an own copy with a star.
static void list(const struct fake_delivery *d, struct buf *out) {
    if (d == NULL)
        return;
    list(d->next, out);
    if (d->destination[0] == '\0')
        assert_true(buf_printf(out, "%s%s%s", out->len > 0 ? " " : "", d->address, d->is_own ? "*" : ""));
}

#define OURS "v=1; a=ed25519-sha256; d=relay.test; s=s; h=From:From"
#define THEIRS "v=1; a=ed25519-sha256; d=a.example; s=s; h=From:From"

static void test_own_copy(void **state) {
    (void)state;
    static const struct {
        enum world_door door;
        const char *tags, *from, *header_from, *to;
        const char *rest;
        const char *want;
    } rows[] = {
        {WORLD_SUBMISSION, NULL, "eve@relay.test", "<eve@relay.test>", "bob@relay.test eve@relay.test",
         world_securejoin, "bob@relay.test eve@relay.test*"},
        {WORLD_SUBMISSION, NULL, "eve@relay.test", "Eve <EVE@Relay.Test>", "eve@relay.test", world_securejoin,
         "eve@relay.test*"},
        {WORLD_SUBMISSION, NULL, "eve@relay.test", "<eve@relay.test>", "EVE+phone@relay.test ann@a.example",
         world_securejoin, "eve@relay.test*"},
        {WORLD_SUBMISSION, NULL, "eve@relay.test", "<eve@relay.test>", "bob@relay.test evelyn@relay.test",
         world_securejoin, "bob@relay.test evelyn@relay.test"},
        {WORLD_SUBMISSION, NULL, "eve@relay.test", "<eve@relay.test>, <bob@relay.test>",
         "bob@relay.test eve@relay.test", world_securejoin, "bob@relay.test eve@relay.test*"},
        // A bounce is from the mailer-daemon: it is news.
        {WORLD_SUBMISSION, NULL, "eve@relay.test", "<eve@relay.test>", "eve@relay.test nobody@relay.test",
         world_securejoin, "eve@relay.test* eve@relay.test"},

        {WORLD_SMTP, THEIRS, "ann@a.example", "<ann@a.example>", "bob@relay.test eve@relay.test", world_securejoin,
         "bob@relay.test eve@relay.test"},
        // One local part at two domains is two people.
        {WORLD_SMTP, THEIRS, "eve@a.example", "<eve@a.example>", "eve@relay.test", world_securejoin, "eve@relay.test"},
        {WORLD_SMTP, THEIRS, "eve@relay.test", "<ann@a.example>", "eve@relay.test", world_securejoin, "eve@relay.test"},
        // What left comes back by a list, signed by ourselves.
        {WORLD_SMTP, OURS, "list@a.example", "<Eve+list@RELAY.test>", "bob@relay.test eve@relay.test", world_securejoin,
         "bob@relay.test eve@relay.test*"},
        {WORLD_MXDELIV, OURS, "eve@relay.test", "<eve@relay.test>", "eve@relay.test bob@relay.test", world_securejoin,
         "eve@relay.test* bob@relay.test"},
        {WORLD_SMTP, THEIRS, "", "<mailer-daemon@a.example>", "eve@relay.test", world_report, "eve@relay.test"},
        {WORLD_SMTP, OURS, "eve@relay.test", "<eve@relay.test>", "bob@relay.test nobody@relay.test", world_securejoin,
         "bob@relay.test eve@relay.test"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct buf text = {0};
        char header[256];
        world_open(&w, NULL);
        fake_dns_add(&w.dns, "s._domainkey.relay.test", w.record);
        (void)snprintf(header, sizeof(header), "From: %s\r\nTo: <x@relay.test>\r\nSubject: [...]\r\n",
                       rows[i].header_from);
        world_write_message(&w, rows[i].tags, header, rows[i].rest, &text);
        struct world_mail m = {.door = rows[i].door, .from = rows[i].from, .to = rows[i].to, .text = buf_slice(&text)};
        for (int again = 0; again < 2; again++) { // the second time because the reply was lost
            const char *reply = world_send(&w, &m);
            if (strcmp(reply, "250 OK") != 0)
                fail_msg("row %zu: %s", i, reply);
            struct buf got;
            buf_init(&got, 1024);
            list(w.store.last, &got);
            if (!slice_eq(buf_slice(&got), slice_from_cstr(rows[i].want)))
                fail_msg("row %zu: want \"%s\" got \"%.*s\"", i, rows[i].want, SLICE_FMT(buf_slice(&got)));
            buf_done(&got);
        }
        buf_done(&text);
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_own_copy)};
    return cmocka_run_group_tests_name("intake/own_copy", tests, NULL, NULL);
}
