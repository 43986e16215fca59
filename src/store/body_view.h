// SPDX-License-Identifier: MIT
// What a backend sees of a finished body that is to be delivered. Private to the store.
#pragma once

#include "store/body.h"
#include "store/body_dir.h"
#include "store/body_format.h"

struct body_view {
    const uint8_t *key; // BODY_KEY_LEN octets
    uint64_t size;
    const struct body_name *file; // NULL when inline:
    const void *sealed;
    size_t sealed_len;
};

// False when the body was not finished, or its writing failed.
MUST_USE bool body_get_view(const struct store_body *b, struct body_view *ret);
// A row refers to the body: its file stays when the body is freed. Called by the writer after the commit.
void body_set_kept(struct store_body *b);
