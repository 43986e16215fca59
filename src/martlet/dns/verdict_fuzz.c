// SPDX-License-Identifier: MIT
// STATE/dns/verdict with any octets in it: what is read keeps within its bounds, is fit for a terminal, can be listed
// and aged, and says the same when it is written and read again.
#include "martlet/dns/verdict.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t size) {
    ASSERT(memchr(text, '\0', size) != NULL);
    for (; *text != '\0'; text++)
        ASSERT(*text >= ' ' && *text <= '~');
}

static void check_bounds(const struct dns_verdict *v) {
    ASSERT(v->n <= ZONE_RECORDS_MAX && v->looked_at_s >= 0 && v->tried_at_s >= 0);
    for (size_t i = 0; i < v->n; i++) {
        check_text(v->records[i].label, sizeof(v->records[i].label));
        check_text(v->records[i].name, sizeof(v->records[i].name));
        ASSERT((int)v->records[i].verdict < ZONE_N_VERDICTS && v->records[i].verdict != ZONE_RIGHT);
    }
    for (int i = 0; i < ZONE_N_VERDICTS; i++) {
        char list[DNS_LIST_SIZE];
        dns_verdict_list(v, (enum zone_verdict)i, list);
        check_text(list, sizeof(list));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct dns_verdict v, again;
    if (!dns_verdict_parse(slice_make((const char *)data, size), &v)) {
        ASSERT(v.n == 0 && v.looked_at_s == 0 && v.tried_at_s == 0);
        return 0;
    }
    check_bounds(&v);
    json_t *written = dns_verdict_to_json(&v);
    char *text = json_dumps(written, 0);
    ASSERT(text != NULL && dns_verdict_parse(slice_from_cstr(text), &again));
    ASSERT(dns_verdict_same(&v, &again) && v.looked_at_s == again.looked_at_s && v.tried_at_s == again.tried_at_s &&
           dns_verdict_has_trouble(&v) == dns_verdict_has_trouble(&again));
    free(text);
    json_decref(written);
    return 0;
}
