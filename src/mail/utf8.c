// SPDX-License-Identifier: MIT
// UTF-8 well-formedness by the table of RFC 3629 section 4. Pure.
#include "mail/utf8.h"

static bool is_tail(unsigned char c) {
    return (c & 0xC0) == 0x80;
}

size_t utf8_sequence_len(struct slice s) {
    if (s.len == 0)
        return 0;
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] < 0xC2 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF5 ? 4 : 0;
    if (len == 0 || s.len < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if (!is_tail(p[i]))
            return 0;
    // Overlong forms, surrogates and what lies above U+10FFFF show in the second octet.
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF0 && p[1] < 0x90) ||
        (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}
