// SPDX-License-Identifier: MIT
#include "account/password.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

_Static_assert(ACCOUNT_PASSWORD_MAX < CRYPT_MAX_PASSPHRASE_SIZE, "crypt(3) takes every password that we accept");
_Static_assert(CRYPT_OUTPUT_SIZE <= STORE_PASSWORD_HASH_MAX + 1, "the store takes every hash that crypt(3) makes");

static const char yescrypt_prefix[] = "$y$";
enum { YESCRYPT_COST = 1 }; // the "j75" of crypt(5)

// crypt(3) with its 32 KiB of working memory, wiped afterwards. False when it fails.
static bool run_crypt(const char *password, const char *setting, char ret[CRYPT_OUTPUT_SIZE]) {
    struct crypt_data *data = MEM_NEW(struct crypt_data);
    const char *hash = crypt_rn(password, setting, data, sizeof(*data));
    bool ok = hash != NULL && hash[0] != '*';
    if (ok) {
        size_t len = strlen(hash);
        ASSERT(len < CRYPT_OUTPUT_SIZE);
        memcpy(ret, hash, len + 1);
    }
    explicit_bzero(data, sizeof(*data));
    free(data);
    return ok;
}

bool account_password_hash(const char *password, char ret[STORE_PASSWORD_HASH_MAX + 1]) {
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    // Without octets given, the salt comes from the kernel.
    if (crypt_gensalt_rn(yescrypt_prefix, YESCRYPT_COST, NULL, 0, setting, sizeof(setting)) == NULL)
        return false;
    return run_crypt(password, setting, ret);
}

// Without the scheme in braces.
static const char *skip_scheme(const char *stored) {
    static const char *const schemes[] = {"{CRYPT}", "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{BLF-CRYPT}", "{MD5-CRYPT}"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strncasecmp(stored, schemes[i], strlen(schemes[i])) == 0)
            return stored + strlen(schemes[i]);
    return stored;
}

bool account_password_verify(const char *password, const char *stored) {
    const char *want = skip_scheme(stored);
    // crypt(3) would read almost any other two characters as a DES salt, and DES sees eight characters of a password.
    if (want[0] != '$')
        return false;
    char got[CRYPT_OUTPUT_SIZE];
    bool ok = run_crypt(password, want, got);
    if (ok) {
        size_t len = strlen(got);
        ok = strlen(want) == len && CRYPTO_memcmp(got, want, len) == 0;
    }
    explicit_bzero(got, sizeof(got));
    return ok;
}

void account_password_spend(const char *password) {
    char hash[STORE_PASSWORD_HASH_MAX + 1];
    bool ok = account_password_hash(password, hash);
    (void)ok;
    explicit_bzero(hash, sizeof(hash));
}
