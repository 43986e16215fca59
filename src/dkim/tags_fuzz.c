// SPDX-License-Identifier: MIT
// Fuzzes tag lists: what is accepted lies within the text, in its order, and is accepted again.
#include <stdint.h>

#include "base/mem.h"
#include "dkim/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(struct slice value) {
    struct slice list = value, element;
    size_t n = 0, len = 0;
    while (dkim_list_next(&list, &element)) {
        ASSERT(slice_find(element, ':') == element.len);
        ASSERT(dkim_list_has(value, element));
        len += element.len;
        n++;
    }
    ASSERT(n > 0 && len + n - 1 <= value.len);
    char *decoded = mem_alloc(value.len);
    size_t decoded_len;
    if (dkim_base64(value, decoded, value.len, &decoded_len)) {
        ASSERT(decoded_len > 0 && decoded_len * 4 <= value.len * 3);
        size_t again;
        ASSERT(!dkim_base64(value, decoded, decoded_len - 1, &again));
    }
    free(decoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice text = slice_make((const char *)data, size);
    struct dkim_tags tags;
    if (!dkim_tags_parse(text, &tags))
        return 0;
    ASSERT(tags.n > 0 && tags.n <= DKIM_TAGS_MAX);
    const char *at = text.ptr;
    for (size_t i = 0; i < tags.n; i++) {
        const struct dkim_tag *tag = &tags.tags[i];
        ASSERT(tag->name.ptr >= at && tag->name.len > 0);
        ASSERT(tag->raw.ptr > tag->name.ptr && tag->value.ptr >= tag->raw.ptr);
        at = tag->raw.ptr + tag->raw.len;
        ASSERT(tag->value.ptr + tag->value.len <= at && at <= text.ptr + text.len);
        char *name = slice_dup(tag->name);
        ASSERT(dkim_tags_find(&tags, name) == tag);
        free(name);
        check_value(tag->value);
    }
    return 0;
}
