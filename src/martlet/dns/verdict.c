// SPDX-License-Identifier: MIT
#include "martlet/dns/verdict.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "martlet/host/json_file.h"

enum { COUNT_MAX = 1000 };

static const char FILE_NAME[] = "verdict";

// ---- records ----

// What an operator calls it.
static void write_label(const struct zone_record *r, char ret[DNS_LABEL_SIZE]) {
    static const char *const plain[] = {
        [ZONE_MX] = "MX",       [ZONE_STS] = "MTA-STS", [ZONE_TLSA] = "TLSA", [ZONE_SPF] = "SPF",
        [ZONE_DMARC] = "DMARC", [ZONE_ADSP] = "ADSP",   [ZONE_CAA] = "CAA",
    };
    char type[12];
    zone_type_name(r->type, type);
    int first = (int)strcspn(r->owner, "."); // label of its name
    const char *key_end = strstr(r->owner, "._domainkey");
    switch (r->kind) {
    case ZONE_ADDRESS:
        (void)snprintf(ret, DNS_LABEL_SIZE, "%s", r->is_placeholder ? "address" : type);
        return;
    case ZONE_ALIAS:
    case ZONE_SRV:
        (void)snprintf(ret, DNS_LABEL_SIZE, "%.*s %s", first, r->owner, type);
        return;
    case ZONE_DKIM:
        (void)snprintf(ret, DNS_LABEL_SIZE, "DKIM %.*s", key_end != NULL ? (int)(key_end - r->owner) : first, r->owner);
        return;
    default:
        (void)snprintf(ret, DNS_LABEL_SIZE, "%s", plain[r->kind]);
    }
}

void dns_verdict_add(struct dns_verdict *v, const struct zone_record *r, enum zone_verdict verdict) {
    v->counts[verdict]++;
    if (verdict == ZONE_RIGHT || v->n == ZONE_RECORDS_MAX)
        return;
    struct dns_verdict_record *to = &v->records[v->n++];
    *to = (struct dns_verdict_record){.verdict = verdict, .is_trouble = zone_is_trouble(r, verdict)};
    write_label(r, to->label);
    (void)snprintf(to->name, sizeof(to->name), "%s", r->owner);
}

bool dns_verdict_same(const struct dns_verdict *a, const struct dns_verdict *b) {
    if (memcmp(a->counts, b->counts, sizeof(a->counts)) != 0 || a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (a->records[i].verdict != b->records[i].verdict || strcmp(a->records[i].label, b->records[i].label) != 0 ||
            strcmp(a->records[i].name, b->records[i].name) != 0)
            return false;
    return true;
}

bool dns_verdict_has_trouble(const struct dns_verdict *v) {
    for (size_t i = 0; i < v->n; i++)
        if (v->records[i].is_trouble)
            return true;
    return false;
}

void dns_verdict_list(const struct dns_verdict *v, enum zone_verdict verdict, char ret[DNS_LIST_SIZE]) {
    static const char more[] = ", ...";
    size_t len = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < v->n; i++) {
        if (v->records[i].verdict != verdict)
            continue;
        if (len + strlen(v->records[i].label) + 2 + sizeof(more) > DNS_LIST_SIZE) {
            (void)snprintf(ret + len, DNS_LIST_SIZE - len, "%s", more);
            return;
        }
        len += (size_t)snprintf(ret + len, DNS_LIST_SIZE - len, "%s%s", len > 0 ? ", " : "", v->records[i].label);
    }
}

// ---- JSON ----

static json_t *records_to_json(const struct dns_verdict *v) {
    json_t *list = json_array();
    for (size_t i = 0; i < v->n; i++) {
        const struct dns_verdict_record *r = &v->records[i];
        json_t *row = json_pack("{s:s, s:s, s:s, s:b}", "record", r->label, "name", r->name, "verdict",
                                zone_verdict_names[r->verdict], "trouble", (int)r->is_trouble);
        ASSERT(json_array_append_new(list, row) == 0);
    }
    return list;
}

json_t *dns_verdict_to_json(const struct dns_verdict *v) {
    json_t *to =
        json_pack("{s:I, s:I}", "looked_at", (json_int_t)v->looked_at_s, "tried_at", (json_int_t)v->tried_at_s);
    for (size_t i = 0; i < ZONE_N_VERDICTS; i++)
        ASSERT(json_object_set_new(to, zone_verdict_names[i], json_integer(v->counts[i])) == 0);
    ASSERT(json_object_set_new(to, "records", records_to_json(v)) == 0);
    return to;
}

static bool read_verdict(const json_t *row, enum zone_verdict *ret) {
    const char *text = json_string_value(json_object_get(row, "verdict"));
    for (size_t i = 0; text != NULL && i < ZONE_N_VERDICTS; i++)
        if (i != ZONE_RIGHT && strcmp(text, zone_verdict_names[i]) == 0) {
            *ret = (enum zone_verdict)i;
            return true;
        }
    return false;
}

static bool copy_name(const json_t *row, const char *key, size_t size, char *ret) {
    const char *text = json_string_value(json_object_get(row, key));
    if (text == NULL || strlen(text) >= size)
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            return false;
    (void)snprintf(ret, size, "%s", text);
    return true;
}

static bool read_record(const json_t *row, struct dns_verdict_record *ret) {
    *ret = (struct dns_verdict_record){.is_trouble = json_is_true(json_object_get(row, "trouble"))};
    return copy_name(row, "record", sizeof(ret->label), ret->label) &&
           copy_name(row, "name", sizeof(ret->name), ret->name) && read_verdict(row, &ret->verdict);
}

bool dns_verdict_from_json(const json_t *from, struct dns_verdict *ret) {
    *ret = (struct dns_verdict){.n = 0};
    if (!json_is_object(from))
        return false;
    ret->looked_at_s = json_file_time(from, "looked_at");
    ret->tried_at_s = json_file_time(from, "tried_at");
    for (size_t i = 0; i < ZONE_N_VERDICTS; i++) {
        json_int_t n = json_integer_value(json_object_get(from, zone_verdict_names[i]));
        ret->counts[i] = n > 0 && n < COUNT_MAX ? (unsigned)n : 0;
    }
    size_t i;
    const json_t *row;
    json_array_foreach(json_object_get(from, "records"), i, row) if (ret->n < ZONE_RECORDS_MAX) ret->n +=
        read_record(row, &ret->records[ret->n]);
    return true;
}

bool dns_verdict_parse(struct slice text, struct dns_verdict *ret) {
    json_t *from = json_loadb(text.ptr, text.len, 0, NULL);
    bool ok = dns_verdict_from_json(from, ret);
    json_decref(from);
    return ok;
}

// ---- the file ----

static void write_path(const char *state_dir, char ret[PATH_MAX]) {
    (void)snprintf(ret, PATH_MAX, "%.4000s/" DNS_VERDICT_DIR "/%s", state_dir, FILE_NAME);
}

void dns_verdict_read(const char *state_dir, struct dns_verdict *ret) {
    char path[PATH_MAX];
    write_path(state_dir, path);
    json_t *from = json_file_read(AT_FDCWD, path);
    (void)!dns_verdict_from_json(from, ret);
    json_decref(from);
}

bool dns_verdict_write(int dir_fd, const struct dns_verdict *v, char ret_error[FILES_ERROR_MAX]) {
    return json_file_write(dir_fd, FILE_NAME, dns_verdict_to_json(v), ret_error);
}

bool dns_verdict_exists(const char *state_dir) {
    char path[PATH_MAX];
    write_path(state_dir, path);
    return access(path, F_OK) == 0;
}
