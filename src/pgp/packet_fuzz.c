// SPDX-License-Identifier: MIT
// Fuzzes the packet walk: whole and in pieces give the same verdict, and no accepted message has an accepted beginning.
#include <stdint.h>

#include "base/panic.h"
#include "pgp/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool walk(struct slice in, size_t step) {
    struct packet_walk p = {0};
    bool ok = true;
    for (size_t at = 0; at < in.len; at += step) {
        bool still = packet_feed(&p, slice_sub(in, at, at + step));
        ASSERT(ok || !still);
        ok = still;
    }
    return ok && packet_finish(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    bool whole = walk(in, in.len);
    ASSERT(walk(in, data[0] % 16 + 1U) == whole);
    if (whole) {
        ASSERT((data[1] & 0x80) != 0);
        ASSERT(in.len < 2 || !walk(slice_sub(in, 0, in.len - 1), in.len));
    }
    return 0;
}
