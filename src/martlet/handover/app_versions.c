// SPDX-License-Identifier: MIT
#include "martlet/handover/app_versions.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/url.h"

// Where the apps of this network come from, and the shops that examine what they hand out.
const char *const app_versions_places[] = {
    "delta.chat/",
    "get.delta.chat/",
    "download.delta.chat/",
    "github.com/deltachat/",
    "github.com/chatmail/",
    "codeberg.org/deltachat/",
    "codeberg.org/chatmail/",
    "f-droid.org/",
    "play.google.com/store/apps/",
    "apps.apple.com/",
    "apps.microsoft.com/",
    "appgallery.huawei.com/",
    "flathub.org/apps/",
    "open-store.io/app/",
    NULL,
};

// ---- where a problem is ----

enum { PLACE_MAX = 64 };

struct reading {
    const struct config *config;
    char place[PLACE_MAX]; // "clients[0].sources[1]"; "": at the top
    char *error;           // APP_VERSIONS_ERROR_MAX
};

// False, for the caller to return.
PRINTF_LIKE(3, 4) static bool refuse(struct reading *r, const char *member, const char *fmt, ...) {
    const char *dot = r->place[0] != '\0' && member[0] != '\0' ? "." : "";
    const char *colon = r->place[0] != '\0' || member[0] != '\0' ? ": " : "";
    int n = snprintf(r->error, APP_VERSIONS_ERROR_MAX, "%s%s%.40s%s", r->place, dot, member, colon);
    ASSERT(n >= 0 && n < APP_VERSIONS_ERROR_MAX);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(r->error + n, APP_VERSIONS_ERROR_MAX - (size_t)n, fmt, args);
    va_end(args);
    // What is repeated from the file must not act on the terminal that shows it.
    for (char *p = r->error; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return false;
}

// ---- values ----

// Every one must be there. Others are left out: what a later version of the format says with them is not for us to
// judge, so it is not passed on either.
static bool keep_members(struct reading *r, json_t *object, const char *const *names, size_t n_names) {
    if (!json_is_object(object))
        return refuse(r, "", "must be an object");
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(object, next, key, value) {
        size_t i = 0;
        while (i < n_names && strcmp(names[i], key) != 0)
            i++;
        if (i == n_names)
            (void)json_object_del(object, key);
    }
    for (size_t i = 0; i < n_names; i++)
        if (json_object_get(object, names[i]) == NULL)
            return refuse(r, names[i], "is missing");
    return true;
}

static bool check_string(struct reading *r, const json_t *object, const char *name, size_t max) {
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value))
        return refuse(r, name, "must be a string");
    struct slice text = slice_make(json_string_value(value), json_string_length(value));
    if (text.len == 0 || text.len > max)
        return refuse(r, name, "must have 1 to %zu octets", max);
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return refuse(r, name, "holds a control character");
    return true;
}

// Ids are compared by programs.
static bool check_id(struct reading *r, const json_t *object, const char *name) {
    if (!check_string(r, object, name, APP_VERSIONS_ID_MAX))
        return false;
    for (const char *p = json_string_value(json_object_get(object, name)); *p != '\0'; p++)
        if (!ascii_is_alnum(*p) && strchr("-_.", *p) == NULL)
            return refuse(r, name, "may hold letters, digits, \"-\", \"_\" and \".\" only");
    return true;
}

static bool check_is_first(struct reading *r, const json_t *array, size_t index, const char *name) {
    const json_t *id = json_object_get(json_array_get(array, index), name);
    for (size_t i = 0; i < index; i++)
        if (json_equal(json_object_get(json_array_get(array, i), name), id))
            return refuse(r, name, "\"%s\" is there twice", json_string_value(id));
    return true;
}

static bool check_number(struct reading *r, const json_t *object, const char *name) {
    const json_t *value = json_object_get(object, name);
    if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= UINT32_MAX)
        return true;
    return refuse(r, name, "must be a whole number from 0 to 4294967295");
}

// ---- download URLs ----

static bool is_at_any(const struct config_url *url, const char *list) {
    struct slice rest = slice_from_cstr(list);
    struct config_url place;
    while (config_place_next(&rest, &place))
        if (config_url_is_at(url, &place))
            return true;
    return false;
}

