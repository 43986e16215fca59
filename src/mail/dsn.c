// SPDX-License-Identifier: MIT
// Writes delivery status notifications (RFC 3462 multipart/report, RFC 3464 status fields, RFC 3834 Auto-Submitted).
// Pure.
//
// Addresses, replies and the returned header come from peers: the first two are cut to printable one-line text, the
// header is cut at a field, and the boundary is one that no peer can foresee.
#include "mail/dsn.h"

#include <string.h>

#include "base/hash.h"
#include "base/hex.h"
#include "mail/date.h"
#include "mail/header.h"
#include "mail/utf8.h"

enum { ORIGINAL_HEADER_MAX = 32 * 1024, TEXT_MAX = 900 };

// Appends s as one line of printable text: control octets and malformed UTF-8 become "?", and it ends after TEXT_MAX
// octets.
static bool append_text(struct buf *out, struct slice s) {
    s = slice_trim(s);
    size_t written = 0;
    while (s.len > 0 && written < TEXT_MAX) {
        size_t n = utf8_sequence_len(s);
        bool control = n == 1 && (s.ptr[0] < ' ' || s.ptr[0] == 0x7F);
        // U+0080 to U+009F are controls too.
        control = control || (n == 2 && s.ptr[0] == '\xC2' && (unsigned char)s.ptr[1] < 0xA0);
        bool ok = n > 0 && !control ? buf_append(out, s.ptr, n) : buf_append(out, "?", 1);
        if (!ok)
            return false;
        n = n > 0 ? n : 1;
        written += n;
        s = slice_sub(s, n, s.len);
    }
    return true;
}

static bool append_line(struct buf *out, const char *before, struct slice s, const char *after) {
    return buf_append_cstr(out, before) && append_text(out, s) && buf_append_cstr(out, after) &&
           buf_append_cstr(out, "\r\n");
}

static bool is_ascii(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static bool is_status(struct slice s) {
    if (s.len < 5 || s.len > 9 || (s.ptr[0] != '4' && s.ptr[0] != '5') || s.ptr[1] != '.')
        return false;
    for (size_t i = 2; i < s.len; i++)
        if (!ascii_is_digit(s.ptr[i]) && s.ptr[i] != '.')
            return false;
    return ascii_is_digit(s.ptr[s.len - 1]);
}

// CRLF lines without NUL, so that the message stays one.
static bool is_clean(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        bool cr_before = i > 0 && s.ptr[i - 1] == '\r';
        if (s.ptr[i] == '\0' || cr_before != (s.ptr[i] == '\n'))
            return false;
    }
    return slice_ends_with(s, SLICE("\r\n"));
}

// The original header as it is returned: whole fields only, without the blank line.
static struct slice returned_header(struct slice header) {
    struct slice rest = slice_sub(header, 0, ORIGINAL_HEADER_MAX);
    bool cut = rest.len < header.len;
    struct header_field field;
    size_t len = 0;
    while (header_next(&rest, &field) == HEADER_FIELD) {
        // The last field may be cut in two.
        if ((cut && rest.len == 0) || !is_clean(field.raw))
            break;
        len += field.raw.len;
    }
    return slice_sub(header, 0, len);
}

enum { BOUNDARY_SIZE = 2 + 32 + 1 };

// Drawn from the Message-ID, which is ours, under the random key of this process: a peer cannot know it, and nothing
// needs to be searched. "=_" cannot stand in quoted-printable (RFC 2045 6.7).
static void make_boundary(struct slice message_id, char ret[BOUNDARY_SIZE]) {
    struct hash128 h = hash_keyed(message_id.ptr, message_id.len);
    ret[0] = '=';
    ret[1] = '_';
    hex_encode(&h, sizeof(h), ret + 2);
}

static bool write_header(const struct dsn *d, const char *boundary, struct buf *out) {
    char date[DATE_TEXT_SIZE];
    date_write_mail(d->date, date);
    return buf_printf(out, "Date: %s\r\n", date) &&
           append_line(out, "From: Mail Delivery System <MAILER-DAEMON@", d->domain, ">") &&
           append_line(out, "To: <", d->to, ">") &&
           buf_append_cstr(out, "Subject: Undelivered Mail Returned to Sender\r\n") &&
           append_line(out, "Message-ID: <", d->message_id, ">") &&
           buf_printf(out,
                      "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                      "Content-Type: multipart/report; report-type=delivery-status;\r\n\tboundary=\"%s\"\r\n\r\n",
                      boundary);
}

static bool write_text(const struct dsn *d, const char *boundary, const char *encoding, struct buf *out) {
    if (!buf_printf(out,
                    "--%s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n"
                    "Undelivered mail: the mail delivery system at\r\n\r\n    ",
                    boundary, encoding) ||
        !append_line(out, "", d->domain, "") ||
        !buf_append_cstr(out, "\r\ncould not deliver your message to these recipients:\r\n\r\n"))
        return false;
    for (size_t i = 0; i < d->n_recipients; i++)
        if (!append_line(out, "<", d->recipients[i].address, ">:") ||
            !append_line(out, "    ", d->recipients[i].reply, "") || !buf_append_cstr(out, "\r\n"))
            return false;
    return true;
}

static bool write_recipient(const struct dsn_recipient *r, struct buf *out) {
    // RFC 6533 3: the address type of an address that is not ASCII.
    bool ascii = is_ascii(r->address);
    return buf_append_cstr(out, "\r\n") &&
           append_line(out, ascii ? "Final-Recipient: rfc822; " : "Final-Recipient: utf-8; ", r->address, "") &&
           buf_append_cstr(out, "Action: failed\r\n") &&
           append_line(out, "Status: ", is_status(r->status) ? r->status : SLICE("5.0.0"), "") &&
           append_line(out, "Diagnostic-Code: smtp; ", r->reply, "");
}

static bool write_status(const struct dsn *d, const char *boundary, const char *encoding, struct buf *out) {
    if (!buf_printf(out, "--%s\r\nContent-Type: message/delivery-status\r\nContent-Transfer-Encoding: %s\r\n\r\n",
                    boundary, encoding) ||
        !append_line(out, "Reporting-MTA: dns; ", d->domain, ""))
        return false;
    for (size_t i = 0; i < d->n_recipients; i++)
        if (!write_recipient(&d->recipients[i], out))
            return false;
    return true;
}

bool dsn_write(const struct dsn *d, struct buf *out) {
    struct slice header = returned_header(d->original_header);
    char boundary[BOUNDARY_SIZE];
    make_boundary(d->message_id, boundary);

    bool ascii = is_ascii(header) && is_ascii(d->domain);
    for (size_t i = 0; i < d->n_recipients; i++)
        ascii = ascii && is_ascii(d->recipients[i].address) && is_ascii(d->recipients[i].reply);
    const char *encoding = ascii ? "7bit" : "8bit";

    return write_header(d, boundary, out) && write_text(d, boundary, encoding, out) &&
           write_status(d, boundary, encoding, out) &&
           buf_printf(out, "\r\n--%s\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: %s\r\n\r\n",
                      boundary, encoding) &&
           buf_append_slice(out, header) && buf_printf(out, "\r\n--%s--\r\n", boundary);
}
