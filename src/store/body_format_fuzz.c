// SPDX-License-Identifier: MIT
// Opening stored bodies. The input is a size, an offset and sealed octets; they are opened as they are, which must fail
// or give what was asked for, and again with the tags made right, so that the reading behind them is reached. Octets: 3
// size, 3 offset, 3 length, 1 mode, then the body.
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/body_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[BODY_KEY_LEN] = "a key of the fuzzer, 32 octets..";

static uint32_t number(const uint8_t *p) {
    return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

// Seals `size` octets that repeat the input.
static uint8_t *seal(const uint8_t *data, size_t len, size_t size) {
    uint8_t *plain = mem_alloc(BODY_CHUNK), *sealed = mem_alloc((size_t)body_sealed_size(size));
    uint64_t n = body_chunks(size);
    for (uint64_t i = 0; i < n; i++) {
        size_t chunk = body_chunk_len(size, i);
        for (size_t j = 0; j < chunk; j++)
            plain[j] = len > 0 ? data[(i * BODY_CHUNK + j) % len] : (uint8_t)j;
        body_chunk_seal(key, i, i + 1 == n, plain, chunk, sealed + i * BODY_SEALED_CHUNK);
    }
    free(plain);
    return sealed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 10)
        return 0;
    uint32_t body_size = number(data) % 200000, offset = number(data + 3), len = number(data + 6) % 300000;
    uint8_t mode = data[9];
    const uint8_t *rest = data + 10;
    size_t rest_len = size - 10, got = 0;
    uint8_t *ret = mem_alloc(len);

    struct body_source raw = {.data = rest, .data_len = rest_len, .fd = -1, .size = body_size, .key = key};
    if (len > 0 && offset < body_size)
        ASSERT(!body_source_read(&raw, offset, len, ret, &got)); // nobody but us can seal

    uint8_t *sealed = seal(rest, rest_len, body_size);
    struct body_source good = raw;
    good.data = sealed;
    good.data_len = (size_t)body_sealed_size(body_size);
    ASSERT(body_source_read(&good, offset, len, ret, &got));
    size_t want = offset >= body_size ? 0 : body_size - offset < len ? body_size - offset : len;
    ASSERT(got == want);
    for (size_t i = 0; i < got && rest_len > 0; i++)
        ASSERT(ret[i] == rest[(offset + i) % rest_len]);

    // Any octet changed: the chunk it is in does not open.
    if (want > 0) {
        size_t at = (size_t)(offset / BODY_CHUNK * BODY_SEALED_CHUNK) + mode % BODY_TAG_LEN;
        sealed[at] ^= 1;
        ASSERT(!body_source_read(&good, offset, len, ret, &got));
    }
    free(sealed);
    free(ret);
    return 0;
}
