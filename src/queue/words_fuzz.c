// SPDX-License-Identifier: MIT
// Replies of peers: what is logged of them holds no address, and a status is always one.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/panic.h"
#include "queue/words.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_log(const char *text) {
    size_t len = strlen(text);
    ASSERT(len < WORDS_MAX);
    for (size_t i = 0; i < len; i++)
        ASSERT(text[i] >= ' ' && text[i] < 0x7F && text[i] != '@' && text[i] != '<' && text[i] != '"');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice reply = slice_make((const char *)data, size);
    char words[WORDS_MAX], status[WORDS_STATUS_MAX];
    words_for_log(reply, words);
    check_log(words);
    words_status(reply, status);
    size_t len = strlen(status), dots = 0;
    ASSERT(len >= 5 && (status[0] == '4' || status[0] == '5') && status[1] == '.');
    for (size_t i = 1; i < len; i++) {
        ASSERT(status[i] == '.' || ascii_is_digit(status[i]));
        dots += status[i] == '.';
    }
    ASSERT(dots == 2 && status[len - 1] != '.');
    return 0;
}
