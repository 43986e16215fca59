// SPDX-License-Identifier: MIT
// SHA-256 as a stream. OpenSSL looks an algorithm up by name, under a lock, whenever it is not handed in: it is fetched
// once for the process here.
#pragma once

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "dkim/canon.h"

const EVP_MD *dkim_sha256(void);

EVP_MD_CTX *dkim_sha256_new(void);
void dkim_sha256_update(EVP_MD_CTX *ctx, const char *ptr, size_t len);
// Ends the hash and frees the context.
void dkim_sha256_finish(EVP_MD_CTX *ctx, uint8_t ret[DKIM_HASH_LEN]);
// The context as a sink of canonical octets.
struct dkim_sink dkim_sha256_sink(EVP_MD_CTX *ctx);
