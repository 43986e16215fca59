// SPDX-License-Identifier: MIT
// The syntax of SMTP as a server reads it (RFC 5321 4.1, RFC 1870, RFC 3030): lines, commands, paths, parameters. Pure:
// slices in, slices out; nothing is copied.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

enum {
    SMTP_LINE_MAX = 4096,           // octets of a command without its CRLF
    SMTP_AUTH_LINE_MAX = 12 * 1024, // the same within AUTH (RFC 4954 4: 12288 octets of base64)
};

// Takes one line off the front of `in`. Only CRLF ends a line: peers that disagree about line ends are how commands are
// smuggled.
enum smtp_line {
    SMTP_LINE_OK,       // *ret_line without CRLF
    SMTP_LINE_MORE,     // not complete yet; nothing is consumed
    SMTP_LINE_TOO_LONG, // all of `in` is consumed, or up to its LF; then *ret_ended is set, else the rest is still to
                        // come
    SMTP_LINE_BARE_LF,  // consumed
    SMTP_LINE_BAD,      // NUL, CR or another control octet inside; consumed
};
enum smtp_line smtp_line_take(struct slice in, size_t max, struct slice *ret_line, size_t *ret_used, bool *ret_ended);

// "VERB argument": the argument without blanks around it.
struct smtp_command {
    struct slice verb, argument;
};
// False when there is no verb (letters and digits, then a blank or the end).
MUST_USE bool smtp_command_parse(struct slice line, struct smtp_command *ret);

// "FROM:<a@b> KEY=VALUE ..." with keyword FROM: the address between the angle brackets, empty for "<>", without a
// source route (RFC 5321 4.1.1.3 lets us ignore it), not examined further; and the parameters. False when the form is
// wrong.
MUST_USE bool smtp_path_parse(struct slice argument, struct slice keyword, struct slice *ret_address,
                              struct slice *ret_params);

// Takes the next "KEY" or "KEY=VALUE" off the front of *params.
enum smtp_param { SMTP_PARAM_OK, SMTP_PARAM_END, SMTP_PARAM_BAD };
enum smtp_param smtp_param_next(struct slice *params, struct slice *ret_key, struct slice *ret_value);

// "1000" or "1000 LAST" (RFC 3030 2).
MUST_USE bool smtp_chunk_parse(struct slice argument, uint64_t *ret_size, bool *ret_last);

// The argument of EHLO or HELO: any name that could be one; clients say "[127.0.0.1]" and worse.
bool smtp_is_plausible_name(struct slice s);
