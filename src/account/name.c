// SPDX-License-Identifier: MIT
#include "account/name.h"

#include <string.h>

bool account_name_normalise(struct slice user, const char *domain, char ret[ACCOUNT_NAME_SIZE]) {
    struct slice d = slice_from_cstr(domain);
    if (user.len >= ACCOUNT_NAME_SIZE || user.len < d.len + 2 || !slice_ends_with_ci(user, d) ||
        user.ptr[user.len - d.len - 1] != '@')
        return false;
    for (size_t i = 0; i < user.len; i++) {
        unsigned char c = (unsigned char)user.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '/')
            return false;
    }
    for (size_t i = 0; i < user.len; i++)
        ret[i] = ascii_lower(user.ptr[i]);
    ret[user.len] = '\0';
    return true;
}

bool account_local_part_is_valid(struct slice local_part) {
    for (size_t i = 0; i < local_part.len; i++) {
        char c = local_part.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '.' && c != '_' && c != '-')
            return false;
    }
    return local_part.len > 0;
}

struct slice account_name_local_part(struct slice name) {
    return slice_sub(name, 0, slice_rfind(name, '@'));
}
