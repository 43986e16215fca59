// SPDX-License-Identifier: MIT
// A self-signed certificate (RFC 5280) for relays without a public name: EC P-256, 36500 days, an end-entity
// certificate for server and client use. Clients accept it because the domain starts with "_" or is an address literal.
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

// Appends certificate and unencrypted private key as PEM. The names are D, www.D and mta-sts.D as far as they are no
// longer than a name may be, or for a literal ("[192.0.2.1]") its address; `with_loopback` adds 127.0.0.1 and ::1.
// False when OpenSSL refuses or a buffer is full.
MUST_USE bool selfsigned_make(struct slice domain, bool with_loopback, struct buf *ret_cert_pem,
                              struct buf *ret_key_pem);

// Whether a certificate is for this domain.
bool selfsigned_covers(struct slice cert_pem, struct slice domain);
