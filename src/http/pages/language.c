// SPDX-License-Identifier: MIT
#include "http/pages/language.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RANGES_MAX = 64, QUALITY_ONE = 1000, MILLION = 1000000 };

const char *plural_name(enum plural p) {
    static const char *const names[PLURAL_N] = {"one", "few", "many", "other"};
    return names[p];
}

static enum plural plural_en(uint64_t n) {
    return n == 1 ? PLURAL_ONE : PLURAL_OTHER;
}

static enum plural plural_fa(uint64_t n) {
    return n <= 1 ? PLURAL_ONE : PLURAL_OTHER;
}

static enum plural plural_es(uint64_t n) {
    return n == 1 ? PLURAL_ONE : n != 0 && n % MILLION == 0 ? PLURAL_MANY : PLURAL_OTHER;
}

static enum plural plural_fr(uint64_t n) {
    return n <= 1 ? PLURAL_ONE : n % MILLION == 0 ? PLURAL_MANY : PLURAL_OTHER;
}

static bool ends_in_2_to_4(uint64_t n) {
    return n % 10 >= 2 && n % 10 <= 4 && (n % 100 < 12 || n % 100 > 14);
}

static enum plural plural_ru(uint64_t n) {
    return n % 10 == 1 && n % 100 != 11 ? PLURAL_ONE : ends_in_2_to_4(n) ? PLURAL_FEW : PLURAL_MANY;
}

static enum plural plural_pl(uint64_t n) {
    return n == 1 ? PLURAL_ONE : ends_in_2_to_4(n) ? PLURAL_FEW : PLURAL_MANY;
}

enum {
    ONE_OTHER = 1 << PLURAL_ONE | 1 << PLURAL_OTHER,
    ONE_MANY_OTHER = ONE_OTHER | 1 << PLURAL_MANY,
    ONE_FEW_MANY = 1 << PLURAL_ONE | 1 << PLURAL_FEW | 1 << PLURAL_MANY,
};

const struct language language_table[LANGUAGES_N] = {
    {"en", "English", false, false, ".", plural_en, ONE_OTHER},
    {"de", "Deutsch", false, false, ",", plural_en, ONE_OTHER},
    {"es", "Español", false, false, ",", plural_es, ONE_MANY_OTHER},
    {"fr", "Français", false, false, ",", plural_fr, ONE_MANY_OTHER},
    {"pl", "Polski", false, false, ",", plural_pl, ONE_FEW_MANY},
    {"ru", "Русский", false, false, ",", plural_ru, ONE_FEW_MANY},
    {"fa", "فارسی", true, true, "٫", plural_fa, ONE_OTHER},
};

const struct language *language_find(struct slice code) {
    for (size_t i = 0; i < LANGUAGES_N; i++)
        if (slice_eq_ci(slice_from_cstr(language_table[i].code), code))
            return &language_table[i];
    return NULL;
}

bool language_is_code(struct slice code) {
    struct slice primary, region;
    bool has_region = slice_cut(code, '-', &primary, &region);
    if (primary.len < 2 || primary.len > 3 || (has_region && (region.len < 2 || region.len > 7)))
        return false;
    for (size_t i = 0; i < primary.len; i++)
        if (primary.ptr[i] < 'a' || primary.ptr[i] > 'z')
            return false;
    for (size_t i = 0; i < region.len; i++)
        if (!ascii_is_alnum(region.ptr[i]))
            return false;
    return true;
}

