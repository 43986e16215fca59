// SPDX-License-Identifier: MIT
// What a certificate says, read in the same way by all who judge one.
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct asn1_string_st;
struct x509_st;

// Unix time; 0 when it is none.
int64_t certificate_read_time(const struct asn1_string_st *t);
// Whether it is for `name`, a DNS name or an IP address without brackets, as clients see it (RFC 9525): only what
// stands among its alternative names counts, and a "*" is a whole label.
bool certificate_read_is_for(struct x509_st *cert, const char *name);
