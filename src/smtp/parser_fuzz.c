// SPDX-License-Identifier: MIT
// The command syntax on any octets: every slice that comes out must lie within what went in.
#include "smtp/parser.h"

#include "base/panic.h"
#include "smtp/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(struct slice outer, struct slice inner) {
    ASSERT(inner.len == 0 || (inner.ptr >= outer.ptr && inner.ptr + inner.len <= outer.ptr + outer.len));
}

static void check_path(struct slice argument, struct slice keyword) {
    struct slice address, params, key, value;
    if (!smtp_path_parse(argument, keyword, &address, &params))
        return;
    check_within(argument, address);
    check_within(argument, params);
    while (smtp_param_next(&params, &key, &value) == SMTP_PARAM_OK) {
        check_within(argument, key);
        check_within(argument, value);
        ASSERT(key.len > 0);
    }
}

static void check_command(struct slice line) {
    struct smtp_command c;
    if (!smtp_command_parse(line, &c))
        return;
    check_within(line, c.verb);
    check_within(line, c.argument);
    check_path(c.argument, SLICE("FROM"));
    check_path(c.argument, SLICE("TO"));
    uint64_t n;
    bool last;
    if (smtp_chunk_parse(c.argument, &n, &last))
        ASSERT(ascii_is_digit(c.argument.ptr[0]));
    (void)smtp_is_plausible_name(c.argument);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_make((const char *)data, size);
    struct sasl_plain p;
    if (sasl_plain_parse(in, &p)) {
        check_within(in, p.user);
        check_within(in, p.password);
    }
    while (in.len > 0) {
        struct slice line;
        size_t used = 0;
        bool ended = false;
        enum smtp_line r = smtp_line_take(in, SMTP_LINE_MAX, &line, &used, &ended);
        ASSERT(used <= in.len && (used == 0) == (r == SMTP_LINE_MORE));
        if (r == SMTP_LINE_MORE)
            break;
        if (r == SMTP_LINE_OK)
            check_command(line);
        in = slice_sub(in, used, in.len);
    }
    return 0;
}
