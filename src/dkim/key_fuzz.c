// SPDX-License-Identifier: MIT
// Fuzzes key records: a key within the limits or a reason, no trace in OpenSSL's error queue, and a verification that
// ends.
#include <openssl/err.h>
#include <stdint.h>
#include <string.h>

#include "dkim/key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct dkim_key *key = NULL;
    const char *reason = NULL;
    enum dkim_key_status status = dkim_key_parse(slice_make((const char *)data, size), &key, &reason);
    ASSERT(ERR_peek_error() == 0);
    if (status != DKIM_KEY_OK) {
        ASSERT(key == NULL && reason != NULL && strlen(reason) > 0);
        return 0;
    }
    unsigned bits = dkim_key_bits(key);
    if (dkim_key_algorithm(key) == DKIM_RSA_SHA256)
        ASSERT(bits >= DKIM_RSA_BITS_MIN && bits <= DKIM_RSA_BITS_MAX);
    else
        ASSERT(bits == 256);
    const uint8_t hash[DKIM_HASH_LEN] = {0}, signature[DKIM_SIGNATURE_LEN_MAX] = {0, 1};
    bool valid = dkim_key_verify(key, hash, signature, bits / (dkim_key_algorithm(key) == DKIM_RSA_SHA256 ? 8 : 4));
    (void)valid;
    ASSERT(ERR_peek_error() == 0);
    dkim_key_unref(key);
    return 0;
}
