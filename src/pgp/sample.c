// SPDX-License-Identifier: MIT
// Sample OpenPGP messages for tests (RFC 9580 4.2 and 6, RFC 3156 4).
#include "pgp/sample.h"

#include "base/base64.h"
#include "base/mem.h"

static void put(struct buf *out, const void *ptr, size_t len) {
    bool ok = buf_append(out, ptr, len);
    ASSERT(ok);
}

static void put_cstr(struct buf *out, const char *s) {
    put(out, s, strlen(s));
}

static void put_octet(struct buf *out, size_t octet) {
    char c = (char)(octet & 0xFF);
    put(out, &c, 1);
}

static void put_number(struct buf *out, size_t value, unsigned octets) {
    while (octets-- > 0)
        put_octet(out, value >> (8 * octets));
}

static void put_filler(struct buf *out, size_t len) {
    for (size_t i = 0; i < len; i++)
        put_octet(out, i * 167 + (i >> 8) + 1);
}

static void put_new_length(struct buf *out, size_t len) {
    if (len < 192) {
        put_octet(out, len);
    } else if (len < 8384) {
        put_octet(out, ((len - 192) >> 8) + 192);
        put_octet(out, len - 192);
    } else {
        put_octet(out, 255);
        put_number(out, len, 4);
    }
}

static void put_partial(struct buf *out, size_t len) {
    for (; len >= 512; len -= 512) {
        put_octet(out, 224 + 9);
        put_filler(out, 512);
    }
    put_new_length(out, len);
    put_filler(out, len);
}

void sample_packet(struct buf *out, unsigned type, enum sample_form form, size_t body_len) {
    if (form >= SAMPLE_OLD_ONE) {
        unsigned length_type = form - SAMPLE_OLD_ONE;
        put_octet(out, 0x80U | type << 2 | length_type);
        put_number(out, body_len, form == SAMPLE_OLD_UNTIL_END ? 0 : 1U << length_type);
        put_filler(out, body_len);
        return;
    }
    put_octet(out, 0xC0U | type);
    if (form == SAMPLE_NEW_PARTIAL) {
        put_partial(out, body_len);
        return;
    }
    if (form == SAMPLE_NEW_FIVE) {
        put_octet(out, 255);
        put_number(out, body_len, 4);
    } else {
        put_new_length(out, body_len);
    }
    put_filler(out, body_len);
}

// RFC 9580 6.1.1.
static uint32_t crc24(struct slice s) {
    uint32_t crc = 0xB704CE;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= (uint32_t)(unsigned char)s.ptr[i] << 16;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x800000) != 0 ? (crc << 1 ^ 0x864CFB) & 0xFFFFFF : crc << 1;
    }
    return crc;
}

void sample_armor(struct buf *out, struct slice packets, const struct sample_armor *how) {
    char *text = mem_alloc(BASE64_ENCODED_LEN(packets.len) + 1);
    base64_encode(packets.ptr, packets.len, text);
    struct slice rest = slice_from_cstr(text);
    size_t line_len = how->line_len > 0 ? how->line_len : 64;
    put_cstr(out, "-----BEGIN PGP MESSAGE-----\r\n");
    put_cstr(out, how->headers != NULL ? how->headers : "");
    put_cstr(out, "\r\n");
    while (rest.len > 0) {
        struct slice line = slice_sub(rest, 0, line_len);
        put(out, line.ptr, line.len);
        put_cstr(out, "\r\n");
        rest = slice_sub(rest, line.len, rest.len);
    }
    free(text);
    if (how->checksum) {
        uint32_t crc = crc24(packets);
        char octets[3] = {(char)(crc >> 16), (char)(crc >> 8), (char)crc}, encoded[BASE64_ENCODED_LEN(3) + 1];
        base64_encode(octets, sizeof(octets), encoded);
        put_cstr(out, "=");
        put_cstr(out, encoded);
        put_cstr(out, "\r\n");
    }
    put_cstr(out, "-----END PGP MESSAGE-----\r\n");
}

void sample_message(struct buf *out, struct slice armor) {
    put_cstr(out, "From: <one@example.org>\r\nDate: Sat, 21 Nov 2026 09:18:00 +0000\r\n"
                  "Message-ID: <7c1e@localhost>\r\nMIME-Version: 1.0\r\nTo: \"hidden-recipients\": ;\r\n"
                  "Subject: [...]\r\nChat-Version: 1.0\r\n"
                  "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; \r\n"
                  "\tboundary=\"sample-boundary\"\r\n\r\n\r\n--sample-boundary\r\n"
                  "Content-Type: application/pgp-encrypted; charset=\"utf-8\"\r\n"
                  "Content-Transfer-Encoding: 7bit\r\n\r\nVersion: 1\r\n\r\n--sample-boundary\r\n"
                  "Content-Type: application/octet-stream; charset=\"utf-8\"\r\n"
                  "Content-Transfer-Encoding: 7bit\r\n\r\n");
    put(out, armor.ptr, armor.len);
    put_cstr(out, "\r\n--sample-boundary--\r\n\r\n");
}
