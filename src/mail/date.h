// SPDX-License-Identifier: MIT
// Dates of mail (RFC 5322 3.3) and of IMAP (RFC 3501 date-time).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

enum { DATE_TEXT_SIZE = 40 };
// "Sat, 21 Nov 2026 09:18:00 +0000", NUL-terminated.
void date_write_mail(int64_t unix_s, char ret[DATE_TEXT_SIZE]);
// "21-Nov-2026 09:18:00 +0000", day padded with a blank.
void date_write_imap(int64_t unix_s, char ret[DATE_TEXT_SIZE]);
// The same, with any zone. False when malformed.
MUST_USE bool date_parse_imap(struct slice s, int64_t *ret_unix_s);
// RFC 5322 date with the obsolete forms that occur; for SEARCH SENT*.
MUST_USE bool date_parse_mail(struct slice s, int64_t *ret_unix_s);
// "21-Nov-2026" (SEARCH): midnight UTC of that day.
MUST_USE bool date_parse_imap_day(struct slice s, int64_t *ret_unix_s);
