// SPDX-License-Identifier: MIT
// Any octets on the control channel: frames, and bundles in them. What parses must survive being written and parsed
// again.
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_same(const struct bundle *a, const struct bundle *b) {
    ASSERT(strcmp(a->config_name, b->config_name) == 0);
    ASSERT(strcmp(a->config_text, b->config_text) == 0);
    ASSERT(strcmp(a->cert_pem, b->cert_pem) == 0);
    ASSERT(strcmp(a->key_pem, b->key_pem) == 0);
    ASSERT(a->is_dev == b->is_dev);
    ASSERT(a->n_overrides == b->n_overrides);
    for (size_t i = 0; i < a->n_overrides; i++)
        ASSERT(strcmp(a->overrides[i], b->overrides[i]) == 0);
    ASSERT(a->n_listeners == b->n_listeners);
    for (size_t i = 0; i < a->n_listeners; i++) {
        ASSERT(a->listeners[i].fd == b->listeners[i].fd);
        ASSERT(strcmp(a->listeners[i].service, b->listeners[i].service) == 0);
    }
}

static void try_bundle(struct slice payload) {
    struct bundle *b = bundle_parse(payload);
    if (b == NULL)
        return;
    struct buf out;
    buf_init(&out, BUNDLE_ENCODED_MAX);
    ASSERT(bundle_write(b, &out));
    struct bundle *again = bundle_parse(buf_slice(&out));
    ASSERT(again != NULL);
    check_same(b, again);
    bundle_free(again);
    bundle_free(b);
    buf_done(&out);
}

static void check_sentence(struct slice payload) {
    char sentence[CHANNEL_SENTENCE_MAX], printable[CHANNEL_SENTENCE_MAX];
    channel_sentence(payload, sentence);
    ASSERT(strchr(sentence, '\n') == NULL && strchr(sentence, '\t') == NULL);
    (void)memcpy(printable, sentence, strlen(sentence) + 1);
    printable_make(printable);
    ASSERT(strcmp(printable, sentence) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice rest = slice_make((const char *)data, size);
    struct channel_message m;
    size_t used;
    while (channel_parse(rest, &m, &used) == CHANNEL_MESSAGE) {
        ASSERT(used <= rest.len && m.payload.len == used - CHANNEL_HEADER_LEN);
        if (m.type == CHANNEL_START || m.type == CHANNEL_RELOAD)
            try_bundle(m.payload);
        if (m.type == CHANNEL_FAILED)
            check_sentence(m.payload);
        rest = slice_sub(rest, used, rest.len);
    }
    return 0;
}
