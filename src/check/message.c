// SPDX-License-Identifier: MIT
#include "check/message.h"

#include <stdint.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/random.h"
#include "mail/date.h"

enum {
    // Packets as clients write them: a session key for one key of X25519 (section 5.1), and what is encrypted with it
    // (section 5.13).
    PKESK = 1,
    SEIPD = 18,
    PKESK_LEN = 94,
    SEIPD_LEN = 600,
    PACKETS_MAX = PKESK_LEN + SEIPD_LEN + 8,
    ID_LEN = 24,
    ARMOR_LINE = 64,
};

static const char hexadecimal[] = "0123456789abcdef";

// Old peers look for no more than these octets at the front of a PKESK: version 3, a key id, ECDH, a point.
static size_t write_pkesk(uint8_t *ret) {
    static const uint8_t point[] = {0x01, 0x07, 0x40};
    ret[0] = 0xC0 | PKESK;
    ret[1] = PKESK_LEN;
    random_bytes(ret + 2, PKESK_LEN);
    ret[2] = 3;
    ret[11] = 18;
    memcpy(ret + 12, point, sizeof(point));
    ret[2 + PKESK_LEN - 49] = 48; // octets of the wrapped session key that follow
    return 2 + PKESK_LEN;
}

static size_t write_seipd(uint8_t *ret) {
    ret[0] = 0xC0 | SEIPD;
    ret[1] = ((SEIPD_LEN - 192) >> 8) + 192; // RFC 9580 section 4.2.1.2
    ret[2] = (SEIPD_LEN - 192) & 0xFF;
    random_bytes(ret + 3, SEIPD_LEN);
    ret[3] = 1; // version
    return 3 + SEIPD_LEN;
}

static void put(struct buf *out, const char *text) {
    ASSERT(buf_append_cstr(out, text));
}

static void put_armor(struct buf *out) {
    uint8_t packets[PACKETS_MAX];
    size_t len = write_pkesk(packets);
    len += write_seipd(packets + len);
    char text[BASE64_ENCODED_LEN(PACKETS_MAX) + 1];
    base64_encode(packets, len, text);
    struct slice rest = slice_from_cstr(text);
    put(out, "-----BEGIN PGP MESSAGE-----\r\n\r\n");
    for (; rest.len > 0; rest = slice_sub(rest, ARMOR_LINE, rest.len))
        ASSERT(buf_append_slice(out, slice_sub(rest, 0, ARMOR_LINE)) && buf_append_cstr(out, "\r\n"));
    put(out, "-----END PGP MESSAGE-----\r\n");
}

static void put_header(struct buf *out, const char *from, const char *to, const char *subject, const char *id) {
    char date[DATE_TEXT_SIZE];
    date_write_mail(clock_wall_s(), date);
    ASSERT(buf_printf(out,
                      "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\nMessage-ID: <%s@localhost>\r\nSubject: %s\r\n"
                      "MIME-Version: 1.0\r\nChat-Version: 1.0\r\n",
                      from, to, date, id, subject));
}

void check_message_encrypted(const char *from, const char *to, struct buf *out, char ret_mark[CHECK_MARK_SIZE]) {
    char id[ID_LEN + 1];
    random_string(id, ID_LEN, hexadecimal);
    random_string(ret_mark, CHECK_MARK_SIZE - 1, hexadecimal);
    put_header(out, from, to, "[...]", id);
    ASSERT(buf_printf(out,
                      "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n"
                      "\tboundary=\"%s\"\r\n\r\n--%s\r\n"
                      "Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--%s\r\n"
                      "Content-Type: application/octet-stream\r\n\r\n",
                      ret_mark, ret_mark, ret_mark));
    put_armor(out);
    ASSERT(buf_printf(out, "\r\n--%s--\r\n", ret_mark));
}

void check_message_clear(const char *from, const char *to, struct buf *out) {
    char id[ID_LEN + 1];
    random_string(id, ID_LEN, hexadecimal);
    put_header(out, from, to, "a test of encryption", id);
    put(out, "Content-Type: text/plain; charset=utf-8\r\n\r\nThis is not encrypted, and a relay must refuse it.\r\n");
}
