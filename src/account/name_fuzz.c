// SPDX-License-Identifier: MIT
// Any octets as a login name: what passes is lower case, ends with the domain and holds nothing that a path, a line or
// a C string would take amiss; and the creation rules never accept more than [a-z0-9._-]. The first octet picks the
// domain.
#include <string.h>

#include "account/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const domains[] = {"a.org", "[192.0.2.1]", "_test.chat.example"};
    if (size == 0)
        return 0;
    const char *domain = domains[data[0] % ARRAY_LEN(domains)];
    struct slice user = slice_make((const char *)data + 1, size - 1);
    char name[ACCOUNT_NAME_SIZE];
    memset(name, 'x', sizeof(name));
    if (!account_name_normalise(user, domain, name))
        return 0;
    struct slice got = slice_make(name, strnlen(name, sizeof(name)));
    ASSERT(got.len == user.len && slice_eq_ci(got, user));
    for (size_t i = 0; i < got.len; i++) {
        unsigned char c = (unsigned char)got.ptr[i];
        ASSERT(c > ' ' && c != 0x7f && c != '/' && !(c >= 'A' && c <= 'Z'));
    }
    ASSERT(slice_ends_with(got, slice_from_cstr(domain)));
    struct slice local_part = account_name_local_part(got);
    ASSERT(local_part.len > 0 && got.ptr[local_part.len] == '@');
    ASSERT(local_part.len + 1 + strlen(domain) == got.len);
    if (account_local_part_is_valid(local_part))
        for (size_t i = 0; i < local_part.len; i++)
            ASSERT(strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", local_part.ptr[i]) != NULL);
    // What was normalised stays as it is.
    char again[ACCOUNT_NAME_SIZE];
    ASSERT(account_name_normalise(got, domain, again) && strcmp(again, name) == 0);
    return 0;
}
