// SPDX-License-Identifier: MIT
#include "queue/fake_dns.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/dns_name.h"

enum { ALIASES_MAX = 8, RDATA_MAX = 4096, TTL = 300 };

struct dns_request {
    struct dns_resolver *resolver;
    struct dns_query *query;
    struct loop_timer timer;
    uint16_t type;
    char name[1024];
    dns_on_answer *done;
    void *arg;
    char rdata[DNS_RECORDS_MAX][RDATA_MAX];
    struct slice records[DNS_RECORDS_MAX];
    size_t n;
};

static const struct {
    const char *name;
    uint16_t type;
} TYPES[] = {{"A", DNS_TYPE_A},     {"AAAA", DNS_TYPE_AAAA}, {"MX", DNS_TYPE_MX},
             {"TXT", DNS_TYPE_TXT}, {"TLSA", DNS_TYPE_TLSA}, {"CNAME", DNS_TYPE_CNAME}};

static const char *type_name(uint16_t type) {
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++)
        if (TYPES[i].type == type)
            return TYPES[i].name;
    return "?";
}

void fake_dns_init(struct dns_resolver *r, const char *text) {
    *r = (struct dns_resolver){.text = slice_dup(slice_from_cstr(text))};
    for (char *line = r->text; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        ASSERT(r->n_lines < FAKE_DNS_LINES_MAX);
        r->lines[r->n_lines++] = line;
        line = end != NULL ? end + 1 : NULL;
    }
}

void fake_dns_done(struct dns_resolver *r) {
    ASSERT(r->n_open == 0);
    free(r->text);
}

// Whether `name` is `zone` or below it.
static bool is_within(struct slice name, struct slice zone) {
    return slice_ends_with(name, zone) && (name.len == zone.len || name.ptr[name.len - zone.len - 1] == '.');
}

static bool is_secure(const struct dns_resolver *r, const char *name) {
    for (size_t i = 0; i < r->n_lines; i++)
        if (strncmp(r->lines[i], "sign ", 5) == 0 && is_within(slice_from_cstr(name), slice_from_cstr(r->lines[i] + 5)))
            return true;
    return false;
}

static bool exists(const struct dns_resolver *r, const char *name) {
    for (size_t i = 0; i < r->n_lines; i++) {
        struct slice line = slice_from_cstr(r->lines[i]), owner = slice_next_word(&line);
        if (is_within(owner, slice_from_cstr(name)))
            return true;
    }
    return false;
}

// The data of line `i` when that is of this owner and type; NULL.
static const char *find(const struct dns_resolver *r, size_t i, const char *name, const char *type) {
    struct slice line = slice_from_cstr(r->lines[i]);
    struct slice owner = slice_next_word(&line), kind = slice_next_word(&line);
    if (!slice_eq(owner, slice_from_cstr(name)) || !slice_eq(kind, slice_from_cstr(type)))
        return NULL;
    return slice_trim(line).ptr;
}

// ---- rdata ----

static size_t put_name(char *ret, struct slice name) {
    if (name.len == 0 || slice_eq(name, SLICE("."))) {
        ret[0] = '\0';
        return 1;
    }
    struct dns_wire_name wire;
    dns_wire_name_from_plain(name, &wire);
    memcpy(ret, wire.octets, wire.len);
    return wire.len;
}

static size_t put_text(char *ret, struct slice text) {
    size_t len = 0;
    do { // in several strings, as they come
        struct slice piece = slice_sub(text, 0, 50);
        ret[len++] = (char)piece.len;
        memcpy(ret + len, piece.ptr, piece.len);
        len += piece.len;
        text = slice_sub(text, piece.len, text.len);
    } while (text.len > 0);
    return len;
}

static size_t put(char *ret, uint16_t type, struct slice data) {
    uint32_t number = 0;
    char text[64];
    switch (type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(data));
        ASSERT(inet_pton(type == DNS_TYPE_A ? AF_INET : AF_INET6, text, ret) == 1);
        return type == DNS_TYPE_A ? 4 : 16;
    case DNS_TYPE_MX:
        ASSERT(slice_to_u32(slice_next_word(&data), &number));
        ret[0] = (char)(number >> 8);
        ret[1] = (char)number;
        return 2 + put_name(ret + 2, slice_trim(data));
    case DNS_TYPE_CNAME:
        return put_name(ret, data);
    case DNS_TYPE_TLSA:
        for (int i = 0; i < 3; i++) {
            ASSERT(slice_to_u32(slice_next_word(&data), &number));
            ret[i] = (char)number;
        }
        data = slice_trim(data);
        for (size_t i = 0; i + 1 < data.len; i += 2) {
            static const char digits[] = "0123456789abcdef";
            ret[3 + i / 2] =
                (char)((strchr(digits, data.ptr[i]) - digits) * 16 + (strchr(digits, data.ptr[i + 1]) - digits));
        }
        return 3 + data.len / 2;
    default:
        return put_text(ret, data);
    }
}

