// SPDX-License-Identifier: MIT
// Fuzzes the gate: whole and in pieces give the same verdict in both directions, and nothing can be added to or
// missing from a message that is let through.
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "pgp/gate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum gate_kind judge(enum gate_direction direction, struct slice in, size_t step, struct slice tail) {
    struct gate *g = gate_new(direction);
    for (size_t at = 0; at < in.len; at += step)
        gate_feed(g, slice_sub(in, at, at + step));
    gate_feed(g, tail);
    enum gate_kind kind = gate_finish(g);
    ASSERT((kind == GATE_MALFORMED) == (gate_reason(g)[0] != '\0'));
    ASSERT(kind != GATE_MAILER_DAEMON || direction == GATE_INBOUND);
    gate_free(g);
    return kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    for (enum gate_direction direction = GATE_SUBMISSION; direction <= GATE_INBOUND; direction++) {
        enum gate_kind whole = judge(direction, in, in.len, SLICE_EMPTY);
        ASSERT(judge(direction, in, data[0] % 64 + 1U, SLICE_EMPTY) == whole);
        if (whole != GATE_ENCRYPTED && whole != GATE_SECUREJOIN)
            continue;
        // Line breaks may follow, text may not, and neither may anything be missing.
        ASSERT(judge(direction, in, in.len, SLICE("\r\n\r\n")) == whole);
        ASSERT(judge(direction, in, in.len, SLICE("\r\nhello\r\n")) == GATE_CLEAR);
        struct slice trimmed = slice_trim(in); // a message does not begin with blanks
        ASSERT(judge(direction, slice_sub(trimmed, 0, trimmed.len - 1), in.len, SLICE_EMPTY) != whole);
    }
    return 0;
}
