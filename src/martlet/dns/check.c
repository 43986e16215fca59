// SPDX-License-Identifier: MIT
#include "martlet/dns/check.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "martlet/command/operator.h"
#include "martlet/dns/look.h"
#include "zone/text.h"

// As it stands behind the type in a zone file.
static void print_value(const struct zone_record *r) {
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    if (r->is_placeholder) {
        (void)printf("the public address of this machine");
    } else if (zone_write_record(r, ZONE_FORMAT_BIND, &text)) {
        char type[12], mark[32];
        zone_type_name(r->type, type);
        (void)snprintf(mark, sizeof(mark), " IN %s ", type);
        struct slice s = slice_trim(buf_slice(&text));
        s = slice_sub(s, slice_find_slice(s, slice_from_cstr(mark)) + strlen(mark), s.len);
        (void)printf("%.*s", SLICE_FMT(s));
    }
    buf_done(&text);
}

static void print_result(const struct zone_record *r, const struct dns_result *result) {
    const struct zone_finding *f = &result->finding;
    char type[12];
    zone_type_name(r->type, type);
    (void)printf("%-8s %s %s%s\n", zone_verdict_names[f->verdict], r->owner, r->is_placeholder ? "A or AAAA" : type,
                 r->is_required ? "" : " (recommended)");
    if (f->verdict == ZONE_RIGHT)
        return;
    if (f->verdict == ZONE_UNKNOWN) {
        (void)printf("         no name server gave a usable answer\n");
        return;
    }
    if (f->verdict == ZONE_WRONG)
        (void)printf("         found     %s\n", f->found);
    (void)printf("         expected  ");
    print_value(r);
    (void)printf("\n");
    if (f->reason[0] != '\0')
        (void)printf("         %s\n", f->reason);
    if (result->servers_differ)
        (void)printf("         so says %s; another name server has it otherwise: the zone may be on its way\n",
                     result->server);
}

static void print_servers(const struct dns_servers *s) {
    (void)printf("zone     %s\n", s->zone);
    for (size_t i = 0; i < s->n; i++)
        (void)printf("%-8s %s%s%s\n", s->list[i].trouble == NULL ? "asked" : "warning", s->list[i].name,
                     s->list[i].trouble == NULL ? "" : ": ", s->list[i].trouble == NULL ? "" : s->list[i].trouble);
    if (strchr(s->zone, '.') == NULL)
        (void)printf("note     the zone is a top-level domain: is yours registered, and delegated to name servers?\n");
    (void)printf("\n");
}

// What has to be put into the zone, once more as it can be copied.
static void print_remedy(const struct dns_look *l) {
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    bool ok = true;
    for (size_t i = 0; i < l->n; i++)
        if (zone_is_trouble(l->records[i], l->results[i].finding.verdict) && !l->records[i]->is_placeholder)
            ok = ok && zone_write_record(l->records[i], ZONE_FORMAT_BIND, &text);
    if (ok && buf_slice(&text).len > 0)
        (void)printf("\nThis belongs into the zone, in place of what is wrong there:\n\n%.*s",
                     SLICE_FMT(buf_slice(&text)));
    buf_done(&text);
    for (size_t i = 0; i < l->n; i++) {
        const struct zone_record *r = l->records[i];
        if (r->kind == ZONE_DKIM && zone_is_trouble(r, l->results[i].finding.verdict))
            (void)printf("\nThe text of %s in one piece, for a web panel:\n\n%s\n", r->owner, r->value);
    }
}

static void print_end(const struct dns_look *l) {
    size_t n_recommended = 0;
    for (size_t i = 0; i < l->n; i++)
        n_recommended += l->results[i].finding.verdict != ZONE_RIGHT;
    int status = dns_look_status(l);
    if (status == DNS_LOOK_TROUBLE)
        print_remedy(l);
    else if (status == DNS_LOOK_UNKNOWN)
        (void)printf("\nSome records could not be asked for; try again later.\n");
    else if (n_recommended > 0)
        (void)printf("\nAll required records are right; %zu of the recommended ones %s.\n", n_recommended,
                     n_recommended == 1 ? "is not" : "are not");
    else
        (void)printf("\nGreat! All your DNS entries are verified and correct.\n");
}

static void print_text(const struct dns_look *l) {
    print_servers(&l->servers);
    for (size_t i = 0; i < l->n; i++)
        print_result(l->records[i], &l->results[i]);
    print_end(l);
}

static void print_row(const struct zone_record *r, const struct dns_result *result) {
    char type[12];
    zone_type_name(r->type, type);
    json_t *row = json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s}", "name", r->owner, "type", type, "required",
                            (int)r->is_required, "verdict", zone_verdict_names[result->finding.verdict], "expected",
                            r->is_placeholder ? "" : r->value, "found", result->finding.found, "reason",
                            result->finding.reason, "server", result->servers_differ ? result->server : "");
    operator_print_json(row);
    json_decref(row);
}

static int show(const struct dns_look *l, bool as_json) {
    if (!as_json)
        print_text(l);
    for (size_t i = 0; as_json && i < l->n; i++)
        print_row(l->records[i], &l->results[i]);
    return dns_look_status(l);
}

int dns_check(const struct config *config, const struct zone *z, bool as_json) {
    struct dns_look *l = dns_look_new(z);
    char error[DNS_SERVERS_ERROR_MAX];
    int status = DNS_LOOK_UNKNOWN;
    if (dns_look_ask(l, config, NULL, error)) {
        status = show(l, as_json);
    } else {
        if (l->servers.n > 0 && !as_json)
            print_servers(&l->servers);
        (void)fflush(stdout);
        (void)fprintf(stderr, "martlet: %s\n", error);
    }
    dns_look_free(l);
    return operator_finish_output() == 0 ? status : DNS_LOOK_UNKNOWN;
}
