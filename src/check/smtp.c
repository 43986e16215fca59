// SPDX-License-Identifier: MIT
#include "check/smtp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"

enum { COMMAND_MAX = 1024, CREDENTIALS_MAX = 700 };

void check_smtp_init(struct check_smtp *s, const struct check_limit *limit) {
    check_link_init(&s->link, limit);
    s->code = 0;
    s->reply[0] = '\0';
}

void check_smtp_close(struct check_smtp *s) {
    check_link_close(&s->link);
}

// A reply of any number of lines (RFC 5321 section 4.2.1); false when it is not of this class, "2" or "3".
static bool read_reply(struct check_smtp *s, char class) {
    struct slice line;
    uint32_t code;
    s->code = 0;
    do {
        if (!check_link_read_line(&s->link, &line))
            return false;
        if (line.len < 3 || !slice_to_u32(slice_sub(line, 0, 3), &code))
            return check_error(s->link.error, "the answer was no reply of SMTP");
    } while (line.len > 3 && line.ptr[3] == '-');
    s->code = code;
    (void)snprintf(s->reply, sizeof(s->reply), "%.*s", SLICE_FMT(slice_sub(line, 4, 4 + sizeof(s->reply) - 1)));
    return line.ptr[0] == class || check_error(s->link.error, "the answer was \"%u %s\"", s->code, s->reply);
}

PRINTF_LIKE(3, 4) static bool command(struct check_smtp *s, char class, const char *fmt, ...) {
    char text[COMMAND_MAX];
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(text, sizeof(text) - 2, fmt, args);
    va_end(args);
    ASSERT(len > 0 && (size_t)len < sizeof(text) - 2);
    text[len] = '\r';
    text[len + 1] = '\n';
    s->code = 0;
    return check_link_write(&s->link, slice_make(text, (size_t)len + 2)) && read_reply(s, class);
}

static bool greet(struct check_smtp *s) {
    return command(s, '2', "EHLO check.invalid");
}

bool check_smtp_open(struct check_smtp *s, const struct net_address *to, enum check_security how,
                     const struct check_tls *tls) {
    if (!check_link_connect(&s->link, to) || (how == CHECK_TLS_AT_ONCE && !check_link_secure(&s->link, tls)) ||
        !read_reply(s, '2') || !greet(s))
        return false;
    if (how == CHECK_TLS_AT_ONCE)
        return true;
    return command(s, '2', "STARTTLS") && check_link_secure(&s->link, tls) && greet(s);
}

bool check_smtp_login(struct check_smtp *s, const char *user, const char *password) {
    char plain[CREDENTIALS_MAX], text[BASE64_ENCODED_LEN(CREDENTIALS_MAX) + 1];
    int len = snprintf(plain, sizeof(plain), "%c%s%c%s", '\0', user, '\0', password);
    ASSERT(len > 0 && (size_t)len < sizeof(plain));
    base64_encode(plain, (size_t)len, text);
    return command(s, '2', "AUTH PLAIN %s", text);
}

bool check_smtp_send(struct check_smtp *s, const char *from, const char *to, struct slice message,
                     uint64_t *ret_dot_us) {
    if (!command(s, '2', "MAIL FROM:<%s>", from) || !command(s, '2', "RCPT TO:<%s>", to) || !command(s, '3', "DATA") ||
        !check_link_write(&s->link, message))
        return false;
    *ret_dot_us = clock_mono_us();
    s->code = 0;
    return check_link_write(&s->link, SLICE(".\r\n")) && read_reply(s, '2');
}
