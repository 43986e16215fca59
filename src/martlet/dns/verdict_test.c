// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "martlet/dns/verdict.h"

static const char key_name[] = "opendkim._domainkey.chat.example.org";

static struct zone_record record(enum zone_kind kind, uint16_t type, const char *owner, bool is_required) {
    struct zone_record r = {.kind = kind, .type = type, .is_required = is_required};
    (void)snprintf(r.owner, sizeof(r.owner), "%s", owner);
    return r;
}

static void add(struct dns_verdict *v, enum zone_kind kind, uint16_t type, const char *owner, bool is_required,
                enum zone_verdict verdict) {
    struct zone_record r = record(kind, type, owner, is_required);
    dns_verdict_add(v, &r, verdict);
}

static void fill(struct dns_verdict *v) {
    *v = (struct dns_verdict){.looked_at_s = 1700000000, .tried_at_s = 1700003600};
    add(v, ZONE_MX, DNS_TYPE_MX, "chat.example.org", true, ZONE_WRONG);
    add(v, ZONE_DKIM, DNS_TYPE_TXT, key_name, true, ZONE_RIGHT);
    add(v, ZONE_TLSA, DNS_TYPE_TLSA, "_25._tcp.chat.example.org", false, ZONE_MISSING);
    add(v, ZONE_ALIAS, DNS_TYPE_CNAME, "www.chat.example.org", true, ZONE_MISSING);
    add(v, ZONE_CAA, DNS_TYPE_CAA, "chat.example.org", false, ZONE_UNKNOWN);
}

