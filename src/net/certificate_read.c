// SPDX-License-Identifier: MIT
#include "net/certificate_read.h"

#include <openssl/asn1.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "net/address.h"

int64_t certificate_read_time(const ASN1_TIME *t) {
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

bool certificate_read_is_for(X509 *cert, const char *name) {
    struct net_address address = {0};
    if (net_address_parse(slice_from_cstr(name), &address))
        return X509_check_ip_asc(cert, name, 0) == 1;
    return X509_check_host(cert, name, strlen(name),
                           X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}
