// SPDX-License-Identifier: MIT
// Host names of the relay, and addresses that lead to them. Nobody is sent to a host that is not ours, whatever a
// request says.
#pragma once

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

struct http_exchange;
struct site;

enum host_kind {
    HOST_OF_DOMAIN,
    HOST_WWW,
    HOST_MTA_STS,
    HOST_AUTOCONFIG,
    HOST_FOREIGN, // another name, an IP address, or none: served as the domain (peers come by names of MX records)
};
// `host` is that of a request: lower case, without port.
enum host_kind host_kind(const struct site *s, struct slice host);

// Appends path and query as they stand in a request line; the path is a decoded one. What must not stand there is
// percent-encoded (RFC 3986 section 2.1). False when the buffer is too small.
MUST_USE bool host_write_target(struct slice path, struct slice query, struct buf *ret);

// 301 to the same path on a host of ours / to the home page of the domain.
void host_redirect(const struct site *s, struct http_exchange *x, struct slice host, bool hide_site);
void host_redirect_home(const struct site *s, struct http_exchange *x);
