// SPDX-License-Identifier: MIT
#include "base/printable.h"

#include <stddef.h>
#include <stdint.h>

static uint32_t continuation(unsigned char c) {
    return c & 0x3fU;
}

// The octets of the character at s, or 0 when it is none (RFC 3629 section 4: no surrogates, nothing that is longer
// than it need be). The NUL at the end is no continuation, so nothing behind it is looked at.
static size_t character(const unsigned char *s, uint32_t *ret) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : (s[0] & 0xf8) == 0xf0 ? 4 : 0;
    if (n == 0)
        return 0;
    *ret = n == 1 ? s[0] : s[0] & (0x7fU >> n);
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        *ret = *ret << 6 | continuation(s[i]);
    }
    return *ret < least[n] || *ret > 0x10ffff || (*ret >= 0xd800 && *ret <= 0xdfff) ? 0 : n;
}

static int is_control(uint32_t c) {
    return (c < 0x20 && c != '\n' && c != '\t') || (c >= 0x7f && c < 0xa0);
}

// The octets at s that may not stay, as one character or as none; 0: the character of *ret_len octets may.
static size_t unprintable(const unsigned char *s, size_t *ret_len) {
    uint32_t c;
    *ret_len = character(s, &c);
    return *ret_len == 0 ? 1 : is_control(c) ? *ret_len : 0;
}

void printable_make(char *text) {
    unsigned char *at = (unsigned char *)text;
    while (*at != '\0') {
        size_t len, bad = unprintable(at, &len);
        if (bad == 0)
            at += len;
        for (; bad > 0; bad--)
            *at++ = '?';
    }
}

bool printable_is(const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    size_t len;
    while (*at != '\0' && unprintable(at, &len) == 0)
        at += len;
    return *at == '\0';
}
