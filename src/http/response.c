// SPDX-License-Identifier: MIT
#include "http/response.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "http/parser.h"

static const struct {
    uint16_t status;
    const char *line;
} STATUS[] = {
    {101, "101 Switching Protocols"},
    {200, "200 OK"},
    {201, "201 Created"},
    {202, "202 Accepted"},
    {204, "204 No Content"},
    {206, "206 Partial Content"},
    {301, "301 Moved Permanently"},
    {302, "302 Found"},
    {303, "303 See Other"},
    {304, "304 Not Modified"},
    {307, "307 Temporary Redirect"},
    {308, "308 Permanent Redirect"},
    {400, "400 Bad Request"},
    {401, "401 Unauthorized"},
    {403, "403 Forbidden"},
    {404, "404 Not Found"},
    {405, "405 Method Not Allowed"},
    {406, "406 Not Acceptable"},
    {408, "408 Request Timeout"},
    {409, "409 Conflict"},
    {410, "410 Gone"},
    {411, "411 Length Required"},
    {412, "412 Precondition Failed"},
    {413, "413 Content Too Large"},
    {414, "414 URI Too Long"},
    {415, "415 Unsupported Media Type"},
    {417, "417 Expectation Failed"},
    {421, "421 Misdirected Request"},
    {422, "422 Unprocessable Content"},
    {426, "426 Upgrade Required"},
    {429, "429 Too Many Requests"},
    {431, "431 Request Header Fields Too Large"},
    {500, "500 Internal Server Error"},
    {501, "501 Not Implemented"},
    {502, "502 Bad Gateway"},
    {503, "503 Service Unavailable"},
    {504, "504 Gateway Timeout"},
    {505, "505 HTTP Version Not Supported"},
    {507, "507 Insufficient Storage"},
};

const char *http_status_line(uint16_t status) {
    for (size_t i = 0; i < ARRAY_LEN(STATUS); i++) {
        if (STATUS[i].status == status)
            return STATUS[i].line;
    }
    static _Thread_local char bare[8];
    (void)snprintf(bare, sizeof(bare), "%u ", status);
    return bare;
}

struct slice http_date_now(void) {
    static const char DAYS[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char MONTHS[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static _Thread_local char text[64];
    static _Thread_local int64_t of = INT64_MIN;
    static _Thread_local size_t len;
    int64_t now = clock_wall_s();
    if (now != of) {
        struct tm t;
        time_t seconds = (time_t)now;
        ASSERT(gmtime_r(&seconds, &t) != NULL);
        len = (size_t)snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", DAYS[t.tm_wday], t.tm_mday,
                               MONTHS[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
        of = now;
    }
    return slice_make(text, len);
}

bool http_status_has_body(uint16_t status) {
    return status >= 200 && status != 204 && status != 304;
}

bool http_fields_are_safe(const struct http_field *fields, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!http_is_token(fields[i].name) || !http_is_field_value(fields[i].value))
            return false;
    }
    return true;
}

static void write_field(struct conn *c, struct slice name, struct slice value) {
    conn_write_slice(c, name);
    conn_write(c, ": ", 2);
    conn_write_slice(c, value);
    conn_write(c, "\r\n", 2);
}

static const char *const class_values[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
static struct metric_counter answers = METRIC_COUNTER_BY(
    "martlet_http_answers", "Answers of the web server, by class of their status", "class", class_values);

void http_metrics_register(void) {
    static struct metric *const all[] = {&answers.metric};
    metrics_register(all, ARRAY_LEN(all));
}

void http_write_head(struct conn *c, const struct http_server *server, const struct http_response *r, bool close) {
    metric_count(&answers, r->status / 100U - 1);
    conn_write_slice(c, SLICE("HTTP/1.1 "));
    conn_write_cstr(c, http_status_line(r->status));
    conn_write(c, "\r\n", 2);
    if (r->status >= 200)
        write_field(c, SLICE("Date"), http_date_now());
    if (r->status >= 200 && server->name != NULL)
        write_field(c, SLICE("Server"), slice_from_cstr(server->name));
    if (r->content_type != NULL)
        write_field(c, SLICE("Content-Type"), slice_from_cstr(r->content_type));
    if (http_status_has_body(r->status)) {
        char digits[24];
        int n = snprintf(digits, sizeof(digits), "%zu", r->body.len);
        write_field(c, SLICE("Content-Length"), slice_make(digits, (size_t)n));
    }
    for (size_t i = 0; i < r->n_fields; i++)
        write_field(c, r->fields[i].name, r->fields[i].value);
    if (close)
        write_field(c, SLICE("Connection"), SLICE("close"));
    conn_write(c, "\r\n", 2);
}

void http_write_refusal(struct conn *c, const struct http_server *server, uint16_t status, const char *text,
                        const struct http_field *fields, size_t n_fields) {
    char body[256];
    int n = snprintf(body, sizeof(body), "%s\n", text);
    ASSERT(n > 0 && (size_t)n < sizeof(body));
    struct http_response r = {
        .status = status,
        .content_type = "text/plain; charset=utf-8",
        .body = slice_make(body, (size_t)n),
        .fields = fields,
        .n_fields = n_fields,
    };
    http_write_head(c, server, &r, true);
    conn_write_slice(c, r.body);
}
