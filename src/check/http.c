// SPDX-License-Identifier: MIT
#include "check/http.h"

#include <stdio.h>

enum { REQUEST_MAX = 2048 };

bool check_http_ask(struct check_link *l, const char *method, const char *host, const char *target,
                    struct check_answer *ret) {
    char request[REQUEST_MAX];
    int len = snprintf(request, sizeof(request),
                       "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: martlet-check\r\nConnection: close\r\n%s\r\n", method,
                       target, host, method[0] == 'P' ? "Content-Length: 0\r\n" : "");
    ASSERT(len > 0 && (size_t)len < sizeof(request));
    struct slice all;
    if (!check_link_write(l, slice_make(request, (size_t)len)) || !check_link_read_all(l, &all))
        return false;
    uint32_t status;
    size_t end = slice_find_slice(all, SLICE("\r\n\r\n"));
    if (!slice_starts_with(all, SLICE("HTTP/1.1 ")) || end == all.len || !slice_to_u32(slice_sub(all, 9, 12), &status))
        return check_error(l->error, "the answer was no HTTP");
    *ret = (struct check_answer){status, slice_sub(all, 0, end + 2), slice_sub(all, end + 4, all.len)};
    return true;
}

bool check_http_field(const struct check_answer *a, struct slice name, struct slice *ret) {
    struct slice rest = a->head, line, field, value;
    while (slice_cut(rest, '\n', &line, &rest)) {
        if (!slice_cut(line, ':', &field, &value) || !slice_eq_ci(field, name))
            continue;
        *ret = slice_trim(value);
        return true;
    }
    return false;
}
