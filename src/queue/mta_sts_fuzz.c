// SPDX-License-Identifier: MIT
// Records and policies of MTA-STS in any octets: what is accepted holds what it promises, and a policy that is written
// out from what was understood is understood in the same way.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "queue/mta_sts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(struct slice in) {
    struct slice id;
    if (!mta_sts_record_parse(in, &id))
        return;
    ASSERT(mta_sts_is_record(in) && id.len > 0 && id.len <= STORE_STS_ID_MAX && id.ptr >= in.ptr &&
           id.ptr + id.len <= in.ptr + in.len);
    for (size_t i = 0; i < id.len; i++)
        ASSERT(ascii_is_alnum(id.ptr[i]));
}

static void check_mx(const struct mta_sts_policy *p) {
    struct slice rest = slice_make(p->mx, p->mx_len), pattern;
    ASSERT(p->mx_len <= sizeof(p->mx) && (rest.len == 0 || rest.ptr[rest.len - 1] == '\n'));
    while (rest.len > 0) {
        (void)slice_cut(rest, '\n', &pattern, &rest);
        ASSERT(pattern.len > 0 && pattern.len <= 255);
        char host[300];
        bool wild = pattern.ptr[0] == '*';
        (void)snprintf(host, sizeof(host), "%s%.*s", wild ? "x" : "", SLICE_FMT(slice_sub(pattern, wild, pattern.len)));
        ASSERT(mta_sts_allows(slice_make(p->mx, p->mx_len), slice_from_cstr(host)));
    }
}

static void check_again(const struct mta_sts_policy *p) {
    static const char *const modes[] = {"none", "testing", "enforce"};
    struct buf text;
    buf_init(&text, 4 * MTA_STS_POLICY_MAX);
    ASSERT(buf_printf(&text, "version: STSv1\nmode: %s\nmax_age: %u\n", modes[p->mode], p->max_age));
    struct slice rest = slice_make(p->mx, p->mx_len), pattern;
    while (rest.len > 0) {
        (void)slice_cut(rest, '\n', &pattern, &rest);
        ASSERT(buf_printf(&text, "mx: %.*s\n", SLICE_FMT(pattern)));
    }
    struct mta_sts_policy *q = MEM_NEW(struct mta_sts_policy);
    if (buf_slice(&text).len <= MTA_STS_POLICY_MAX)
        ASSERT(mta_sts_policy_parse(buf_slice(&text), q) && q->mode == p->mode && q->max_age == p->max_age &&
               q->mx_len == p->mx_len && memcmp(q->mx, p->mx, p->mx_len) == 0);
    free(q);
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_make((const char *)data, size);
    check_record(in);
    struct mta_sts_policy *p = MEM_NEW(struct mta_sts_policy);
    if (mta_sts_policy_parse(in, p)) {
        ASSERT(p->max_age <= STORE_STS_MAX_AGE_MAX && p->mode <= STORE_STS_ENFORCE);
        check_mx(p);
        check_again(p);
    }
    free(p);
    return 0;
}
