// SPDX-License-Identifier: MIT
#include "mail/cfws.h"

bool cfws_skip(struct slice *s) {
    size_t i = 0, depth = 0;
    for (; i < s->len; i++) {
        char c = s->ptr[i];
        if (c == '(')
            depth++;
        else if (depth > 0 && c == ')')
            depth--;
        else if (depth > 0 && c == '\\')
            i++;
        else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n')
            break;
    }
    *s = slice_sub(*s, i, s->len);
    return depth == 0;
}
