// SPDX-License-Identifier: MIT
#include "intake/reply.h"

#include <stdarg.h>
#include <stdio.h>

void intake_reply_set(struct intake_reply *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(r->text, sizeof(r->text), fmt, args);
    va_end(args);
    ASSERT(n >= 0);
    for (char *p = r->text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = '?';
}

struct slice intake_reply_clip(struct slice s, size_t max) {
    return slice_sub(s, 0, max);
}
