// SPDX-License-Identifier: MIT
// Any octets as an invitation's token and as a password that should prove one. Nothing that was not made here is taken,
// also when it is a genuine password with an octet changed, or for another name; a token that is taken has one text.
// The first octet is the length of the local part.
#include <string.h>

#include "account/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// No password is ever made with the second: the fuzzer watches comparisons and learns those that are.
static const uint8_t secret[STORE_SECRET_LEN] = {42}, unused_secret[STORE_SECRET_LEN] = {43};

static void try_token(struct slice text) {
    uint8_t invitation[ACCOUNT_INVITATION_LEN];
    char again[ACCOUNT_TOKEN_SIZE];
    if (!account_token_parse(text, invitation))
        return;
    account_token_write(invitation, again);
    ASSERT(slice_eq(text, slice_from_cstr(again)));
}

static void try_changed(struct slice local_part, struct slice changes) {
    uint8_t got[ACCOUNT_INVITATION_LEN];
    static const uint8_t invitation[ACCOUNT_INVITATION_LEN] = {1};
    char password[INVITE_PASSWORD_SIZE], changed[INVITE_PASSWORD_SIZE];
    account_invite_password(secret, invitation, local_part, 1800000000, password);
    ASSERT(account_invite_verify(secret, slice_from_cstr(password), local_part, 1800000000, got));
    memcpy(changed, password, sizeof(changed));
    for (size_t i = 0; i < changes.len && i < INVITE_PASSWORD_SIZE - 1; i++)
        changed[i] = (char)(changed[i] ^ changes.ptr[i]);
    bool ok = account_invite_verify(secret, slice_make(changed, INVITE_PASSWORD_SIZE - 1), local_part, 1800000000, got);
    ASSERT(ok == (memcmp(changed, password, sizeof(changed)) == 0));
    ASSERT(!account_invite_verify(secret, slice_from_cstr(password), slice_sub(local_part, 1, local_part.len),
                                  1800000000, got) ||
           local_part.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    struct slice rest = slice_make((const char *)data + 1, size - 1);
    size_t n = data[0] < rest.len ? data[0] : rest.len;
    struct slice local_part = slice_sub(rest, 0, n), text = slice_sub(rest, n, rest.len);
    uint8_t got[ACCOUNT_INVITATION_LEN];
    ASSERT(!account_invite_verify(unused_secret, text, local_part, 0, got));
    try_token(text);
    try_changed(local_part, text);
    return 0;
}
