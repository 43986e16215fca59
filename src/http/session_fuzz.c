// SPDX-License-Identifier: MIT
// A whole session against a handler that uses every feature, fed in any pieces, with the world's other events between
// them. Whatever comes in: what goes out is a row of well-formed responses, never more than the requests that the
// handler saw and one refusal, and every exchange ends once.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/fixture.h"
#include "http/session.h"
#include "net/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t body_length(struct slice head) {
    size_t at = slice_find_slice(head, SLICE("\r\nContent-Length: "));
    if (at == head.len)
        return 0;
    struct slice value = slice_sub(head, at + strlen("\r\nContent-Length: "), head.len);
    uint64_t n;
    ASSERT(slice_to_u64(slice_sub(value, 0, slice_find(value, '\r')), &n));
    return n;
}

// Octets of the response at the front, 0 when it is not complete. Responses to HEAD say their length and have no body:
// then the next response, or nothing, stands where the body would.
static size_t response_len(struct slice out, bool *ret_is_final, bool *ret_is_upgrade) {
    size_t end = slice_find_slice(out, SLICE("\r\n\r\n"));
    if (end == out.len)
        return 0;
    ASSERT(slice_starts_with(out, SLICE("HTTP/1.1 ")));
    struct slice head = slice_sub(out, 0, end + 2);
    uint32_t status = 0;
    ASSERT(slice_to_u32(slice_sub(head, 9, 12), &status) && status >= 100 && status < 600);
    ASSERT(slice_find_slice(head, SLICE("Set-Cookie")) == head.len);
    *ret_is_final = status >= 200;
    *ret_is_upgrade = status == 101;
    uint64_t n = body_length(head);
    struct slice rest = slice_sub(out, end + 4, out.len);
    if (rest.len < n || slice_starts_with(rest, SLICE("HTTP/1.1 ")))
        n = 0;
    return end + 4 + (size_t)n;
}

static void check_output(struct fixture *f, bool has_head_method, bool has_options) {
    struct slice out = conn_memory_output(f->c);
    int n_final = 0;
    bool is_upgrade = false;
    while (out.len > 0 && !is_upgrade) {
        bool is_final = false;
        size_t len = response_len(out, &is_final, &is_upgrade);
        if (len == 0)
            break;
        n_final += is_final || is_upgrade;
        out = slice_sub(out, len, out.len);
        if (has_head_method && !slice_starts_with(out, SLICE("HTTP/1.1 ")))
            break; // the reader above cannot tell bodies from none any more
    }
    ASSERT(has_options || n_final <= f->requests + 1);
}

static size_t step(struct fixture *f, const uint8_t *data, size_t size) {
    size_t n = data[0] & 0x3fu;
    if (data[0] < 0xc0) {
        n = n + 1 < size ? n + 1 : size - 1;
        conn_memory_feed(f->c, (const char *)data + 1, n);
        if (data[0] < 0x80)
            loop_run_ready(f->loop);
        return 1 + n;
    }
    if (n < 16)
        fixture_answer(f);
    else if (n < 32)
        fixture_resume(f);
    else if (n == 32)
        conn_memory_timeout(f->c);
    else if (n == 33)
        conn_shutdown_all(f->loop);
    else if (n == 34)
        conn_memory_feed_eof(f->c);
    else if (n == 35)
        conn_abort(f->c);
    else if (n == 36)
        clock_set_fake(clock_mono_us() + 7 * 1000 * 1000, clock_wall_s());
    else
        loop_run_ready(f->loop);
    return 1;
}

// No octet of a body becomes a request: a body of chosen octets is put between two requests, and only these are seen.
static void check_hidden(const uint8_t *data, size_t size, const char *path, bool chunked) {
    if (size == 0 || size > 900)
        return;
    struct fixture f;
    fixture_init(&f);
    char head[200];
    int n = chunked ? snprintf(head, sizeof(head),
                               "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", path, size)
                    : snprintf(head, sizeof(head), "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", path,
                               size);
    fixture_feed(&f, head, (size_t)n);
    for (size_t at = 0; at < size;) {
        size_t piece = data[at] % 50 + 1u;
        piece = piece < size - at ? piece : size - at;
        fixture_feed(&f, (const char *)data + at, piece);
        fixture_resume(&f);
        at += piece;
    }
    if (chunked)
        fixture_feed(&f, "\r\n0\r\n\r\n", 7);
    fixture_resume(&f);
    ASSERT(f.requests == 1 && f.x == NULL);
    static const char NEXT[] = "GET /small HTTP/1.1\r\nHost: a\r\n\r\n";
    fixture_feed(&f, NEXT, sizeof(NEXT) - 1);
    ASSERT(f.requests == 2 && slice_ends_with(conn_memory_output(f.c), SLICE("small")));
    fixture_done(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const PATHS[] = {"/echo", "/slow-echo", "/early", "/unread"};
    clock_set_fake(1000 * 1000, 784111777);
    bool has_head_method = memmem(data, size, "HEAD", 4) != NULL;
    bool has_options = memmem(data, size, "OPTIONS", 7) != NULL; // answered without the handler
    if (size > 0)
        check_hidden(data, size, PATHS[data[0] % 4], (data[0] & 4) != 0);
    struct fixture f;
    fixture_init(&f);
    while (size > 0) {
        size_t n = step(&f, data, size);
        data += n;
        size -= n;
    }
    loop_run_ready(f.loop);
    check_output(&f, has_head_method, has_options);
    fixture_done(&f);
    ASSERT(f.x == NULL);
    return 0;
}
