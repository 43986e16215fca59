// SPDX-License-Identifier: MIT
#include "admin/day.h"

#include <time.h>

enum { DAY_S = 86400, DAY_MAX = 2932896 }; // 9999-12-31

void control_day_write(int64_t day, char ret[CONTROL_DAY_SIZE]) {
    time_t t = (time_t)(day * DAY_S);
    struct tm tm;
    ret[0] = '\0';
    if (day >= 0 && day <= DAY_MAX && gmtime_r(&t, &tm) != NULL)
        (void)strftime(ret, CONTROL_DAY_SIZE, "%Y-%m-%d", &tm);
}
