// SPDX-License-Identifier: MIT
#include "account/verified.h"

#include <openssl/crypto.h>
#include <string.h>

#include "account/password.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/table.h"

struct account_verified {
    struct table *macs; // struct hash128
    uint8_t secret[16];
};

struct account_verified *account_verified_new(size_t max_entries) {
    struct account_verified *v = MEM_NEW(struct account_verified);
    v->macs = table_new(sizeof(struct hash128), max_entries);
    random_bytes(v->secret, sizeof(v->secret));
    return v;
}

void account_verified_free(struct account_verified *v) {
    if (v == NULL)
        return;
    table_free(v->macs);
    explicit_bzero(v->secret, sizeof(v->secret));
    free(v);
}

static struct hash128 mac_of(const struct account_verified *v, uint64_t account_id, const char *password,
                             const char *stored_hash) {
    // Both strings with their NUL, so that no octet can move from one to the other.
    char text[sizeof(account_id) + ACCOUNT_PASSWORD_MAX + 1 + STORE_PASSWORD_HASH_MAX + 1];
    size_t password_size = strlen(password) + 1, hash_size = strlen(stored_hash) + 1;
    ASSERT(password_size <= ACCOUNT_PASSWORD_MAX + 1 && hash_size <= STORE_PASSWORD_HASH_MAX + 1);
    memcpy(text, &account_id, sizeof(account_id));
    memcpy(text + sizeof(account_id), password, password_size);
    memcpy(text + sizeof(account_id) + password_size, stored_hash, hash_size);
    size_t len = sizeof(account_id) + password_size + hash_size;
    struct hash128 mac = hash_siphash128(v->secret, text, len);
    explicit_bzero(text, len);
    return mac;
}

static struct hash128 key_of(uint64_t account_id) {
    return hash_keyed(&account_id, sizeof(account_id));
}

bool account_verified_check(struct account_verified *v, uint64_t account_id, const char *password,
                            const char *stored_hash) {
    struct hash128 key = key_of(account_id);
    struct hash128 *known = table_lock(v->macs, key, false, NULL);
    if (known == NULL)
        return false;
    struct hash128 mac = *known;
    table_unlock(v->macs, key);
    struct hash128 got = mac_of(v, account_id, password, stored_hash);
    return CRYPTO_memcmp(&got, &mac, sizeof(mac)) == 0;
}

void account_verified_remember(struct account_verified *v, uint64_t account_id, const char *password,
                               const char *stored_hash) {
    struct hash128 mac = mac_of(v, account_id, password, stored_hash);
    struct hash128 key = key_of(account_id);
    struct hash128 *known = table_lock(v->macs, key, true, NULL);
    if (known == NULL)
        return;
    *known = mac;
    table_unlock(v->macs, key);
}
