// SPDX-License-Identifier: MIT
#include "martlet/status/dns.h"

#include <stdio.h>
#include <stdlib.h>

#include "admin/status.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "martlet/command/operator.h"
#include "martlet/dns/verdict.h"
#include "martlet/status/screen.h"

enum { SHOWN_MAX = 6 };

// ---- what is told ----

static void judge(json_t *attention, const struct dns_verdict *v) {
    unsigned n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->records[i].is_trouble;
    if (n > 0)
        control_attention(attention, "%u %s in the DNS %s right; see `martlet dns --check`", n,
                          n == 1 ? "record" : "records", n == 1 ? "is not" : "are not");
}

static void put_age(json_t *to, const char *name, int64_t at_s) {
    int64_t now_s = clock_wall_s();
    if (at_s != 0)
        ASSERT(json_object_set_new(to, name, json_integer(now_s > at_s ? now_s - at_s : 0)) == 0);
}

json_t *dns_status_of(const struct config *c, json_t *attention) {
    if (config_domain_is_literal(c))
        return NULL;
    struct dns_verdict *v = MEM_NEW(struct dns_verdict);
    dns_verdict_read(c->state_dir, v);
    judge(attention, v);
    json_t *ret = dns_verdict_to_json(v);
    put_age(ret, "age_s", v->looked_at_s);
    put_age(ret, "tried_age_s", v->tried_at_s);
    free(v);
    return ret;
}

json_t *dns_status_describe(void *arg, json_t *attention) {
    struct config_holder *holder = arg;
    const struct config *c = config_acquire(holder);
    json_t *ret = dns_status_of(c, attention);
    config_release(holder, c);
    return ret;
}

// ---- the screen ----

static void show_records(struct screen *s, const json_t *dns, bool of_trouble, size_t *shown) {
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(dns, "records"), i, row) {
        if (json_is_true(json_object_get(row, "trouble")) != of_trouble)
            continue;
        if (++*shown <= SHOWN_MAX)
            screen_item(s, "%s %s%s", operator_text(row, "record"), operator_text(row, "verdict"),
                        of_trouble ? "" : " (recommended)");
    }
}

static void show_findings(struct screen *s, const json_t *dns) {
    size_t shown = 0, n = json_array_size(json_object_get(dns, "records"));
    if (n == 0) {
        screen_item(s, "all %lld records right", operator_number(dns, "right"));
        return;
    }
    show_records(s, dns, true, &shown);
    show_records(s, dns, false, &shown);
    if (shown > SHOWN_MAX)
        screen_item(s, "%zu more", shown - SHOWN_MAX);
    screen_item(s, "see martlet dns --check");
}

void dns_status_show(struct screen *s, const json_t *answer) {
    const json_t *dns = json_object_get(answer, "dns");
    if (dns == NULL)
        return;
    long long looked = operator_number(dns, "looked_at"), tried = operator_number(dns, "tried_at");
    char age[SCREEN_TEXT_MAX];
    screen_line(s, "DNS");
    if (tried == 0) {
        screen_item(s, "not looked at yet");
        return;
    }
    if (looked != 0) {
        show_findings(s, dns);
        screen_write_span(operator_number(dns, "age_s"), age);
        screen_item(s, "looked at %s ago", age);
    }
    if (looked != tried) {
        screen_write_span(operator_number(dns, "tried_age_s"), age);
        screen_item(s, "no name server could be asked %s ago", age);
    }
}
