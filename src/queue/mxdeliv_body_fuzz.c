// SPDX-License-Identifier: MIT
// Any letter, read in any pieces, taken in any pieces, sent again in the middle: the body has the length that was said,
// is the same each time, and undoing the dots gives the letter, with a line end at its end.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "queue/fake_letter.h"
#include "queue/mxdeliv_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
    struct loop *loop;
    struct fake_letter letter;
    struct mxdeliv_body body;
    bool measured;
};

static void on_measured(void *arg, bool ok) {
    struct world *w = arg;
    ASSERT(ok && !w->measured);
    w->measured = true;
}

static void on_more(void *arg) {}

// Takes `len` octets of the body.
static void take(struct world *w, char *ret, size_t len, size_t piece) {
    for (size_t at = 0; at < len;) {
        size_t n = 0, max = piece < len - at ? piece : len - at;
        switch (mxdeliv_body_next(&w->body, ret + at, max, &n)) {
        case HTTP_BODY_MORE:
            ASSERT(n > 0 && n <= max);
            at += n;
            break;
        case HTTP_BODY_WAIT:
            loop_run_ready(w->loop);
            break;
        case HTTP_BODY_FAILED:
            ASSERT(false);
        }
    }
}

// Lines are those that end in LF; a dot that begins one is doubled, nothing else is changed.
static void check_stuffed(struct slice got, struct slice text) {
    bool in_line = false;
    for (size_t i = 0; i < text.len; i++) {
        if (!in_line && text.ptr[i] == '.') {
            ASSERT(got.len > 0 && got.ptr[0] == '.');
            got = slice_sub(got, 1, got.len);
        }
        ASSERT(got.len > 0 && got.ptr[0] == text.ptr[i]);
        got = slice_sub(got, 1, got.len);
        in_line = text.ptr[i] != '\n';
    }
    ASSERT(slice_eq(got, slice_ends_with(text, SLICE("\r\n")) ? SLICE_EMPTY : SLICE("\r\n")));
}

// The letter is the input, `times` times: so that it is not always small enough to be kept.
static char *make_text(const uint8_t *data, size_t size, size_t times) {
    char *text = mem_alloc(size * times);
    for (size_t i = 0; i < times; i++)
        memcpy(text + i * size, data, size);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4 || size > 4096)
        return 0;
    size_t times = (data[0] & 3) == 0 ? 100000 / size + 1 : 1;
    char *letter = make_text(data + 3, size - 3, times);
    struct slice text = slice_make(letter, (size - 3) * times);
    struct world *w = MEM_NEW(struct world);
    w->loop = loop_new();
    fake_letter_init(&w->letter, w->loop, text, 1);
    w->letter.piece = text.len > 5000 ? data[1] * 50u : data[1];
    mxdeliv_body_start(&w->body, &w->letter.letter, on_measured, on_more, w);
    while (!w->measured)
        loop_run_ready(w->loop);
    size_t len = (size_t)w->body.len, piece = text.len > 5000 ? 1000 + data[2] * 50u : 1u + data[2];
    char *got = mem_alloc(len);
    take(w, got, len * (data[0] >> 2) / 64, piece); // some of it, then from the start
    mxdeliv_body_rewind(&w->body);
    memset(got, 0, len);
    take(w, got, len, piece);
    check_stuffed(slice_make(got, len), text);
    mxdeliv_body_stop(&w->body);
    fake_letter_done(&w->letter);
    loop_run_ready(w->loop);
    loop_free(w->loop);
    free(got);
    free(w);
    free(letter);
    return 0;
}
