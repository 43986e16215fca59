// SPDX-License-Identifier: MIT
// Fuzzes date parsing: a date that is read and lies in the range that is written survives writing and reading.
#include <stdint.h>

#include "base/panic.h"
#include "mail/date.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int64_t unix_s) {
    // Year 1 to 9999, give or take a zone.
    ASSERT(unix_s >= -62135596800 - 86400 && unix_s <= 253402300800 + 86400);
    char text[DATE_TEXT_SIZE];
    int64_t again = 0;
    date_write_mail(unix_s, text);
    bool ok = date_parse_mail(slice_from_cstr(text), &again);
    ASSERT(ok && (again == unix_s || unix_s < 0 || unix_s > 253402300799));
    date_write_imap(unix_s, text);
    ok = date_parse_imap(slice_from_cstr(text), &again);
    ASSERT(ok && (again == unix_s || unix_s < 0 || unix_s > 253402300799));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_make((const char *)data, size);
    int64_t unix_s;
    if (date_parse_mail(in, &unix_s))
        check(unix_s);
    if (date_parse_imap(in, &unix_s))
        check(unix_s);
    if (date_parse_imap_day(in, &unix_s))
        check(unix_s);
    return 0;
}