// ---- answers ----

static enum dns_status collect(struct dns_request *q, const char *name) {
    struct dns_resolver *r = q->resolver;
    for (size_t i = 0; i < r->n_lines; i++) {
        const char *data = find(r, i, name, type_name(q->type));
        if (data == NULL)
            continue;
        if (strcmp(data, "!failed") == 0)
            return DNS_FAILED;
        if (strcmp(data, "!bogus") == 0)
            return DNS_BOGUS;
        if (strcmp(data, "!nodata") == 0)
            return DNS_NODATA;
        ASSERT(q->n < DNS_RECORDS_MAX);
        char *rdata = q->rdata[q->n];
        size_t len = strcmp(data, "!garbage") == 0 ? 1 : put(rdata, q->type, slice_from_cstr(data));
        q->records[q->n++] = slice_make(rdata, len);
    }
    return q->n > 0 ? DNS_OK : exists(r, name) ? DNS_NODATA : DNS_NXDOMAIN;
}

static const char *alias_of(const struct dns_resolver *r, const char *name) {
    const char *target = NULL;
    for (size_t i = 0; i < r->n_lines && target == NULL; i++)
        target = find(r, i, name, "CNAME");
    return target;
}

static void on_due(struct loop_timer *timer) {
    struct dns_request *q = CONTAINER_OF(timer, struct dns_request, timer);
    struct dns_answer a = {.secure = true, .name = q->name, .records = q->records};
    const char *target = q->type != DNS_TYPE_CNAME ? alias_of(q->resolver, q->name) : NULL;
    size_t n = 0;
    for (; target != NULL && n < ALIASES_MAX; n++, target = alias_of(q->resolver, a.name)) {
        a.secure = a.secure && is_secure(q->resolver, a.name);
        a.name = target;
    }
    a.status = n == ALIASES_MAX ? DNS_FAILED : collect(q, a.name);
    a.secure = a.secure && is_secure(q->resolver, a.name) && a.status != DNS_FAILED && a.status != DNS_BOGUS;
    a.n_records = a.status == DNS_OK ? q->n : 0;
    a.ttl = a.status == DNS_OK ? TTL : 0;
    q->query->request = NULL;
    q->resolver->n_open--;
    q->done(q->arg, &a);
    loop_timer_done(&q->timer);
    free(q);
}

static bool is_never(const struct dns_request *q) {
    for (size_t i = 0; i < q->resolver->n_lines; i++) {
        const char *data = find(q->resolver, i, q->name, type_name(q->type));
        if (data != NULL && strcmp(data, "!never") == 0)
            return true;
    }
    return false;
}

void dns_query_submit(struct dns_resolver *r, struct loop *loop, struct dns_query *query, struct slice name,
                      uint16_t type, dns_on_answer *done, void *arg) {
    ASSERT(query->request == NULL && name.len < sizeof(((struct dns_request *)0)->name));
    struct dns_request *q = MEM_NEW(struct dns_request);
    q->resolver = r;
    q->query = query;
    q->type = type;
    q->done = done;
    q->arg = arg;
    (void)snprintf(q->name, sizeof(q->name), "%.*s", SLICE_FMT(name));
    query->request = q;
    r->n_asked++;
    r->n_open++;
    size_t len = strlen(r->asked);
    (void)snprintf(r->asked + len, sizeof(r->asked) - len, "%s %s;", type_name(type), q->name);
    loop_timer_init(&q->timer, loop, on_due);
    if (!is_never(q))
        loop_timer_start(&q->timer, 0);
}

void dns_query_cancel(struct dns_query *query) {
    struct dns_request *q = query->request;
    if (q == NULL)
        return;
    query->request = NULL;
    q->resolver->n_open--;
    loop_timer_done(&q->timer);
    free(q);
}
