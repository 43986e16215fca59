// SPDX-License-Identifier: MIT
#include "intake/bounce.h"

#include <stdio.h>

#include "base/hex.h"
#include "base/mem.h"
#include "intake/intake.h"
#include "mail/dsn.h"

enum {
    MESSAGE_ID_OCTETS = 16, // of the identity: enough to be unique
    HEADER_MAX = 512 * 1024,
};

void bounce_recipient(struct recipient *r, enum bounce_reason why, struct arena *arena) {
    char text[INTAKE_REPLY_MAX];
    const int len = (int)r->mailbox.len;
    const char *who = r->mailbox.ptr;
    int n = 0;
    switch (why) {
    case BOUNCE_UNKNOWN:
        r->failed_status = SLICE("5.1.1");
        n = snprintf(text, sizeof(text), "550 5.1.1 <%.*s> User doesn't exist: %.*s", len, who, len, who);
        break;
    case BOUNCE_FULL:
        r->failed_status = SLICE("5.2.2");
        n = snprintf(text, sizeof(text), "552 5.2.2 <%.*s> Quota exceeded (mailbox for user is full)", len, who);
        break;
    case BOUNCE_NOWHERE:
        r->failed_status = SLICE("5.1.2");
        n = snprintf(text, sizeof(text), "550 5.1.2 <%.*s> Bad destination: there can be no such domain", len, who);
        break;
    }
    ASSERT(n > 0 && (size_t)n < sizeof(text));
    r->failed_reply = arena_copy(arena, slice_make(text, (size_t)n));
    ASSERT(r->failed_reply.ptr != NULL);
}

size_t bounce_count(const struct recipients *r) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->list[i].failed_status.len > 0;
    return n;
}

static size_t list_failed(const struct recipients *r, struct dsn_recipient *ret) {
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        const struct recipient *one = &r->list[i];
        if (one->failed_status.len > 0)
            ret[n++] = (struct dsn_recipient){one->given, one->failed_status, one->failed_reply};
    }
    return n;
}

bool bounce_write(const struct bounce *b, struct buf *out) {
    char id[2 * MESSAGE_ID_OCTETS + 1];
    hex_encode(b->identity, MESSAGE_ID_OCTETS, id);
    char message_id[sizeof(id) + 1 + ADDRESS_DOMAIN_MAX + 1];
    int n = snprintf(message_id, sizeof(message_id), "%s@%.*s", id, SLICE_FMT(b->domain));
    ASSERT(n > 0 && (size_t)n < sizeof(message_id));

    struct dsn_recipient *failed = mem_zalloc(b->recipients->n, sizeof(*failed));
    // The header goes back as it would have been delivered: the subject that somebody submitted in clear text rests in
    // no mailbox, not even its author's.
    struct buf header;
    buf_init(&header, HEADER_MAX);
    bool ok = header_rewrite(b->header, b->edit, &header);
    struct dsn d = {
        .domain = b->domain,
        .to = b->sender,
        .message_id = slice_make(message_id, (size_t)n),
        .original_header = buf_slice(&header),
        .date = b->now_s,
        .recipients = failed,
        .n_recipients = list_failed(b->recipients, failed),
    };
    ok = ok && dsn_write(&d, out);
    buf_done(&header);
    free(failed);
    return ok;
}
