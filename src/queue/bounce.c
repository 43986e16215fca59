// SPDX-License-Identifier: MIT
#include "queue/bounce.h"

#include <openssl/evp.h>
#include <stdio.h>

#include "base/hex.h"
#include "base/mem.h"
#include "mail/dsn.h"
#include "mail/header.h"
#include "queue/words.h"

enum { MESSAGE_ID_OCTETS = 16 }; // of the identity: enough to be unique

bool queue_bounce_is_due(const struct letter *l) {
    return l->due.sender_id != 0 && l->due.reverse_path[0] != '\0' && letter_count(l, LETTER_NEVER) > 0;
}

static void add(EVP_MD_CTX *ctx, const void *ptr, size_t len) {
    ASSERT(EVP_DigestUpdate(ctx, ptr, len) == 1);
}

void queue_bounce_identity(const struct letter *l, uint8_t ret[QUEUE_BOUNCE_ID_SIZE]) {
    static const char purpose[] = "martlet queue bounce 1";
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    ASSERT(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
    add(ctx, purpose, sizeof(purpose));
    // With the key of the body nobody can make out the row's number, and a store that began anew makes others.
    add(ctx, l->due.body_key, sizeof(l->due.body_key));
    add(ctx, &l->due.id, sizeof(l->due.id));
    for (size_t i = 0; i < l->due.n_recipients; i++)
        if (l->outcomes[i].fate == LETTER_NEVER)
            add(ctx, l->due.recipients[i], strlen(l->due.recipients[i]) + 1);
    ASSERT(EVP_DigestFinal_ex(ctx, ret, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}

// The header of the letter, or as much of it as was read.
static struct slice header_of(struct slice start) {
    size_t end;
    return header_find_end(start, &end) ? slice_sub(start, 0, end) : start;
}

bool queue_bounce_write(const struct letter *l, struct slice domain, struct slice start, int64_t now_s,
                        struct buf *out) {
    uint8_t identity[QUEUE_BOUNCE_ID_SIZE];
    queue_bounce_identity(l, identity);
    char id[2 * MESSAGE_ID_OCTETS + 1];
    hex_encode(identity, MESSAGE_ID_OCTETS, id);
    char message_id[sizeof(id) + 1 + STORE_DESTINATION_MAX];
    int len = snprintf(message_id, sizeof(message_id), "%s@%.*s", id, SLICE_FMT(domain));
    ASSERT(len > 0 && (size_t)len < sizeof(message_id));

    size_t n_max = letter_count(l, LETTER_NEVER), n = 0;
    struct dsn_recipient *failed = mem_zalloc(n_max, sizeof(*failed));
    char(*statuses)[WORDS_STATUS_MAX] = mem_zalloc(n_max, sizeof(*statuses));
    for (size_t i = 0; i < l->due.n_recipients; i++) {
        if (l->outcomes[i].fate != LETTER_NEVER)
            continue;
        struct slice reply = slice_from_cstr(l->outcomes[i].reply);
        words_status(reply, statuses[n]);
        failed[n] = (struct dsn_recipient){slice_from_cstr(l->due.recipients[i]), slice_from_cstr(statuses[n]), reply};
        n++;
    }
    struct dsn d = {
        .domain = domain,
        .to = slice_from_cstr(l->due.reverse_path),
        .message_id = slice_make(message_id, (size_t)len),
        .original_header = header_of(start),
        .date = now_s,
        .recipients = failed,
        .n_recipients = n,
    };
    bool ok = dsn_write(&d, out);
    free(statuses);
    free(failed);
    return ok;
}
