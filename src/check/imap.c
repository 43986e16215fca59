// SPDX-License-Identifier: MIT
#include "check/imap.h"

#include <stdarg.h>
#include <stdio.h>

enum { COMMAND_MAX = 1024 };

void check_imap_init(struct check_imap *i, const struct check_limit *limit) {
    check_link_init(&i->link, limit);
    i->tag = 0;
    buf_init(&i->untagged, CHECK_INPUT_MAX);
}

void check_imap_close(struct check_imap *i) {
    check_link_close(&i->link);
    buf_done(&i->untagged);
}

// "{12}" at the end of a line: so many octets follow (RFC 3501 section 4.3).
static bool ends_with_literal(struct slice line, uint32_t *ret_len) {
    if (!slice_ends_with(line, SLICE("}")))
        return false;
    size_t at = slice_rfind(line, '{');
    return at < line.len && slice_to_u32(slice_sub(line, at + 1, line.len - 1), ret_len);
}

static bool keep(struct check_imap *i, struct slice octets) {
    return buf_append_slice(&i->untagged, octets) || check_error(i->link.error, "more came than makes sense");
}

// One response into `untagged`, whose literals are read, too; *ret is where its first line stands there.
static bool read_response(struct check_imap *i, size_t *ret_at) {
    struct slice line;
    uint32_t len;
    *ret_at = i->untagged.len;
    for (;;) {
        if (!check_link_read_line(&i->link, &line))
            return false;
        bool goes_on = ends_with_literal(line, &len);
        if (!keep(i, line) || !keep(i, SLICE("\r\n")))
            return false;
        if (!goes_on)
            return true;
        if (!check_link_read(&i->link, len, &line) || !keep(i, line))
            return false;
    }
}

static struct slice response_at(const struct check_imap *i, size_t at) {
    return slice_trim(slice_sub(buf_slice(&i->untagged), at, i->untagged.len));
}

PRINTF_LIKE(2, 0) static bool send_command(struct check_imap *i, const char *fmt, va_list args) {
    char text[COMMAND_MAX];
    int head = snprintf(text, sizeof(text), "c%u ", ++i->tag);
    int len = vsnprintf(text + head, sizeof(text) - (size_t)head - 2, fmt, args);
    ASSERT(len > 0 && (size_t)(head + len) < sizeof(text) - 2);
    text[head + len] = '\r';
    text[head + len + 1] = '\n';
    buf_done(&i->untagged);
    return check_link_write(&i->link, slice_make(text, (size_t)(head + len) + 2));
}

// Reads on until the command under way is answered.
static bool read_answer(struct check_imap *i, bool *is_refused) {
    char tag[16];
    (void)snprintf(tag, sizeof(tag), "c%u ", i->tag);
    for (size_t at;;) {
        if (!read_response(i, &at))
            return false;
        struct slice line = response_at(i, at);
        if (!slice_starts_with(line, slice_from_cstr(tag)))
            continue;
        struct slice status = slice_sub(line, slice_find(line, ' ') + 1, line.len);
        if (slice_starts_with(status, SLICE("OK")))
            return true;
        if (is_refused != NULL)
            *is_refused = slice_starts_with(status, SLICE("NO"));
        return check_error(i->link.error, "the answer was \"%.*s\"", SLICE_FMT(slice_sub(status, 0, 150)));
    }
}

bool check_imap_command(struct check_imap *i, bool *is_refused, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    if (is_refused != NULL)
        *is_refused = false;
    bool ok = send_command(i, fmt, args) && read_answer(i, is_refused);
    va_end(args);
    return ok;
}

bool check_imap_open(struct check_imap *i, const struct net_address *to, enum check_security how,
                     const struct check_tls *tls) {
    struct slice line;
    if (!check_link_connect(&i->link, to) || (how == CHECK_TLS_AT_ONCE && !check_link_secure(&i->link, tls)) ||
        !check_link_read_line(&i->link, &line))
        return false;
    if (!slice_starts_with(line, SLICE("* OK")))
        return check_error(i->link.error, "the greeting was \"%.*s\"", SLICE_FMT(slice_sub(line, 0, 100)));
    if (how == CHECK_TLS_AT_ONCE)
        return true;
    return check_imap_command(i, NULL, "STARTTLS") && check_link_secure(&i->link, tls);
}

bool check_imap_login(struct check_imap *i, const char *user, const char *password) {
    return check_imap_command(i, NULL, "LOGIN \"%s\" \"%s\"", user, password);
}

// ---- the mailbox ----

// "* 3 EXISTS"
static bool is_exists(struct slice line, uint32_t *ret) {
    if (!slice_starts_with(line, SLICE("* ")) || !slice_ends_with(line, SLICE(" EXISTS")))
        return false;
    return slice_to_u32(slice_sub(line, 2, line.len - 7), ret);
}

bool check_imap_select(struct check_imap *i, uint32_t *ret_exists) {
    *ret_exists = 0;
    if (!check_imap_command(i, NULL, "SELECT INBOX"))
        return false;
    struct slice rest = buf_slice(&i->untagged), line;
    while (slice_cut(rest, '\n', &line, &rest))
        (void)is_exists(slice_trim(line), ret_exists);
    return true;
}

bool check_imap_idle(struct check_imap *i) {
    struct slice line;
    char text[32];
    int len = snprintf(text, sizeof(text), "c%u IDLE\r\n", ++i->tag);
    buf_done(&i->untagged);
    if (!check_link_write(&i->link, slice_make(text, (size_t)len)))
        return false;
    do {
        if (!check_link_read_line(&i->link, &line))
            return false;
    } while (slice_starts_with(line, SLICE("*")));
    return slice_starts_with(line, SLICE("+")) ||
           check_error(i->link.error, "the answer to IDLE was \"%.*s\"", SLICE_FMT(slice_sub(line, 0, 100)));
}

bool check_imap_wait_exists(struct check_imap *i, uint32_t known, uint32_t *ret_exists) {
    struct slice line;
    do {
        if (!check_link_read_line(&i->link, &line))
            return false;
    } while (!is_exists(line, ret_exists) || *ret_exists <= known);
    return true;
}

bool check_imap_end_idle(struct check_imap *i) {
    return check_link_write(&i->link, SLICE("DONE\r\n")) && read_answer(i, NULL);
}

bool check_imap_empty(struct check_imap *i) {
    uint32_t exists;
    if (!check_imap_command(i, NULL, "UID STORE 1:* +FLAGS.SILENT (\\Deleted)") ||
        !check_imap_command(i, NULL, "EXPUNGE") || !check_imap_select(i, &exists))
        return false;
    return exists == 0 || check_error(i->link.error, "%u messages stand after EXPUNGE", exists);
}