// The mail domain itself, or a host below it. An address has none below.
static bool is_at_home(const struct config *c, const struct config_url *url) {
    struct slice host = slice_from_cstr(url->host), domain = slice_from_cstr(c->mail_domain);
    if (!url->is_https || url->port != 443)
        return false;
    if (config_domain_is_literal(c))
        return slice_eq(host, slice_sub(domain, 1, domain.len - 1));
    size_t more = host.len - domain.len;
    return slice_ends_with(host, domain) && (more == 0 || host.ptr[more - 1] == '.');
}

static bool check_url(struct reading *r, const json_t *object, const char *name) {
    struct config_url url;
    if (!check_string(r, object, name, APP_VERSIONS_URL_MAX))
        return false;
    const char *text = json_string_value(json_object_get(object, name));
    if (!config_url_parse(slice_from_cstr(text), &url) || !url.is_https)
        return refuse(r, name, "must be a URL that begins with https://");
    if (is_at_home(r->config, &url) || is_at_any(&url, r->config->appversions_hosts))
        return true;
    for (size_t i = 0; app_versions_places[i] != NULL; i++)
        if (is_at_any(&url, app_versions_places[i]))
            return true;
    return refuse(r, name, "%.100s is not allowed; appversions_hosts may name more hosts", text);
}

// ---- the whole ----

static bool check_sources(struct reading *r, json_t *sources) {
    static const char *const members[] = {"sourceId", "versionInteger", "versionString", "downloadUrl"};
    if (!json_is_array(sources) || json_array_size(sources) > APP_VERSIONS_SOURCES_MAX)
        return refuse(r, "sources", "must be an array of at most %d", APP_VERSIONS_SOURCES_MAX);
    size_t len = strlen(r->place);
    for (size_t i = 0; i < json_array_size(sources); i++) {
        json_t *source = json_array_get(sources, i);
        (void)snprintf(r->place + len, PLACE_MAX - len, ".sources[%zu]", i);
        if (!keep_members(r, source, members, ARRAY_LEN(members)) || !check_id(r, source, members[0]) ||
            !check_is_first(r, sources, i, members[0]) || !check_number(r, source, members[1]) ||
            !check_string(r, source, members[2], APP_VERSIONS_ID_MAX) || !check_url(r, source, members[3]))
            return false;
    }
    return true;
}

static bool check_all(struct reading *r, json_t *root) {
    static const char *const members[] = {"clients"}, *const client_members[] = {"clientId", "sources"};
    if (!keep_members(r, root, members, ARRAY_LEN(members)))
        return false;
    json_t *clients = json_object_get(root, "clients");
    if (!json_is_array(clients) || json_array_size(clients) > APP_VERSIONS_CLIENTS_MAX)
        return refuse(r, "clients", "must be an array of at most %d", APP_VERSIONS_CLIENTS_MAX);
    for (size_t i = 0; i < json_array_size(clients); i++) {
        json_t *client = json_array_get(clients, i);
        (void)snprintf(r->place, PLACE_MAX, "clients[%zu]", i);
        if (!keep_members(r, client, client_members, ARRAY_LEN(client_members)) ||
            !check_id(r, client, client_members[0]) || !check_is_first(r, clients, i, client_members[0]) ||
            !check_sources(r, json_object_get(client, client_members[1])))
            return false;
    }
    return true;
}

static bool write_line(json_t *root, struct buf *ret, char ret_error[APP_VERSIONS_ERROR_MAX]) {
    char *line = json_dumps(root, JSON_COMPACT);
    ASSERT(line != NULL);
    bool ok = buf_append_cstr(ret, line);
    if (!ok)
        (void)snprintf(ret_error, APP_VERSIONS_ERROR_MAX, "is too large");
    free(line);
    return ok;
}

bool app_versions_parse(struct slice text, const struct config *c, struct buf *ret,
                        char ret_error[APP_VERSIONS_ERROR_MAX]) {
    struct reading r = {.config = c, .error = ret_error};
    if (text.len > APP_VERSIONS_MAX)
        return refuse(&r, "", "is larger than %d octets", APP_VERSIONS_MAX);
    json_error_t e;
    json_t *root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &e);
    if (root == NULL)
        return refuse(&r, "", "line %d, column %d: %s", e.line, e.column, e.text);
    bool ok = check_all(&r, root) && write_line(root, ret, ret_error);
    json_decref(root);
    return ok;
}
