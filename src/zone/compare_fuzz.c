// SPDX-License-Identifier: MIT
// Whatever a name server says about a record: judged and shown without a bound broken. The first octet picks the record
// wanted; the rest is rdata, each with its length in an octet before it.
#include "zone/compare.h"

#include <string.h>

#include "zone/fixture.h"

enum { RECORDS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fixture f;
    if (f.zone.n == 0)
        fixture_init(&f, "192.0.2.1");
    if (size == 0)
        return 0;
    const struct zone_record *r = &f.zone.records[data[0] % f.zone.n];
    struct slice records[RECORDS_MAX];
    struct dns_answer a = {.status = DNS_NODATA, .name = r->owner, .records = records};
    for (size_t at = 1; at < size && a.n_records < RECORDS_MAX;) {
        size_t len = data[at++];
        len = len < size - at ? len : size - at;
        records[a.n_records++] = slice_make((const char *)data + at, len);
        a.status = DNS_OK;
        at += len;
    }
    struct zone_finding finding;
    zone_compare(&f.zone, r, &(struct zone_seen){.answer = &a, .answer_6 = &a}, &finding);
    ASSERT(memchr(finding.found, '\0', sizeof(finding.found)) != NULL);
    for (const char *c = finding.found; *c != '\0'; c++)
        ASSERT(*c >= ' ' && *c <= '~');
    return 0;
}
