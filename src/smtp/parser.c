// SPDX-License-Identifier: MIT
#include "smtp/parser.h"

enum { NAME_MAX_OCTETS = 255 };

static bool has_control(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

enum smtp_line smtp_line_take(struct slice in, size_t max, struct slice *ret_line, size_t *ret_used, bool *ret_ended) {
    size_t lf = slice_find(in, '\n');
    *ret_ended = lf < in.len;
    if (!*ret_ended) {
        // One octet more than the maximum may be the CR of the line end.
        bool too_long = in.len > max + 1;
        *ret_used = too_long ? in.len : 0;
        return too_long ? SMTP_LINE_TOO_LONG : SMTP_LINE_MORE;
    }
    *ret_used = lf + 1;
    bool has_cr = lf > 0 && in.ptr[lf - 1] == '\r';
    struct slice line = slice_sub(in, 0, has_cr ? lf - 1 : lf);
    if (line.len > max)
        return SMTP_LINE_TOO_LONG;
    if (!has_cr)
        return SMTP_LINE_BARE_LF;
    if (has_control(line))
        return SMTP_LINE_BAD;
    *ret_line = line;
    return SMTP_LINE_OK;
}

bool smtp_command_parse(struct slice line, struct smtp_command *ret) {
    size_t n = 0;
    while (n < line.len && ascii_is_alnum(line.ptr[n]))
        n++;
    if (n == 0 || (n < line.len && line.ptr[n] != ' ' && line.ptr[n] != '\t'))
        return false;
    *ret = (struct smtp_command){slice_sub(line, 0, n), slice_trim(slice_sub(line, n, line.len))};
    return true;
}

// The offset of the ">" that closes the path, or s.len: one within a quoted local part does not count.
static size_t find_path_end(struct slice s) {
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (c == '>' && !quoted)
            return i;
    }
    return s.len;
}

// "@a.example,@b.example:user@c.example": the route is dropped.
static struct slice without_route(struct slice path) {
    if (path.len == 0 || path.ptr[0] != '@')
        return path;
    size_t colon = slice_find(path, ':');
    return colon < path.len ? slice_sub(path, colon + 1, path.len) : path;
}

bool smtp_path_parse(struct slice argument, struct slice keyword, struct slice *ret_address, struct slice *ret_params) {
    if (!slice_starts_with_ci(argument, keyword))
        return false;
    struct slice s = slice_sub(argument, keyword.len, argument.len);
    if (s.len == 0 || s.ptr[0] != ':')
        return false;
    s = slice_trim(slice_sub(s, 1, s.len)); // some clients put a blank after the colon
    if (s.len == 0 || s.ptr[0] != '<')
        return false;
    s = slice_sub(s, 1, s.len);
    size_t end = find_path_end(s);
    if (end == s.len)
        return false;
    struct slice after = slice_sub(s, end + 1, s.len);
    if (after.len > 0 && after.ptr[0] != ' ' && after.ptr[0] != '\t')
        return false;
    *ret_address = without_route(slice_sub(s, 0, end));
    *ret_params = after;
    return true;
}

enum smtp_param smtp_param_next(struct slice *params, struct slice *ret_key, struct slice *ret_value) {
    struct slice word = slice_next_word(params);
    if (word.len == 0)
        return SMTP_PARAM_END;
    struct slice key, value;
    bool has_value = slice_cut(word, '=', &key, &value);
    if (key.len == 0 || !ascii_is_alnum(key.ptr[0]) || (has_value && value.len == 0))
        return SMTP_PARAM_BAD;
    for (size_t i = 1; i < key.len; i++)
        if (!ascii_is_alnum(key.ptr[i]) && key.ptr[i] != '-')
            return SMTP_PARAM_BAD;
    *ret_key = key;
    *ret_value = value;
    return SMTP_PARAM_OK;
}

bool smtp_chunk_parse(struct slice argument, uint64_t *ret_size, bool *ret_last) {
    struct slice rest = argument;
    uint64_t size;
    if (!slice_to_u64(slice_next_word(&rest), &size))
        return false;
    struct slice mark = slice_next_word(&rest);
    if (mark.len > 0 && !slice_eq_ci(mark, SLICE("LAST")))
        return false;
    if (slice_trim(rest).len > 0)
        return false;
    *ret_size = size;
    *ret_last = mark.len > 0;
    return true;
}

bool smtp_is_plausible_name(struct slice s) {
    if (s.len == 0 || s.len > NAME_MAX_OCTETS)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == ' ' || s.ptr[i] == '\t')
            return false;
    return true;
}
