// SPDX-License-Identifier: MIT
// Lists that clients send: the input is a field's value.
#include <stdint.h>

#include "base/panic.h"
#include "http/http.h"
#include "http/web/negotiate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice value = slice_make((const char *)data, size);
    struct http_field fields[] = {{SLICE("Accept-Encoding"), value}, {SLICE("If-None-Match"), value}};
    struct slice etag = SLICE("\"abc\"");
    bool has_copy = negotiate_has_copy(fields, ARRAY_LEN(fields), etag);
    // A tag that is named stands there.
    ASSERT(!has_copy || slice_find_slice(value, etag) < size || slice_find(value, '*') < size);
    bool wants_gzip = negotiate_gzip(fields, ARRAY_LEN(fields));
    ASSERT(!wants_gzip || size > 0);
    // In two lines as in one.
    struct http_field lines[] = {fields[0], {SLICE("accept-encoding"), SLICE("identity;q=0")}};
    ASSERT(!wants_gzip || negotiate_gzip(lines, 2));
    struct http_field accept = {SLICE("Accept"), value};
    int weight = negotiate_media(&accept, 1, SLICE("text/plain"), SLICE("0.0.4"));
    ASSERT(weight >= -1 && weight <= 1000);
    return 0;
}
