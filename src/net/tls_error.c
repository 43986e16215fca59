// SPDX-License-Identifier: MIT
// What OpenSSL found wrong, in words for a log or a bounce.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include "net/tls_internal.h"

static const char NO_TLSA[] = "no TLSA record matches";

const char *tls_verify_text(long verdict, bool dane) {
    switch (verdict) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "the certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "the certificate is not valid yet";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the certificate is for another name";
    case X509_V_ERR_DANE_NO_MATCH:
        return NO_TLSA;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return dane ? NO_TLSA : "the certificate is self-signed";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return dane ? NO_TLSA : "the certificate's issuer is not trusted";
    case X509_V_ERR_INVALID_PURPOSE:
        return "the certificate is not for servers";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
        return "a key of the certificate's chain is too small";
    case X509_V_ERR_CA_MD_TOO_WEAK:
        return "a signature of the certificate's chain is too weak";
    default:
        return "the certificate is not valid";
    }
}

const char *tls_error_text(unsigned long error) {
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return "TLS failed";
    switch (ERR_GET_REASON(error)) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
    case SSL_R_RECORD_LENGTH_MISMATCH:
        return "the peer does not speak TLS";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
        return "no TLS version in common";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
    case SSL_R_NO_SHARED_CIPHER:
        return "no TLS parameters in common";
    case SSL_R_TLSV1_UNRECOGNIZED_NAME:
        return "the peer does not know the name asked for";
    case SSL_R_DH_KEY_TOO_SMALL:
        return "the peer's key exchange is too weak";
    default:
        return "the TLS handshake failed";
    }
}
