// SPDX-License-Identifier: MIT
// Fuzzes the armor decoder: whole and in pieces give the same verdict; what is accepted is also found good by a plain
// second look (base64_decode() of all data lines at once, then the packet walk).
#include <stdint.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/mem.h"
#include "pgp/armor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool decode(struct slice in, bool skip_version, size_t step) {
    struct armor_decoder a = {.skip_version = skip_version};
    bool ok = true;
    for (size_t at = 0; at < in.len; at += step) {
        bool still = armor_feed(&a, slice_sub(in, at, at + step));
        ASSERT(ok || !still);
        ok = still;
    }
    return ok && armor_finish(&a);
}

// Is the line a checksum? Only when the data before it is complete, else it is padding.
static bool is_checksum(struct slice line, const struct buf *text) {
    return line.len == 5 && line.ptr[0] == '=' && buf_slice(text).len % 4 == 0;
}

static bool looks_good(struct slice in) {
    static const struct slice begin = {"-----BEGIN PGP MESSAGE-----\r\n", 29}, end = {"-----END PGP MESSAGE-----", 25};
    if (!slice_starts_with(in, begin))
        return false;
    in = slice_sub(in, begin.len, in.len);
    struct buf text = {.max = in.len + 1};
    struct slice line;
    bool first = true;
    while (slice_cut(in, '\n', &line, &in) && !slice_starts_with(line, end)) {
        line.len -= slice_ends_with(line, SLICE("\r")) ? 1 : 0;
        bool skip = (first && slice_starts_with(line, SLICE("Version: "))) || is_checksum(line, &text);
        bool ok = skip || buf_append_slice(&text, line);
        ASSERT(ok);
        first = false;
    }
    struct slice all = buf_slice(&text);
    char *octets = mem_alloc(all.len);
    size_t len;
    struct packet_walk p = {0};
    bool good = base64_decode(all, octets, &len) && packet_feed(&p, slice_make(octets, len)) && packet_finish(&p);
    free(octets);
    buf_done(&text);
    return good && slice_starts_with(line, end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct slice in = slice_make((const char *)data + 1, size - 1);
    bool skip_version = (data[0] & 1) != 0;
    bool whole = decode(in, skip_version, in.len);
    ASSERT(decode(in, skip_version, (data[0] >> 1) % 32 + 1U) == whole);
    ASSERT(decode(in, skip_version, 1) == whole);
    if (whole) {
        ASSERT(looks_good(in));
        ASSERT(decode(in, true, in.len));
    }
    return 0;
}
