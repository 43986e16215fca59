// SPDX-License-Identifier: MIT
// How a call ended, from libcurl's point of view to its owner's.
#include <openssl/x509_vfy.h>

#include "net/error.h"
#include "net/http_client_internal.h"
#include "net/tls_internal.h"

struct failure {
    enum http_outcome outcome;
    const char *why;
};

static const struct failure BAD_REQUEST = {HTTP_FAILED_REQUEST, "not an acceptable request"};
static const struct failure NO_HTTP = {HTTP_FAILED_PROTOCOL, "not a proper HTTP answer"};
static const struct failure CUT = {HTTP_FAILED_PROTOCOL, "closed early"};

static const char *connect_text(const struct http_call *call) {
    long error = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &error);
    return net_error_text((int)error);
}

static const char *certificate_text(const struct http_call *call) {
    long verdict = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    // libcurl compares the names itself, and says no more then.
    if (verdict == X509_V_OK || verdict == X509_V_ERR_UNSPECIFIED)
        verdict = X509_V_ERR_HOSTNAME_MISMATCH;
    return tls_verify_text(verdict, false);
}

// Whether the request could be sent.
static bool was_connected(const struct http_call *call) {
    curl_off_t ready_us = 0;
    (void)curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us != 0;
}

static struct failure failure_of(const struct http_call *call, CURLcode code) {
    switch (code) {
    case CURLE_OK: // for libcurl also when the header is cut off (RFC 9112 section 8)
        return call->has_header ? (struct failure){HTTP_ANSWERED, NULL} : CUT;
    case CURLE_COULDNT_CONNECT:
        return (struct failure){HTTP_FAILED_CONNECT, connect_text(call)};
    case CURLE_OPERATION_TIMEDOUT:
        return (struct failure){HTTP_FAILED_TIMEOUT, was_connected(call) ? "timed out waiting for the answer"
                                                                         : "timed out while connecting"};
    case CURLE_PEER_FAILED_VERIFICATION:
        return (struct failure){HTTP_FAILED_TLS, certificate_text(call)};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_USE_SSL_FAILED:
        return (struct failure){HTTP_FAILED_TLS, "the TLS handshake failed"};
    case CURLE_URL_MALFORMAT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return BAD_REQUEST;
    case CURLE_UNSUPPORTED_PROTOCOL: // also what looks like HTTP/0.9
        return was_connected(call) ? NO_HTTP : BAD_REQUEST;
    case CURLE_GOT_NOTHING:
        return (struct failure){HTTP_FAILED_PROTOCOL, "closed without an answer"};
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return CUT;
    default:
        return NO_HTTP;
    }
}

void http_failure_describe(const struct http_call *call, CURLcode code, struct http_answer *ret) {
    struct failure f = failure_of(call, code);
    if (code != CURLE_OK && call->too_large)
        f = (struct failure){HTTP_FAILED_TOO_LARGE, "the answer is too large"};
    else if (code != CURLE_OK && call->body_failed)
        f = (struct failure){HTTP_FAILED_BODY, "the body could not be read"};
    ret->outcome = f.outcome;
    ret->why = f.why;
}
