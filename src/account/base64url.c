// SPDX-License-Identifier: MIT
#include "account/base64url.h"

#include <string.h>

#include "base/base64.h"

enum { TEXT_MAX = BASE64_ENCODED_LEN(BASE64URL_OCTETS_MAX) };

void base64url_encode(const void *data, size_t len, char *ret) {
    char text[TEXT_MAX + 1];
    ASSERT(len <= BASE64URL_OCTETS_MAX);
    base64_encode(data, len, text);
    size_t n = BASE64URL_LEN(len);
    for (size_t i = 0; i < n; i++)
        ret[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    ret[n] = '\0';
    explicit_bzero(text, sizeof(text));
}

bool base64url_decode(struct slice text, void *ret, size_t len) {
    char padded[TEXT_MAX];
    unsigned char octets[TEXT_MAX / 4 * 3];
    ASSERT(len <= BASE64URL_OCTETS_MAX);
    if (text.len != BASE64URL_LEN(len))
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '+' || c == '/')
            return false;
        padded[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    size_t n = text.len;
    while (n % 4 != 0)
        padded[n++] = '=';
    size_t got = 0;
    bool ok = base64_decode(slice_make(padded, n), octets, &got) && got == len;
    if (ok)
        memcpy(ret, octets, len);
    explicit_bzero(padded, sizeof(padded));
    explicit_bzero(octets, sizeof(octets));
    return ok;
}
