// SPDX-License-Identifier: MIT
#include "martlet/status/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "base/slice.h"

enum { WIDTH = 80, LEFT = 15 };

void screen_end(struct screen *s) {
    if (s->column > 0)
        (void)putchar('\n');
    *s = (struct screen){.column = 0};
}

void screen_line(struct screen *s, const char *name) {
    screen_end(s);
    (void)printf("%-*s", LEFT, name);
    *s = (struct screen){.column = LEFT, .is_first = true};
}

// Words from `column` on, in lines that begin at `left`; returns the column at their end.
static size_t print_words(struct slice rest, size_t column, size_t left) {
    for (bool is_first = true; rest.len > 0; is_first = false) {
        struct slice word;
        (void)slice_cut(rest, ' ', &word, &rest);
        if (!is_first && column + 1 + word.len > WIDTH) {
            (void)printf("\n%*s", (int)left, "");
            column = left;
        } else if (!is_first) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", SLICE_FMT(word));
        column += word.len;
    }
    return column;
}

void screen_item(struct screen *s, const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    printable_make(text); // the last character may have been cut
    size_t len = strlen(text);
    if (!s->is_first && s->column + 2 + len + 1 > WIDTH) { // with the comma that may follow
        (void)printf(",\n%*s", LEFT, "");
        s->column = LEFT;
    } else if (!s->is_first) {
        (void)fputs(", ", stdout);
        s->column += 2;
    }
    s->is_first = false;
    if (s->column + len <= WIDTH) { // as it is: blanks in it may align a table
        (void)fputs(text, stdout);
        s->column += len;
    } else {
        s->column = print_words(slice_make(text, len), s->column, LEFT + 2);
    }
}

void screen_sentence(const char *before, const char *text) {
    (void)fputs(before, stdout);
    (void)print_words(slice_from_cstr(text), strlen(before), 2);
    (void)putchar('\n');
}

void screen_write_span(long long s, char ret[SCREEN_TEXT_MAX]) {
    static const struct {
        long long seconds;
        const char *unit;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        long long n = s / units[i].seconds;
        if (n >= 2 || (n == 1 && i + 1 == ARRAY_LEN(units))) {
            (void)snprintf(ret, SCREEN_TEXT_MAX, "%lld %s%s", n, units[i].unit, n == 1 ? "" : "s");
            return;
        }
    }
    (void)snprintf(ret, SCREEN_TEXT_MAX, "%lld s", s);
}

void screen_write_octets(long long octets, char ret[SCREEN_TEXT_MAX]) {
    static const char *const units[] = {"kB", "MB", "GB", "TB"};
    if (octets < 1000) {
        (void)snprintf(ret, SCREEN_TEXT_MAX, "%lld octets", octets);
        return;
    }
    double n = (double)octets / 1000;
    size_t unit = 0;
    for (; n >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++)
        n /= 1000;
    (void)snprintf(ret, SCREEN_TEXT_MAX, n < 9.95 ? "%.1f %s" : "%.0f %s", n, units[unit]);
}