static void labels(void **state) {
    static const struct {
        enum zone_kind kind;
        uint16_t type;
        const char *owner, *want;
        bool is_placeholder;
    } cases[] = {
        {ZONE_ADDRESS, DNS_TYPE_A, "chat.example.org", "A", false},
        {ZONE_ADDRESS, DNS_TYPE_AAAA, "chat.example.org", "AAAA", false},
        {ZONE_ADDRESS, DNS_TYPE_A, "chat.example.org", "address", true},
        {ZONE_MX, DNS_TYPE_MX, "chat.example.org", "MX", false},
        {ZONE_ALIAS, DNS_TYPE_CNAME, "mta-sts.chat.example.org", "mta-sts CNAME", false},
        {ZONE_DKIM, DNS_TYPE_TXT, key_name, "DKIM opendkim", false},
        {ZONE_DKIM, DNS_TYPE_TXT, "two.labels._domainkey.a.org", "DKIM two.labels", false},
        {ZONE_STS, DNS_TYPE_TXT, "_mta-sts.chat.example.org", "MTA-STS", false},
        {ZONE_TLSA, DNS_TYPE_TLSA, "_25._tcp.chat.example.org", "TLSA", false},
        {ZONE_SPF, DNS_TYPE_TXT, "chat.example.org", "SPF", false},
        {ZONE_DMARC, DNS_TYPE_TXT, "_dmarc.chat.example.org", "DMARC", false},
        {ZONE_ADSP, DNS_TYPE_TXT, "_adsp._domainkey.chat.example.org", "ADSP", false},
        {ZONE_CAA, DNS_TYPE_CAA, "chat.example.org", "CAA", false},
        {ZONE_SRV, DNS_TYPE_SRV, "_imaps._tcp.chat.example.org", "_imaps SRV", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_verdict v = {.n = 0};
        struct zone_record r = record(cases[i].kind, cases[i].type, cases[i].owner, true);
        r.is_placeholder = cases[i].is_placeholder;
        dns_verdict_add(&v, &r, ZONE_MISSING);
        assert_int_equal(v.n, 1);
        assert_string_equal(v.records[0].label, cases[i].want);
        assert_string_equal(v.records[0].name, cases[i].owner);
    }
}

static void counts(void **state) {
    struct dns_verdict v;
    char list[DNS_LIST_SIZE];
    fill(&v);
    assert_int_equal(v.counts[ZONE_RIGHT], 1);
    assert_int_equal(v.counts[ZONE_MISSING], 2);
    assert_int_equal(v.counts[ZONE_WRONG], 1);
    assert_int_equal(v.counts[ZONE_UNKNOWN], 1);
    assert_int_equal(v.n, 4);
    dns_verdict_list(&v, ZONE_MISSING, list);
    assert_string_equal(list, "TLSA, www CNAME");
    dns_verdict_list(&v, ZONE_WRONG, list);
    assert_string_equal(list, "MX");
    assert_true(dns_verdict_has_trouble(&v));
    v = (struct dns_verdict){.n = 0};
    add(&v, ZONE_DMARC, DNS_TYPE_TXT, "_dmarc.a.org", false, ZONE_MISSING);
    assert_false(dns_verdict_has_trouble(&v));
    dns_verdict_list(&v, ZONE_WRONG, list);
    assert_string_equal(list, "");
}

// Names of any length: the list stays within its bounds and says that there is more.
static void long_lists(void **state) {
    char owner[DNS_LABEL_SIZE + 40], list[DNS_LIST_SIZE];
    struct dns_verdict *v = calloc(1, sizeof(*v));
    assert_non_null(v);
    memset(owner, 's', 80);
    (void)snprintf(owner + 80, sizeof(owner) - 80, "._domainkey.a.org");
    for (size_t i = 0; i < ZONE_RECORDS_MAX + 3; i++)
        add(v, ZONE_DKIM, DNS_TYPE_TXT, owner, false, ZONE_MISSING);
    assert_int_equal(v->n, ZONE_RECORDS_MAX);
    dns_verdict_list(v, ZONE_MISSING, list);
    assert_true(strlen(list) > DNS_LIST_SIZE - 200);
    assert_string_equal(list + strlen(list) - 6, "s, ...");
    free(v);
}

static void sameness(void **state) {
    struct dns_verdict a, b;
    fill(&a);
    fill(&b);
    b.looked_at_s = b.tried_at_s = 1800000000;
    assert_true(dns_verdict_same(&a, &b));
    b.counts[ZONE_RIGHT]++;
    assert_false(dns_verdict_same(&a, &b));
    fill(&b);
    b.records[1].verdict = ZONE_WRONG;
    assert_false(dns_verdict_same(&a, &b));
    fill(&b);
    (void)snprintf(b.records[1].name, sizeof(b.records[1].name), "_25._tcp.other.example");
    assert_false(dns_verdict_same(&a, &b));
}

static void file(void **state) {
    char dir[] = "/tmp/martlet-verdict-XXXXXX", path[PATH_MAX], error[FILES_ERROR_MAX];
    struct dns_verdict wrote, got;
    assert_non_null(mkdtemp(dir));
    assert_false(dns_verdict_exists(dir));
    dns_verdict_read(dir, &got);
    assert_int_equal(got.tried_at_s, 0);

    (void)snprintf(path, sizeof(path), "%s/" DNS_VERDICT_DIR, dir);
    int fd = files_make_dir(path, error);
    assert_true(fd >= 0);
    fill(&wrote);
    assert_true(dns_verdict_write(fd, &wrote, error));
    assert_true(dns_verdict_exists(dir));
    dns_verdict_read(dir, &got);
    assert_true(dns_verdict_same(&wrote, &got));
    assert_int_equal(got.looked_at_s, wrote.looked_at_s);
    assert_int_equal(got.tried_at_s, wrote.tried_at_s);
    assert_true(got.records[0].is_trouble);
    struct stat st;
    assert_int_equal(fstatat(fd, "verdict", &st, 0), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    // Cut in the middle, as by hand: nothing is known.
    int file_fd = openat(fd, "verdict", O_WRONLY | O_CLOEXEC);
    assert_int_equal(ftruncate(file_fd, 40), 0);
    (void)close(file_fd);
    dns_verdict_read(dir, &got);
    assert_int_equal(got.tried_at_s, 0);
    assert_int_equal(unlinkat(fd, "verdict", 0), 0);
    (void)close(fd);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void odd_content(void **state) {
    static const struct {
        const char *json;
        bool is_one;
        size_t n;
        unsigned missing;
    } cases[] = {
        {"[]", false, 0, 0},
        {"\"right\"", false, 0, 0},
        {"{}", true, 0, 0},
        {"{\"missing\": -1, \"records\": 3}", true, 0, 0},
        {"{\"missing\": 99999999999, \"records\": [3, {}, {\"record\": \"MX\"}]}", true, 0, 0},
        {"{\"missing\": 1, \"records\": [{\"record\": \"MX\", \"name\": \"a\", \"verdict\": \"right\"}]}", true, 0, 1},
        {"{\"missing\": 1, \"records\": [{\"record\": \"MX\", \"name\": \"a\", \"verdict\": \"missing\"}]}", true, 1,
         1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_verdict v;
        json_t *from = json_loads(cases[i].json, JSON_DECODE_ANY, NULL);
        assert_non_null(from);
        assert_int_equal(dns_verdict_from_json(from, &v), cases[i].is_one);
        assert_int_equal(v.n, cases[i].n);
        assert_int_equal(v.counts[ZONE_MISSING], cases[i].missing);
        json_decref(from);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(labels),     cmocka_unit_test(counts),
                                       cmocka_unit_test(long_lists), cmocka_unit_test(sameness),
                                       cmocka_unit_test(file),       cmocka_unit_test(odd_content)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