bool language_is_rtl(struct slice code) {
    static const char *const from_right[] = {"ar", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur", "yi"};
    struct slice primary, region;
    (void)slice_cut(code, '-', &primary, &region);
    for (size_t i = 0; i < ARRAY_LEN(from_right); i++)
        if (slice_eq_ci(slice_from_cstr(from_right[i]), primary))
            return true;
    return false;
}

void language_write_tenths(const struct language *l, uint64_t tenths, char ret[LANGUAGE_NUMBER_SIZE]) {
    // U+06F0 to U+06F9
    static const char persian[10][3] = {"۰", "۱", "۲", "۳", "۴", "۵", "۶", "۷", "۸", "۹"};
    char digits[32];
    (void)snprintf(digits, sizeof(digits), "%" PRIu64, tenths / 10);
    if (tenths % 10 != 0) {
        size_t len = strlen(digits);
        (void)snprintf(digits + len, sizeof(digits) - len, ".%u", (unsigned)(tenths % 10));
    }
    char *at = ret, *end = ret + LANGUAGE_NUMBER_SIZE;
    for (const char *p = digits; *p != '\0'; p++) {
        const char *glyph = (char[]){*p, '\0'};
        if (*p == '.')
            glyph = l->point;
        else if (l->has_persian_digits)
            glyph = persian[*p - '0'];
        int n = snprintf(at, (size_t)(end - at), "%s", glyph);
        ASSERT(n > 0 && n < end - at);
        at += n;
    }
}

void language_write_number(const struct language *l, uint64_t n, char ret[LANGUAGE_NUMBER_SIZE]) {
    if (n <= UINT64_MAX / 10 - 1)
        language_write_tenths(l, n * 10, ret);
    else
        (void)snprintf(ret, LANGUAGE_NUMBER_SIZE, "%" PRIu64, n);
}

// weight = "q=" qvalue (RFC 9110 section 12.4.2), in thousandths. 0 when it is malformed: such a range is no wish.
static uint32_t quality_of(struct slice parameters) {
    struct slice name, value;
    struct slice p = slice_trim(parameters);
    if (p.len == 0)
        return QUALITY_ONE;
    if (!slice_cut(p, '=', &name, &value) || !slice_eq_ci(slice_trim(name), SLICE("q")))
        return 0;
    value = slice_trim(value);
    struct slice whole, decimals;
    (void)slice_cut(value, '.', &whole, &decimals);
    if (whole.len != 1 || (whole.ptr[0] != '0' && whole.ptr[0] != '1') || decimals.len > 3)
        return 0;
    uint32_t q = whole.ptr[0] == '1' ? QUALITY_ONE : 0;
    uint32_t step = 100;
    for (size_t i = 0; i < decimals.len; i++, step /= 10) {
        if (!ascii_is_digit(decimals.ptr[i]))
            return 0;
        q += (uint32_t)(decimals.ptr[i] - '0') * step;
    }
    return q <= QUALITY_ONE ? q : 0;
}

static size_t find_code(struct slice range, const char *const *codes, size_t n) {
    size_t i = 0;
    while (i < n && !slice_eq_ci(slice_from_cstr(codes[i]), range))
        i++;
    return i;
}

// RFC 4647 section 3.4: the range loses subtags from its end, with single letters before them, until a code is it.
static size_t look_up(struct slice range, const char *const *codes, size_t n) {
    while (range.len > 0) {
        size_t found = find_code(range, codes, n);
        if (found < n)
            return found;
        size_t dash = slice_rfind(range, '-');
        if (dash == range.len)
            break;
        range = slice_sub(range, 0, dash);
        if (range.len >= 2 && range.ptr[range.len - 2] == '-')
            range = slice_sub(range, 0, range.len - 2);
    }
    return n;
}

size_t language_negotiate(struct slice accept_language, const char *const *codes, size_t n) {
    size_t best = n;
    uint32_t best_quality = 0;
    struct slice rest = accept_language;
    for (size_t i = 0; i < RANGES_MAX && rest.len > 0; i++) {
        struct slice element, range, parameters;
        (void)slice_cut(rest, ',', &element, &rest);
        (void)slice_cut(element, ';', &range, &parameters);
        uint32_t quality = quality_of(parameters);
        if (quality <= best_quality)
            continue;
        size_t found = look_up(slice_trim(range), codes, n);
        // "*" is any language: the first, unless a better wish is met.
        if (found == n && slice_eq(slice_trim(range), SLICE("*")) && n > 0)
            found = 0;
        if (found < n) {
            best = found;
            best_quality = quality;
        }
    }
    return best;
}
