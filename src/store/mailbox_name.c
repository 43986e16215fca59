// SPDX-License-Identifier: MIT
#include "store/mailbox_name.h"

#include <string.h>

#include "base/slice.h"

bool mailbox_name_normal(const char *name, char ret[STORE_MAILBOX_NAME_MAX + 1]) {
    struct slice s = slice_from_cstr(name);
    if (s.len > 1 && s.ptr[s.len - 1] == '/')
        s.len--;
    if (s.len == 0 || s.len > STORE_MAILBOX_NAME_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool empty_level = c == '/' && (i == 0 || i + 1 == s.len || s.ptr[i - 1] == '/');
        if (c < 0x20 || c == 0x7f || empty_level)
            return false;
    }
    memcpy(ret, s.ptr, s.len);
    ret[s.len] = '\0';
    struct slice first, rest;
    (void)slice_cut(s, '/', &first, &rest);
    if (slice_eq_ci(first, SLICE("INBOX")))
        memcpy(ret, "INBOX", 5);
    return true;
}

bool mailbox_name_is_inbox(const char *normal) {
    return strcmp(normal, "INBOX") == 0;
}
