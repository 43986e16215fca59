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

void printable_make(char *text) {
    unsigned char *at = (unsigned char *)text;
    while (*at != '\0') {
        uint32_t c;
        size_t n = character(at, &c);
        if (n == 0) {
            *at++ = '?';
        } else if (is_control(c)) {
            while (n-- > 0)
                *at++ = '?';
        } else {
            at += n;
        }
    }
}
