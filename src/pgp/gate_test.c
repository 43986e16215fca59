// SPDX-License-Identifier: MIT
// The gate on whole messages, both directions. Each is fed whole, cut in two and octet by octet, and must get the same
// verdict.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "pgp/gate.h"
#include "pgp/sample.h"

static const char *const kind_names[] = {"ENCRYPTED",     "SECUREJOIN", "SETUP_MESSAGE",
                                         "MAILER_DAEMON", "CLEAR",      "MALFORMED"};

static enum gate_kind judge(enum gate_direction direction, struct slice in, size_t first, size_t step) {
    struct gate *g = gate_new(direction);
    gate_feed(g, slice_sub(in, 0, first));
    for (size_t at = first; at < in.len; at += step)
        gate_feed(g, slice_sub(in, at, at + step));
    enum gate_kind kind = gate_finish(g);
    if (gate_finish(g) != kind)
        fail_msg("the verdict changed");
    if ((kind == GATE_MALFORMED) != (gate_reason(g)[0] != '\0'))
        fail_msg("verdict %s with reason \"%s\"", kind_names[kind], gate_reason(g));
    gate_free(g);
    return kind;
}

static void check(const char *label, enum gate_direction direction, struct slice in, enum gate_kind want) {
    size_t stride = in.len / 256 + 1;
    for (size_t cut = 0; cut <= in.len; cut += stride) {
        enum gate_kind got = judge(direction, in, cut, in.len);
        if (got != want)
            fail_msg("%s, direction %d, cut at %zu: got %s, want %s", label, direction, cut, kind_names[got],
                     kind_names[want]);
    }
    for (size_t step = 1; step < 5; step++) {
        enum gate_kind got = judge(direction, in, 0, step);
        if (got != want)
            fail_msg("%s, direction %d, pieces of %zu: got %s, want %s", label, direction, step, kind_names[got],
                     kind_names[want]);
    }
}

#define FROM "From: <one@example.org>\r\nTo: <two@example.org>\r\nSubject: [...]\r\n"
#define ENC(params) FROM "Content-Type: multipart/encrypted" params "\r\n\r\n"
#define TYPE ENC("; protocol=\"application/pgp-encrypted\"; boundary=\"B\"")
#define V_TYPE "Content-Type: application/pgp-encrypted\r\n"
#define VERSION "--B\r\n" V_TYPE "\r\nVersion: 1\r\n\r\n"
#define D_TYPE "Content-Type: application/octet-stream\r\n"
#define ARMOR_OF(data) "-----BEGIN PGP MESSAGE-----\r\n\r\n" data "\r\n-----END PGP MESSAGE-----\r\n"
#define ARMOR ARMOR_OF("wQMDYWLSBQFiY2Rl\r\n=abCD")
#define DATA "--B\r\n" D_TYPE "\r\n" ARMOR "\r\n"
#define CLOSE "--B--\r\n"
// ARMOR in base64, and with every "-" and "=" in quoted-printable.
#define ARMOR_BASE64                                                                                                   \
    "LS0tLS1CRUdJTiBQR1AgTUVTU0FHRS0tLS0tDQoNCndRTURZV0xTQlFGaVkyUmwN\r\n"                                             \
    "Cj1hYkNEDQotLS0tLUVORCBQR1AgTUVTU0FHRS0tLS0tDQo=\r\n"
#define ARMOR_QUOTED                                                                                                   \
    "=2D----BEGIN PGP MES=\r\nSAGE-----\r\n\r\nwQMDYWLSBQFiY2Rl\r\n=3DabCD\r\n=2d----END PGP MESSAGE-----\r\n"

