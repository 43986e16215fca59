// SPDX-License-Identifier: MIT
#include "http/parser.h"

#include <string.h>

#include "http/framing.h"
#include "http/target.h"

enum { REQUEST_LINE_MAX = HTTP_METHOD_MAX + 1 + HTTP_TARGET_MAX + sizeof(" HTTP/1.1") - 1 };

static const char HEAD_TOO_LARGE[] = "The fields of this request are too large.";

static bool refuse(struct http_refusal *ret_why, uint16_t status, const char *text) {
    *ret_why = (struct http_refusal){status, text};
    return false;
}

static bool is_tchar(char c) {
    return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

bool http_is_token(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!is_tchar(s.ptr[i]))
            return false;
    }
    return s.len > 0;
}

bool http_is_field_value(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

// RFC 9110 section 5.6.3: only these two are blanks within a line.
static struct slice trim_blanks(struct slice s) {
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_sub(s, 1, s.len);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

bool http_list_next(struct slice *list, struct slice *ret_element) {
    while (list->len > 0) {
        struct slice element;
        (void)slice_cut(*list, ',', &element, list);
        element = trim_blanks(element);
        if (element.len > 0) {
            *ret_element = element;
            return true;
        }
    }
    return false;
}

bool http_field_parse(struct slice line, struct http_field *ret, struct http_refusal *ret_why) {
    if (line.len > 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
        return refuse(ret_why, 400, "A field continues on a second line (obsolete folding).");
    struct slice name, value;
    if (!slice_cut(line, ':', &name, &value))
        return refuse(ret_why, 400, "A field line has no colon.");
    // A blank before the colon has led others to read another field than we do (RFC 9112 section 5.1).
    if (!http_is_token(name))
        return refuse(ret_why, 400, "A field name is empty or holds a character that it may not.");
    if (!http_is_field_value(value))
        return refuse(ret_why, 400, "A field value holds a control character.");
    *ret = (struct http_field){name, trim_blanks(value)};
    return true;
}

struct request_line {
    struct slice method, target;
    bool is_http10;
};

static bool version_parse(struct slice version, bool *ret_is_http10, struct http_refusal *ret_why) {
    if (version.len != 8 || !slice_starts_with(version, SLICE("HTTP/")) || !ascii_is_digit(version.ptr[5]) ||
        version.ptr[6] != '.' || !ascii_is_digit(version.ptr[7]))
        return refuse(ret_why, 400, "The request line does not end in a protocol version.");
    *ret_is_http10 = slice_eq(version, SLICE("HTTP/1.0"));
    if (!*ret_is_http10 && !slice_eq(version, SLICE("HTTP/1.1")))
        return refuse(ret_why, 505, "This server speaks HTTP/1.1.");
    return true;
}

// RFC 9112 section 3: exactly one space between the three.
static bool request_line_parse(struct slice line, struct request_line *ret, struct http_refusal *ret_why) {
    for (size_t i = 0; i < line.len; i++) {
        if ((unsigned char)line.ptr[i] < 0x20 || (unsigned char)line.ptr[i] >= 0x7f)
            return refuse(ret_why, 400, "The request line holds a character that it may not.");
    }
    struct slice rest, version;
    if (!slice_cut(line, ' ', &ret->method, &rest) || !slice_cut(rest, ' ', &ret->target, &version) ||
        ret->target.len == 0)
        return refuse(ret_why, 400, "The request line is not \"method target version\".");
    if (!http_is_token(ret->method))
        return refuse(ret_why, 400, "The method holds a character that it may not.");
    if (ret->method.len > HTTP_METHOD_MAX)
        return refuse(ret_why, 501, "This method is not known here.");
    if (ret->target.len > HTTP_TARGET_MAX)
        return refuse(ret_why, 414, "The address is too long.");
    return version_parse(version, &ret->is_http10, ret_why);
}

// A complete line of `len` octets without its line end; *ret_done says that it was the empty one after the fields.
static bool scan_line(struct http_scan *s, struct slice line, bool *ret_done, struct http_refusal *ret_why) {
    *ret_done = false;
    if (!s->has_request_line) {
        if (line.len == 0 && !s->skipped) {
            s->skipped = true;
            return true;
        }
        s->has_request_line = true;
        struct request_line ignored;
        return request_line_parse(line, &ignored, ret_why);
    }
    if (line.len == 0) {
        *ret_done = true;
        return true;
    }
    if (++s->n_fields > HTTP_FIELDS_MAX)
        return refuse(ret_why, 431, HEAD_TOO_LARGE);
    struct http_field ignored;
    return http_field_parse(line, &ignored, ret_why);
}

// Limits of what has arrived of a line, `len` octets with its CR.
static bool within_limits(const struct http_scan *s, size_t len, struct http_refusal *ret_why) {
    if (!s->has_request_line && len > REQUEST_LINE_MAX + 1)
        return refuse(ret_why, 414, "The request line is too long.");
    if (s->has_request_line && len > HTTP_FIELD_MAX + 1)
        return refuse(ret_why, 431, HEAD_TOO_LARGE);
    if (s->line + len > HTTP_HEAD_MAX - 1)
        return refuse(ret_why, 431, HEAD_TOO_LARGE);
    return true;
}

enum http_scan_result http_scan_head(struct http_scan *s, const char *data, size_t len, size_t *ret_len,
                                     struct http_refusal *ret_why) {
    bool done = false;
    while (!done) {
        // What cannot become a request is refused at its first octet: a TLS handshake, mostly.
        if (!s->has_request_line && len > s->line && !is_tchar(data[s->line]) && data[s->line] != '\r') {
            (void)refuse(ret_why, 400, "This is not an HTTP request.");
            return HTTP_SCAN_BAD;
        }
        const char *lf = s->seen < len ? memchr(data + s->seen, '\n', len - s->seen) : NULL;
        size_t end = lf != NULL ? (size_t)(lf - data) : len;
        if (!within_limits(s, end - s->line, ret_why))
            return HTTP_SCAN_BAD;
        if (lf == NULL) {
            s->seen = (uint32_t)len;
            return HTTP_SCAN_MORE;
        }
        struct slice line = slice_make(data + s->line, end - s->line);
        if (line.len == 0 || line.ptr[line.len - 1] != '\r') {
            (void)refuse(ret_why, 400, "A line ends in LF without CR.");
            return HTTP_SCAN_BAD;
        }
        line.len--;
        if (!scan_line(s, line, &done, ret_why))
            return HTTP_SCAN_BAD;
        s->seen = s->line = (uint32_t)(end + 1);
    }
    *ret_len = s->line;
    return HTTP_SCAN_DONE;
}

// Takes the next line, which has been found to end in CRLF.
static struct slice next_line(struct slice *text) {
    struct slice line;
    (void)slice_cut(*text, '\n', &line, text);
    line.len--;
    return line;
}

static enum http_method method_of(struct slice name) {
    if (slice_eq(name, SLICE("GET")))
        return HTTP_GET;
    if (slice_eq(name, SLICE("HEAD")))
        return HTTP_HEAD;
    return slice_eq(name, SLICE("POST")) ? HTTP_POST : HTTP_OTHER_METHOD;
}

bool http_head_parse(char *text, size_t len, struct http_field *fields, size_t n, struct http_head *ret,
                     struct http_refusal *ret_why) {
    memset(ret, 0, sizeof(*ret));
    struct slice rest = slice_make(text, len);
    struct slice first = next_line(&rest);
    if (first.len == 0)
        first = next_line(&rest);
    struct request_line line;
    if (!request_line_parse(first, &line, ret_why))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!http_field_parse(next_line(&rest), &fields[i], ret_why))
            return false;
    }
    struct http_request *r = &ret->request;
    r->method = method_of(line.method);
    r->method_name = line.method;
    r->fields = fields;
    r->n_fields = n;
    ret->is_http10 = line.is_http10;
    return http_target_parse(text + (line.target.ptr - text), line.target.len, ret, ret_why) &&
           http_framing_parse(ret, ret_why);
}
