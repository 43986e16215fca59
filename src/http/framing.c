// SPDX-License-Identifier: MIT
#include "http/framing.h"

static bool refuse(struct http_refusal *ret_why, uint16_t status, const char *text) {
    *ret_why = (struct http_refusal){status, text};
    return false;
}

// RFC 9110 section 8.6: digits, once. A list of equal values would be allowed to pass; nobody has to send one.
static bool content_length(struct http_head *head, struct slice value, struct http_refusal *ret_why) {
    if (head->request.has_length)
        return refuse(ret_why, 400, "There is more than one Content-Length.");
    head->request.has_length = true;
    if (!slice_to_u64(value, &head->request.length) || head->request.length > INT64_MAX)
        return refuse(ret_why, 400, "The Content-Length is not a number.");
    return true;
}

// RFC 9112 section 6.1.
static bool transfer_encoding(struct http_head *head, struct slice value, struct http_refusal *ret_why) {
    if (head->request.is_chunked)
        return refuse(ret_why, 400, "There is more than one Transfer-Encoding.");
    if (head->is_http10)
        return refuse(ret_why, 400, "HTTP/1.0 has no Transfer-Encoding.");
    head->request.is_chunked = true;
    if (!slice_eq_ci(value, SLICE("chunked")))
        return refuse(ret_why, 501, "The only Transfer-Encoding known here is \"chunked\".");
    return true;
}

static bool expect(struct http_head *head, struct slice value, struct http_refusal *ret_why) {
    if (!slice_eq_ci(value, SLICE("100-continue")))
        return refuse(ret_why, 417, "The only expectation known here is \"100-continue\".");
    head->wants_100 = !head->is_http10;
    return true;
}

static bool connection(struct http_head *head, struct slice value, struct http_refusal *ret_why) {
    struct slice option;
    while (http_list_next(&value, &option))
        head->wants_close = head->wants_close || slice_eq_ci(option, SLICE("close"));
    return true;
}

static const struct {
    struct slice name;
    bool (*parse)(struct http_head *head, struct slice value, struct http_refusal *ret_why);
} FIELDS[] = {
    {SLICE("content-length"), content_length},
    {SLICE("transfer-encoding"), transfer_encoding},
    {SLICE("expect"), expect},
    {SLICE("connection"), connection},
};

bool http_framing_parse(struct http_head *head, struct http_refusal *ret_why) {
    for (size_t i = 0; i < head->request.n_fields; i++) {
        const struct http_field *f = &head->request.fields[i];
        for (size_t k = 0; k < ARRAY_LEN(FIELDS); k++) {
            if (slice_eq_ci(f->name, FIELDS[k].name) && !FIELDS[k].parse(head, f->value, ret_why))
                return false;
        }
    }
    if (head->request.has_length && head->request.is_chunked)
        return refuse(ret_why, 400, "There are both Content-Length and Transfer-Encoding.");
    // Without a body there is nothing to wait for with "100 Continue".
    head->wants_100 = head->wants_100 && (head->request.is_chunked || head->request.length > 0);
    return true;
}