static const struct {
    const char *label;
    enum gate_kind submitted, inbound;
    const char *message;
} encrypted_table[] = {
    {"encrypted", GATE_ENCRYPTED, GATE_ENCRYPTED, TYPE VERSION DATA CLOSE},
    {"as core 2.62 writes it", GATE_ENCRYPTED, GATE_ENCRYPTED,
     ENC("; protocol=\"application/pgp-encrypted\"; \r\n\tboundary=\"B\"") "\r\n--B\r\n"
                                                                           "Content-Type: application/pgp-encrypted; "
                                                                           "charset=\"utf-8\"\r\nContent-Transfer-"
                                                                           "Encoding: 7bit\r\n\r\n"
                                                                           "Version: 1\r\n\r\n--B\r\nContent-Type: "
                                                                           "application/octet-stream; "
                                                                           "charset=\"utf-8\"\r\n"
                                                                           "Content-Transfer-Encoding: "
                                                                           "7bit\r\n\r\n" ARMOR "\r\n--B--\r\n\r\n"},
    {"with descriptions and a file name", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE "\r\n--B\r\nContent-Description: PGP/MIME version\r\n" V_TYPE "\r\nVersion: 1\r\n\r\n\r\n--B\r\n"
          "Content-Disposition: inline; filename=\"x.asc\";\r\nContent-Type: application/octet-stream; "
          "name=\"x.asc\"\r\n\r\n" ARMOR "\r\n\r\n" CLOSE "\r\n\r\n"},
    {"types in other letters", GATE_ENCRYPTED, GATE_ENCRYPTED,
     FROM "content-TYPE: MultiPart/Encrypted; BOUNDARY=B\r\n\r\n--B\r\nCONTENT-TYPE: Application/PGP-Encrypted\r\n\r\n"
          "Version: 1\r\n--B\r\ncontent-type: Application/Octet-Stream\r\n\r\n" ARMOR "--B--"},
    {"comments in types", GATE_ENCRYPTED, GATE_ENCRYPTED,
     ENC(" (a) ; (b) boundary (c) = (d) \"B\" (e)") VERSION DATA CLOSE},
    {"with Secure-Join, as v3 requests have", GATE_ENCRYPTED, GATE_ENCRYPTED,
     "Secure-Join: vc-request-pubkey\r\n" TYPE VERSION DATA CLOSE},
    {"no checksum", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR_OF("wQMDYWLSBQFiY2Rl") CLOSE},
    {"padding, no checksum", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR_OF("0gUBYmNkZQ==") CLOSE},
    {"blanks around the version", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE "--B\r\n" V_TYPE "\r\n\r\n \tVersion: 1 \t\r\n\r\n\r\n" DATA CLOSE},
    {"8bit and binary", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE "--B\r\n" V_TYPE "Content-Transfer-Encoding: 8BIT\r\n\r\nVersion: 1\r\n--B\r\n" D_TYPE
          "Content-Transfer-Encoding: Binary (x)\r\n\r\n" ARMOR CLOSE},
    {"base64", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE "--B\r\n" V_TYPE "Content-Transfer-Encoding: base64\r\n\r\nVmVyc2lvbjogMQ==\r\n--B\r\n" D_TYPE
          "Content-Transfer-Encoding: base64\r\n\r\n" ARMOR_BASE64 CLOSE},
    {"quoted-printable", GATE_ENCRYPTED, GATE_ENCRYPTED,
     TYPE "--B\r\n" V_TYPE "Content-Transfer-Encoding: quoted-printable\r\n\r\nVersion:=20=\r\n1\r\n--B\r\n" D_TYPE
          "Content-Transfer-Encoding: quoted-printable\r\n\r\n" ARMOR_QUOTED CLOSE},
    {"armor version", GATE_CLEAR, GATE_ENCRYPTED,
     TYPE VERSION "--B\r\n" D_TYPE "\r\n-----BEGIN PGP MESSAGE-----\r\nVersion: Sample 1\r\n\r\nwQMDYWLSBQFiY2Rl\r\n"
                  "-----END PGP MESSAGE-----\r\n" CLOSE},
    // Everything below is not what it says.
    {"armor comment", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "\r\n-----BEGIN PGP MESSAGE-----\r\nComment: x\r\n\r\nwQMDYWLSBQFiY2Rl\r\n"
                  "-----END PGP MESSAGE-----\r\n" CLOSE},
    {"fake: text in the second part", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\nHello!\r\n" CLOSE},
    {"fake: text in armor", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR_OF("SGVsbG8h") CLOSE},
    {"fake: text before the armor", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\nHello!\r\n" ARMOR CLOSE},
    {"fake: text behind the armor", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR "Hello!\r\n" CLOSE},
    {"fake: empty second part", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\n" CLOSE},
    {"literal", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR_OF("ywdiAAAAAABo") CLOSE},
    {"literal behind a session key", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR_OF("wQMDYWLLB2IAAAAAAGg=") CLOSE},
    {"session key alone", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR_OF("wQMDYWI=") CLOSE},
    {"preamble", GATE_CLEAR, GATE_CLEAR, TYPE "Hello!\r\n" VERSION DATA CLOSE},
    {"preamble of blanks", GATE_CLEAR, GATE_CLEAR, TYPE " \t \r\n" VERSION DATA CLOSE},
    {"epilogue", GATE_CLEAR, GATE_CLEAR, TYPE VERSION DATA CLOSE "Hello!\r\n"},
    {"parts in the epilogue", GATE_CLEAR, GATE_CLEAR, TYPE VERSION DATA CLOSE DATA CLOSE},
    {"third part", GATE_CLEAR, GATE_CLEAR, TYPE VERSION DATA "--B\r\n\r\nHello!\r\n" CLOSE},
    {"empty third part", GATE_CLEAR, GATE_CLEAR, TYPE VERSION DATA "--B\r\n\r\n" CLOSE},
    {"one part", GATE_CLEAR, GATE_CLEAR, TYPE VERSION CLOSE},
    {"data alone", GATE_CLEAR, GATE_CLEAR, TYPE DATA CLOSE},
    {"no part", GATE_CLEAR, GATE_CLEAR, TYPE CLOSE},
    {"parts exchanged", GATE_CLEAR, GATE_CLEAR, TYPE DATA VERSION CLOSE},
    {"version 2", GATE_CLEAR, GATE_CLEAR, TYPE "--B\r\n" V_TYPE "\r\nVersion: 2\r\n" DATA CLOSE},
    {"version 10", GATE_CLEAR, GATE_CLEAR, TYPE "--B\r\n" V_TYPE "\r\nVersion: 10\r\n" DATA CLOSE},
    {"version in small letters", GATE_CLEAR, GATE_CLEAR, TYPE "--B\r\n" V_TYPE "\r\nversion: 1\r\n" DATA CLOSE},
    {"text behind the version", GATE_CLEAR, GATE_CLEAR,
     TYPE "--B\r\n" V_TYPE "\r\nVersion: 1\r\nHello!\r\n" DATA CLOSE},
    {"text far behind the version", GATE_CLEAR, GATE_CLEAR,
     TYPE "--B\r\n" V_TYPE
          "\r\nVersion: 1\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\nx"
          "\r\n" DATA CLOSE},
    {"no version", GATE_CLEAR, GATE_CLEAR, TYPE "--B\r\n" V_TYPE "\r\n" DATA CLOSE},
    {"version of another type", GATE_CLEAR, GATE_CLEAR,
     TYPE "--B\r\nContent-Type: text/plain\r\n\r\nVersion: 1\r\n" DATA CLOSE},
    {"data of another type", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\nContent-Type: text/plain\r\n\r\n" ARMOR CLOSE},
    {"data without a type", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n\r\n" ARMOR CLOSE},
    {"data of a type without sense", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\nContent-Type: application/octet-stream x\r\n\r\n" ARMOR CLOSE},
    {"data within a multipart", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n" D_TYPE "\r\n" ARMOR
                  "--C--\r\n" CLOSE},
    {"all within a multipart", GATE_CLEAR, GATE_CLEAR,
     FROM "Content-Type: multipart/mixed; boundary=A\r\n\r\n--A\r\nContent-Type: multipart/encrypted; "
          "boundary=B\r\n\r\n" VERSION DATA CLOSE "--A--\r\n"},
    {"empty multipart behind the data", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION DATA "--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C--\r\n" CLOSE},
    {"another multipart", GATE_CLEAR, GATE_CLEAR,
     FROM "Content-Type: multipart/mixed; boundary=B\r\n\r\n" VERSION DATA CLOSE},
    {"unknown encoding", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "Content-Transfer-Encoding: x-none\r\n\r\n" ARMOR CLOSE},
    {"says base64, is not", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "Content-Transfer-Encoding: base64\r\n\r\n" ARMOR CLOSE},
    {"quoted-printable cut short", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "Content-Transfer-Encoding: quoted-printable\r\n\r\n" ARMOR_QUOTED "=0\r\n" CLOSE},
    {"base64 cut short", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n" D_TYPE "Content-Transfer-Encoding: base64\r\n\r\nLS0tLS1CRUdJTiBQ\r\n" CLOSE},
    {"encoded multipart", GATE_CLEAR, GATE_CLEAR, "Content-Transfer-Encoding: base64\r\n" TYPE VERSION DATA CLOSE},
    {"header field like a delimiter", GATE_CLEAR, GATE_CLEAR,
     TYPE VERSION "--B\r\n--Bx: y\r\n" D_TYPE "\r\n" ARMOR CLOSE},
    {"boundary that begins the armor lines", GATE_CLEAR, GATE_CLEAR,
     ENC("; boundary=\"-\"") "---\r\n" V_TYPE "\r\nVersion: 1\r\n---\r\n" D_TYPE "\r\n" ARMOR "-----\r\n"},
    {"like a delimiter", GATE_CLEAR, GATE_CLEAR, TYPE VERSION "--B\r\n" D_TYPE "\r\n" ARMOR "--Bx\r\n" CLOSE},
    // Not parsable, or parsable in two ways.
    {"not closed", GATE_MALFORMED, GATE_MALFORMED, TYPE VERSION DATA},
    {"not closed, within the version", GATE_MALFORMED, GATE_MALFORMED, TYPE "--B\r\n" V_TYPE "\r\nVersion: 1"},
    {"header alone", GATE_MALFORMED, GATE_MALFORMED, TYPE},
    {"no boundary", GATE_MALFORMED, GATE_MALFORMED, ENC("") VERSION DATA CLOSE},
    {"empty boundary", GATE_MALFORMED, GATE_MALFORMED, ENC("; boundary=\"\"") VERSION DATA CLOSE},
    {"two boundaries", GATE_MALFORMED, GATE_MALFORMED, ENC("; boundary=B; boundary=C") VERSION DATA CLOSE},
    {"two types", GATE_MALFORMED, GATE_MALFORMED, "Content-Type: text/plain\r\n" TYPE VERSION DATA CLOSE},
    {"no colon", GATE_MALFORMED, GATE_MALFORMED, "hello\r\n" TYPE VERSION DATA CLOSE},
    {"bare LF", GATE_MALFORMED, GATE_MALFORMED, TYPE "\n" VERSION DATA CLOSE},
    {"bare LF in a part", GATE_MALFORMED, GATE_MALFORMED, TYPE VERSION "--B\r\n" D_TYPE "\n" ARMOR CLOSE},
};

static void test_encrypted(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(encrypted_table); i++) {
        struct slice in = slice_from_cstr(encrypted_table[i].message);
        check(encrypted_table[i].label, GATE_SUBMISSION, in, encrypted_table[i].submitted);
        check(encrypted_table[i].label, GATE_INBOUND, in, encrypted_table[i].inbound);
    }
}

#define JOIN_HEADER(name) FROM "Chat-Version: 1.0\r\n" name ": "
#define JOIN_TYPE "Secure-Join-Invitenumber: RANDOM\r\nContent-Type: multipart/mixed; boundary=\"B\"\r\n\r\n"
#define JOIN(value) JOIN_HEADER("Secure-Join") value "\r\n" JOIN_TYPE
#define T_TYPE "--B\r\nContent-Type: text/plain; charset=utf-8\r\n"
#define JOIN_PART(body) T_TYPE "\r\n" body "\r\n"

static const struct {
    const char *label;
    enum gate_kind want; // in both directions
    const char *message;
} join_table[] = {
    {"vc-request", GATE_SECUREJOIN, JOIN("vc-request") JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"vg-request", GATE_SECUREJOIN, JOIN("vg-request") JOIN_PART("Secure-Join: vg-request") CLOSE},
    {"one of each", GATE_SECUREJOIN, JOIN("vg-request") JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"as clients write it", GATE_SECUREJOIN,
     JOIN("vc-request") "\r\n" JOIN_PART("Secure-Join: vc-request\r\n\r\n") CLOSE "\r\n\r\n"},
    {"header name and body in other letters", GATE_SECUREJOIN,
     JOIN_HEADER("SECURE-JOIN") "vc-request\r\n" JOIN_TYPE JOIN_PART(" \r\nSECURE-join: VC-Request \t") CLOSE},
    {"another multipart", GATE_SECUREJOIN,
     JOIN_HEADER("Secure-Join") "vc-request\r\nContent-Type: multipart/alternative; boundary=B\r\n\r\n" JOIN_PART(
         "Secure-Join: vc-request") CLOSE},
    {"part without a type is text", GATE_SECUREJOIN, JOIN("vc-request") "--B\r\n\r\nSecure-Join: vc-request\r\n" CLOSE},
    {"quoted-printable", GATE_SECUREJOIN,
     JOIN("vc-request") T_TYPE
     "Content-Transfer-Encoding: quoted-printable\r\n\r\nSecure-Join:=20vc-req=\r\nuest\r\n" CLOSE},
    {"base64", GATE_SECUREJOIN,
     JOIN("vc-request") T_TYPE "Content-Transfer-Encoding: base64\r\n\r\nU2VjdXJlLUpvaW46IHZjLXJlcXVlc3Q=\r\n" CLOSE},
    {"another step", GATE_CLEAR, JOIN("vc-auth-required") JOIN_PART("Secure-Join: vc-auth-required") CLOSE},
    {"header value in other letters", GATE_CLEAR, JOIN("VC-Request") JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"header value goes on", GATE_CLEAR, JOIN("vc-request x") JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"header value is folded", GATE_CLEAR, JOIN("vc-request\r\n x") JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"first header is another", GATE_CLEAR,
     "Secure-Join: x\r\n" JOIN("vc-request") JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"no header", GATE_CLEAR, FROM JOIN_TYPE JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"header in the part", GATE_CLEAR,
     FROM JOIN_TYPE "--B\r\nSecure-Join: vc-request\r\n\r\nSecure-Join: vc-request\r\n" CLOSE},
    {"fake: another body", GATE_CLEAR, JOIN("vc-request") JOIN_PART("Hello!") CLOSE},
    {"fake: body goes on", GATE_CLEAR, JOIN("vc-request") JOIN_PART("Secure-Join: vc-request\r\nHello!") CLOSE},
    {"fake: body begins before", GATE_CLEAR, JOIN("vc-request") JOIN_PART("Hello!\r\nSecure-Join: vc-request") CLOSE},
    {"fake: empty body", GATE_CLEAR, JOIN("vc-request") JOIN_PART("") CLOSE},
    {"fake: two parts", GATE_CLEAR, JOIN("vc-request") JOIN_PART("Secure-Join: vc-request") JOIN_PART("Hello!") CLOSE},
    {"fake: no part", GATE_CLEAR, JOIN("vc-request") CLOSE},
    {"fake: preamble", GATE_CLEAR, JOIN("vc-request") "Hello!\r\n" JOIN_PART("Secure-Join: vc-request") CLOSE},
    {"fake: epilogue", GATE_CLEAR, JOIN("vc-request") JOIN_PART("Secure-Join: vc-request") CLOSE "Hello!\r\n"},
    {"fake: html", GATE_CLEAR,
     JOIN("vc-request") "--B\r\nContent-Type: text/html\r\n\r\nSecure-Join: vc-request\r\n" CLOSE},
    {"fake: nested", GATE_CLEAR,
     JOIN("vc-request") "--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\n\r\nSecure-Join: vc-request\r\n"
                        "--C--\r\n" CLOSE},
    {"fake: not multipart", GATE_CLEAR, JOIN_HEADER("Secure-Join") "vc-request\r\n\r\nSecure-Join: vc-request\r\n"},
    {"not closed", GATE_CLEAR, JOIN("vc-request") JOIN_PART("Secure-Join: vc-request")},
    {"unknown encoding", GATE_CLEAR,
     JOIN("vc-request") T_TYPE "Content-Transfer-Encoding: x\r\n\r\nSecure-Join: vc-request\r\n" CLOSE},
};

static void test_securejoin(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(join_table); i++) {
        struct slice in = slice_from_cstr(join_table[i].message);
        check(join_table[i].label, GATE_SUBMISSION, in, join_table[i].want);
        check(join_table[i].label, GATE_INBOUND, in, join_table[i].want);
    }
}

#define REPORT_TYPE(kind) "Content-Type: multipart/report; report-type=" kind "; boundary=\"B/1\"\r\n\r\n"
#define REPORT_BODY(type)                                                                                              \
    "--B/1\r\nContent-Type: text/plain\r\n\r\nWhat happened.\r\n--B/1\r\nContent-Type: message/" type "\r\n\r\n"       \
    "Final-Recipient: rfc822; gone@example.org\r\n\r\n--B/1--\r\n"
#define REPORT REPORT_TYPE("delivery-status") REPORT_BODY("delivery-status")
#define DAEMON "From: Mail Delivery System <MAILER-DAEMON@example.org>\r\n"
#define AUTO "Auto-Submitted: auto-replied \r\n"
#define SETUP(subject) "From: <one@example.org>\r\nSubject: " subject "\r\n"
#define SETUP_BODY                                                                                                     \
    "Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\nContent-Type: text/plain\r\n\r\nHow to use "              \
    "it.\r\n--B\r\n"                                                                                                   \
    "Content-Type: application/autocrypt-setup\r\n\r\n<html></html>\r\n--B--\r\n"

static const struct {
    const char *label;
    enum gate_kind submitted, inbound;
    const char *message;
} other_table[] = {
    {"mailer-daemon", GATE_CLEAR, GATE_MAILER_DAEMON, DAEMON AUTO REPORT},
    {"mailer-daemon, small letters, other domain", GATE_CLEAR, GATE_MAILER_DAEMON,
     "From: mailer-daemon@[192.0.2.1]\r\n" AUTO REPORT},
    {"mailer-daemon, cut short", GATE_CLEAR, GATE_MAILER_DAEMON,
     DAEMON AUTO REPORT_TYPE("delivery-status") "--B/1\r\n\r\nWhat"},
    {"mailer-daemon without Auto-Submitted", GATE_CLEAR, GATE_CLEAR, DAEMON REPORT},
    {"mailer-daemon with empty Auto-Submitted", GATE_CLEAR, GATE_CLEAR, DAEMON "Auto-Submitted: \r\n" REPORT},
    {"mailer-daemon by name only", GATE_CLEAR, GATE_CLEAR,
     "From: \"mailer-daemon@example.org\" <one@example.org>\r\n" AUTO REPORT},
    {"mailer-daemon with a detail", GATE_CLEAR, GATE_CLEAR, "From: <mailer-daemon+x@example.org>\r\n" AUTO REPORT},
    {"second From is mailer-daemon", GATE_CLEAR, GATE_CLEAR, "From: <one@example.org>\r\n" DAEMON AUTO REPORT},
    {"mailer-daemon, no report", GATE_CLEAR, GATE_CLEAR, DAEMON AUTO "\r\nSorry.\r\n"},
    {"mailer-daemon, mixed", GATE_CLEAR, GATE_CLEAR, DAEMON AUTO SETUP_BODY},
    {"read receipt", GATE_CLEAR, GATE_CLEAR,
     FROM AUTO REPORT_TYPE("disposition-notification") REPORT_BODY("disposition-notification")},
    {"setup message", GATE_SETUP_MESSAGE, GATE_SETUP_MESSAGE, SETUP("Autocrypt Setup Message") SETUP_BODY},
    {"setup message, other letters", GATE_CLEAR, GATE_CLEAR, SETUP("Autocrypt setup message") SETUP_BODY},
    {"setup message, subject goes on", GATE_CLEAR, GATE_CLEAR, SETUP("Autocrypt Setup Message!") SETUP_BODY},
    {"setup message, two subjects", GATE_CLEAR, GATE_CLEAR,
     "Subject: x\r\n" SETUP("Autocrypt Setup Message") SETUP_BODY},
    {"setup message, not mixed", GATE_CLEAR, GATE_CLEAR, SETUP("Autocrypt Setup Message") "\r\nHello!\r\n"},
    {"setup message, report", GATE_CLEAR, GATE_CLEAR, SETUP("Autocrypt Setup Message") REPORT},
    {"plain", GATE_CLEAR, GATE_CLEAR, FROM "Content-Type: text/plain; charset=utf-8\r\n\r\nHi!\r\n"},
    {"plain without a type", GATE_CLEAR, GATE_CLEAR, FROM "\r\nHi!\r\n"},
    {"plain with armor in its text", GATE_CLEAR, GATE_CLEAR, FROM "\r\n" ARMOR},
    {"plain with a whole encrypted message in its text", GATE_CLEAR, GATE_CLEAR, FROM "\r\n" TYPE VERSION DATA CLOSE},
    {"forwarded encrypted message", GATE_CLEAR, GATE_CLEAR,
     FROM "Content-Type: message/rfc822\r\n\r\n" TYPE VERSION DATA CLOSE},
    {"header alone", GATE_CLEAR, GATE_CLEAR, FROM},
    {"nothing", GATE_CLEAR, GATE_CLEAR, ""},
    {"binary", GATE_MALFORMED, GATE_MALFORMED, "\x89PNG\r\n\x1a\n"},
};

static void test_others(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(other_table); i++) {
        struct slice in = slice_from_cstr(other_table[i].message);
        check(other_table[i].label, GATE_SUBMISSION, in, other_table[i].submitted);
        check(other_table[i].label, GATE_INBOUND, in, other_table[i].inbound);
    }
}

// Messages as large as real ones, in every packet form.
static void test_samples(void **state) {
    (void)state;
    static const size_t sizes[] = {40, 1500, 9000, 100000};
    struct buf packets, armor, message;
    buf_init(&packets, 1 << 20);
    buf_init(&armor, 1 << 20);
    buf_init(&message, 1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (enum sample_form form = SAMPLE_NEW_SHORTEST; form <= SAMPLE_NEW_PARTIAL; form++) {
            for (int keys = 0; keys < 5; keys++)
                sample_packet(&packets, keys % 2 == 0 ? SAMPLE_PKESK : SAMPLE_SKESK, SAMPLE_NEW_SHORTEST, 94);
            sample_packet(&packets, SAMPLE_SEIPD, form, sizes[i]);
            sample_armor(&armor, buf_slice(&packets), &(struct sample_armor){.checksum = i % 2 == 0});
            sample_message(&message, buf_slice(&armor));
            check("sample", GATE_SUBMISSION, buf_slice(&message), GATE_ENCRYPTED);
            check("sample", GATE_INBOUND, buf_slice(&message), GATE_ENCRYPTED);
            buf_truncate(&packets, 0);
            buf_truncate(&armor, 0);
            buf_truncate(&message, 0);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_securejoin),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
