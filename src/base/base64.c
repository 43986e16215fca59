// SPDX-License-Identifier: MIT
#include "base/base64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(const void *data, size_t len, char *ret) {
    const unsigned char *p = data;
    for (; len >= 3; len -= 3, p += 3) {
        *ret++ = alphabet[p[0] >> 2];
        *ret++ = alphabet[(p[0] & 3) << 4 | p[1] >> 4];
        *ret++ = alphabet[(p[1] & 15) << 2 | p[2] >> 6];
        *ret++ = alphabet[p[2] & 63];
    }
    if (len > 0) {
        unsigned second = len == 2 ? p[1] : 0;
        *ret++ = alphabet[p[0] >> 2];
        *ret++ = alphabet[(p[0] & 3) << 4 | second >> 4];
        *ret++ = len == 2 ? alphabet[(second & 15) << 2] : '=';
        *ret++ = '=';
    }
    *ret = '\0';
}

int base64_value(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(struct slice s, void *ret, size_t *ret_len) {
    if (s.len % 4 != 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && s.len > 0 && s.ptr[s.len - 1] == '=') {
        padding++;
        s.len--;
    }
    unsigned char *out = ret;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < s.len; i++) {
        int v = base64_value(s.ptr[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            *out++ = (unsigned char)(bits >> held);
        }
    }
    // The bits that padding leaves over must be zero, so that each octet string has one encoding only.
    if ((bits & ((1U << held) - 1)) != 0)
        return false;
    *ret_len = (size_t)(out - (unsigned char *)ret);
    return true;
}
