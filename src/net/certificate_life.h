// SPDX-License-Identifier: MIT
// When a certificate that should have been renewed has not been: one rule for all who warn of it. Renewal begins with a
// third of the life left (martlet/acme/plan.h); half of that gone means that it fails. Of a long life, two weeks.
#pragma once

#include <stdint.h>

enum { CERTIFICATE_LATE_S = 14 * 86400 };

// Unix time from which on a renewal is late; of a certificate of 90 days 14 days before its end, of one of six days
// one.
static inline int64_t certificate_late_at(int64_t not_before_s, int64_t not_after_s) {
    int64_t sixth_s = (not_after_s - not_before_s) / 6;
    return not_after_s - (sixth_s < CERTIFICATE_LATE_S ? sixth_s : CERTIFICATE_LATE_S);
}
