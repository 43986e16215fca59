// SPDX-License-Identifier: MIT
// What the ACME client printed, the CA's words in it: whatever it is, there is a sentence, and nothing in it that a
// terminal would obey. The first octet picks what was asked for.
#include "martlet/acme/reason.h"

#include <string.h>

#include "base/panic.h"
#include "base/printable.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size) {
    char printable[ACME_DETAIL_MAX];
    ASSERT(size <= sizeof(printable) && memchr(text, '\0', size) != NULL);
    (void)memcpy(printable, text, strlen(text) + 1);
    printable_make(printable);
    ASSERT(strcmp(printable, text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const identifiers[] = {"chat.example.org", "192.0.2.1", "2001:db8::1"};
    if (size == 0)
        return 0;
    struct slice output = slice_make((const char *)data + 1, size - 1);
    struct acme_reason r;
    acme_reason_find(output, identifiers[data[0] % ARRAY_LEN(identifiers)], "https://ca.example/directory",
                     data[0] & 0x80, &r);
    ASSERT(r.sentence[0] != '\0' && r.retry_at_s >= 0);
    check_text(r.sentence, sizeof(r.sentence));
    check_text(r.detail, sizeof(r.detail));
    char account[ACME_URL_MAX] = "";
    acme_reason_account(output, account, sizeof(account));
    check_text(account, sizeof(account));
    ASSERT(account[0] == '\0' || strncmp(account, "https://", 8) == 0);
    return 0;
}
