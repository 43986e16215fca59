// SPDX-License-Identifier: MIT
#include "base/hex.h"

void hex_encode(const void *data, size_t len, char *ret) {
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        ret[2 * i] = digits[p[i] >> 4];
        ret[2 * i + 1] = digits[p[i] & 15];
    }
    ret[2 * len] = '\0';
}

static int nibble(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct slice s, void *ret, size_t len) {
    if (s.len != 2 * len)
        return false;
    unsigned char *p = ret;
    for (size_t i = 0; i < len; i++) {
        int high = nibble(s.ptr[2 * i]), low = nibble(s.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        p[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}
