// SPDX-License-Identifier: MIT
// For tests: a certification authority of our own, and certificates with the faults that the world's have.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct x509_st;
struct evp_pkey_st;

struct cert_spec {
    const char *name;          // common name
    const char *san;           // subjectAltName as OpenSSL writes it ("DNS:mx.example"), or NULL
    const struct cert *issuer; // NULL: self-signed
    long from_s, to_s;         // validity, seconds from now; both 0: an hour
    bool is_ca;
};

struct cert {
    struct x509_st *x509;
    struct evp_pkey_st *key;
    char pem[8192]; // itself, then its issuers
    char key_pem[1024];
};

struct cert *cert_fixture_new(const struct cert_spec *spec);
void cert_fixture_free(struct cert *c);
// The certificate association data of a TLSA record with SHA-256; selector 0 the certificate, 1 its key.
void cert_fixture_digest(const struct cert *c, int selector, uint8_t ret[32]);
// Writes the certificate to a new file of the folder, with the name that c_rehash gives it or `name`.
void cert_fixture_save(const struct cert *c, const char *folder, const char *name, char ret_path[256]);
