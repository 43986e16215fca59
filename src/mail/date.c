// SPDX-License-Identifier: MIT
// Dates of mail (RFC 5322 3.3 and the obsolete forms of 4.3) and of IMAP (RFC 3501 date, date-time). Pure: no clock, no
// locale.
#include "mail/date.h"

#include <stdio.h>

#include "mail/cfws.h"

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

enum { SECONDS_A_DAY = 86400 };
// The last second of the year 9999: no mail date is written beyond it, or before 1970.
static const int64_t last_second = 253402300799;

struct civil {
    int64_t year;
    int month, day; // from 1
    int hour, minute, second;
    int64_t zone; // seconds east of UTC
};

static bool is_leap(int64_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int64_t year, int month) {
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

// Leap days of the years before `year`, counted from year 1.
static int64_t leap_days_before(int64_t year) {
    return (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
}

// Days from 1970-01-01 to the first of January of `year` (1 to 9999).
static int64_t year_start(int64_t year) {
    return (year - 1970) * 365 + leap_days_before(year) - leap_days_before(1970);
}

static struct civil civil_from_unix(int64_t unix_s) {
    unix_s = unix_s < 0 ? 0 : unix_s > last_second ? last_second : unix_s;
    int64_t days = unix_s / SECONDS_A_DAY;
    int in_day = (int)(unix_s % SECONDS_A_DAY);
    struct civil c = {.hour = in_day / 3600, .minute = in_day / 60 % 60, .second = in_day % 60};
    c.year = 1970 + days / 366;
    while (year_start(c.year + 1) <= days)
        c.year++;
    int left = (int)(days - year_start(c.year));
    for (c.month = 1; left >= month_days(c.year, c.month); c.month++)
        left -= month_days(c.year, c.month);
    c.day = left + 1;
    return c;
}

// Checks the ranges and counts. False when there is no such moment.
static bool civil_to_unix(const struct civil *c, int64_t *ret_unix_s) {
    if (c->year < 1 || c->year > 9999 || c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > month_days(c->year, c->month) || c->hour > 23 || c->minute > 59 || c->second > 60)
        return false;
    int64_t days = year_start(c->year);
    for (int month = 1; month < c->month; month++)
        days += month_days(c->year, month);
    days += c->day - 1;
    *ret_unix_s = days * SECONDS_A_DAY + c->hour * 3600 + c->minute * 60 + c->second - c->zone;
    return true;
}

void date_write_mail(int64_t unix_s, char ret[DATE_TEXT_SIZE]) {
    struct civil c = civil_from_unix(unix_s);
    int64_t days = (unix_s < 0 ? 0 : unix_s > last_second ? last_second : unix_s) / SECONDS_A_DAY;
    const char *day_name = day_names[(days + 4) % 7]; // 1970-01-01 was a Thursday
    (void)snprintf(ret, DATE_TEXT_SIZE, "%s, %02d %s %04d %02d:%02d:%02d +0000", day_name, c.day,
                   month_names[c.month - 1], (int)c.year, c.hour, c.minute, c.second);
}

void date_write_imap(int64_t unix_s, char ret[DATE_TEXT_SIZE]) {
    struct civil c = civil_from_unix(unix_s);
    (void)snprintf(ret, DATE_TEXT_SIZE, "%2d-%s-%04d %02d:%02d:%02d +0000", c.day, month_names[c.month - 1],
                   (int)c.year, c.hour, c.minute, c.second);
}

// Takes `min` to `max` digits (at most 4) off the front; false when there are fewer, or more follow.
static bool take_number(struct slice *s, size_t min, size_t max, int *ret) {
    size_t n = 0;
    int value = 0;
    while (n < s->len && n < max && ascii_is_digit(s->ptr[n]))
        value = value * 10 + (s->ptr[n++] - '0');
    if (n < min || (n < s->len && ascii_is_digit(s->ptr[n])))
        return false;
    *s = slice_sub(*s, n, s->len);
    *ret = value;
    return true;
}

static bool take_char(struct slice *s, char c) {
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = slice_sub(*s, 1, s->len);
    return true;
}

static bool take_month(struct slice *s, int *ret) {
    for (int i = 0; i < 12; i++) {
        if (slice_eq_ci(slice_sub(*s, 0, 3), slice_make(month_names[i], 3))) {
            *s = slice_sub(*s, 3, s->len);
            *ret = i + 1;
            return true;
        }
    }
    return false;
}

static bool take_zone(struct slice *s, int64_t *ret) {
    int64_t sign = take_char(s, '+') ? 1 : take_char(s, '-') ? -1 : 0;
    int hhmm;
    if (sign == 0 || !take_number(s, 4, 4, &hhmm) || hhmm % 100 > 59 || hhmm / 100 > 23)
        return false;
    *ret = sign * (hhmm / 100 * 3600 + hhmm % 100 * 60);
    return true;
}

static bool take_imap_day(struct slice *s, struct civil *c) {
    int year;
    if (!take_number(s, 1, 2, &c->day) || !take_char(s, '-') || !take_month(s, &c->month) || !take_char(s, '-') ||
        !take_number(s, 4, 4, &year))
        return false;
    c->year = year;
    return true;
}

bool date_parse_imap(struct slice s, int64_t *ret_unix_s) {
    struct civil c = {0};
    (void)take_char(&s, ' ');
    if (!take_imap_day(&s, &c) || !take_char(&s, ' ') || !take_number(&s, 2, 2, &c.hour) || !take_char(&s, ':') ||
        !take_number(&s, 2, 2, &c.minute) || !take_char(&s, ':') || !take_number(&s, 2, 2, &c.second) ||
        !take_char(&s, ' ') || !take_zone(&s, &c.zone) || s.len > 0)
        return false;
    return civil_to_unix(&c, ret_unix_s);
}

bool date_parse_imap_day(struct slice s, int64_t *ret_unix_s) {
    struct civil c = {0};
    return take_imap_day(&s, &c) && s.len == 0 && civil_to_unix(&c, ret_unix_s);
}

static bool take_char_cfws(struct slice *s, char c) {
    (void)cfws_skip(s);
    bool taken = take_char(s, c);
    if (taken)
        (void)cfws_skip(s);
    return taken;
}

static void skip_day_name(struct slice *s) {
    (void)cfws_skip(s);
    struct slice after = *s;
    while (after.len > 0 && ascii_is_alpha(after.ptr[0]))
        after = slice_sub(after, 1, after.len);
    if (after.len == s->len)
        return;
    (void)take_char_cfws(&after, ',');
    *s = after;
    (void)cfws_skip(s);
}

// RFC 5322 4.3: two digits mean 1950 to 2049, three count from 1900.
static bool take_mail_year(struct slice *s, int64_t *ret) {
    size_t before = s->len;
    int year;
    if (!take_number(s, 2, 4, &year))
        return false;
    size_t digits = before - s->len;
    *ret = digits == 4 ? year : digits == 3 ? year + 1900 : year < 50 ? year + 2000 : year + 1900;
    return true;
}

// RFC 5322 4.3: the names of zones; those that nobody can be sure of, and a missing zone, count as UTC.
static bool take_mail_zone(struct slice *s, int64_t *ret) {
    static const struct {
        char name[4];
        int hours;
    } zones[] = {{"EST", -5}, {"EDT", -4}, {"CST", -6}, {"CDT", -5},
                 {"MST", -7}, {"MDT", -6}, {"PST", -8}, {"PDT", -7}};
    *ret = 0;
    size_t n = 0;
    while (n < s->len && ascii_is_alpha(s->ptr[n]))
        n++;
    if (n == 0)
        return s->len == 0 || take_zone(s, ret);
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
        if (slice_eq_ci(slice_sub(*s, 0, n), slice_make(zones[i].name, 3)))
            *ret = zones[i].hours * 3600;
    *s = slice_sub(*s, n, s->len);
    return true;
}

bool date_parse_mail(struct slice s, int64_t *ret_unix_s) {
    struct civil c = {0};
    skip_day_name(&s);
    if (!take_number(&s, 1, 2, &c.day))
        return false;
    (void)cfws_skip(&s);
    if (!take_month(&s, &c.month))
        return false;
    (void)cfws_skip(&s);
    if (!take_mail_year(&s, &c.year))
        return false;
    (void)cfws_skip(&s);
    if (!take_number(&s, 1, 2, &c.hour) || !take_char_cfws(&s, ':') || !take_number(&s, 1, 2, &c.minute))
        return false;
    if (take_char_cfws(&s, ':') && !take_number(&s, 1, 2, &c.second))
        return false;
    (void)cfws_skip(&s);
    if (!take_mail_zone(&s, &c.zone))
        return false;
    (void)cfws_skip(&s);
    return s.len == 0 && civil_to_unix(&c, ret_unix_s);
}
