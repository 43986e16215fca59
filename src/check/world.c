// SPDX-License-Identifier: MIT
// Where the relay is and what it says of itself.
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "check/step.h"

// ---- its status ----

const json_t *check_status(const struct check *c, const char *part) {
    return json_object_get(c->status, part);
}

const char *check_status_text(const struct check *c, const char *part, const char *name) {
    const char *text = json_string_value(json_object_get(check_status(c, part), name));
    return text != NULL ? text : "";
}

bool check_status_true(const struct check *c, const char *part, const char *name) {
    return json_is_true(json_object_get(check_status(c, part), name));
}

bool check_ask(struct check *c, json_t *request, void (*on_row)(void *arg, const json_t *row), void *arg,
               json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]) {
    ASSERT(request != NULL);
    bool ok = c->settings->ask(c->settings->arg, request, on_row, arg, ret_last, ret_error);
    json_decref(request);
    return ok;
}

// ---- its ports ----

static uint16_t registered_number(const char *service) {
    for (size_t i = 0; i < check_n_ports; i++)
        if (strcmp(check_ports[i].service, service) == 0)
            return check_ports[i].number;
    UNREACHABLE();
}

// The address of "192.0.2.1:25" or "[::]:25"; of one that stands for all, the loopback's.
static bool take_endpoint(const char *text, struct net_address *ret) {
    struct slice all = slice_from_cstr(text), host = slice_sub(all, 0, slice_rfind(all, ':'));
    if (slice_starts_with(host, SLICE("[")))
        host = slice_sub(host, 1, host.len - 1);
    if (slice_eq(host, SLICE("0.0.0.0")))
        host = SLICE("127.0.0.1");
    else if (slice_eq(host, SLICE("::")))
        host = SLICE("::1");
    return net_address_parse(host, ret);
}

bool check_find(const struct check *c, const char *service, bool ipv6, struct net_address *ret) {
    bool has_host = !net_address_is_none(&c->host);
    if (c->settings->domain != NULL) {
        *ret = c->host;
        ret->port = registered_number(service);
        return has_host && net_address_is_ipv4(&c->host) != ipv6;
    }
    size_t i;
    const json_t *port;
    json_array_foreach(check_status(c, "ports"), i, port) {
        const char *name = json_string_value(json_object_get(port, "service"));
        const char *address = json_string_value(json_object_get(port, "address"));
        struct net_address found = {0};
        if (name == NULL || strcmp(name, service) != 0 || address == NULL || !take_endpoint(address, &found))
            continue;
        if (has_host)
            found = c->host;
        found.port = (uint16_t)json_integer_value(json_object_get(port, "port"));
        if (net_address_is_ipv4(&found) == ipv6)
            continue;
        *ret = found;
        return true;
    }
    return false;
}

struct net_address check_place(const struct check *c, const char *service) {
    struct net_address place = {0};
    if (!check_find(c, service, false, &place) && !check_find(c, service, true, &place)) {
        ASSERT(net_address_parse(SLICE("127.0.0.1"), &place));
        place.port = 1; // tcpmux, which nobody has
    }
    return place;
}

struct check_tls check_own_tls(const struct check *c, const char *alpn) {
    return (struct check_tls){.context = c->tls, .name = c->name, .alpn = alpn, .any_certificate = true};
}

// ---- names ----

bool check_resolve(const char *name, uint16_t port, struct net_address *ret, char ret_error[CHECK_ERROR_SIZE]) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct slice bare = slice_from_cstr(name);
    if (slice_starts_with(bare, SLICE("[")))
        bare = slice_sub(bare, 1, bare.len - 1);
    if (net_address_parse(bare, ret)) {
        ret->port = port;
        return true;
    }
    struct addrinfo *found;
    int why = getaddrinfo(name, NULL, &hints, &found);
    if (why != 0)
        return check_error(ret_error, "%.120s has no address: %s", name, gai_strerror(why));
    *ret = net_address_from_sockaddr(found->ai_addr);
    ret->port = port;
    freeaddrinfo(found);
    return true;
}

void check_account_invent(struct check_account *a, const char *domain, size_t local_len, size_t password_len) {
    static const char local_part[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char any[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    char local[CHECK_LOCAL_PART_MAX + 1];
    random_string(local, local_len < CHECK_LOCAL_PART_MAX ? local_len : CHECK_LOCAL_PART_MAX, local_part);
    random_string(a->password, password_len < CHECK_PASSWORD_MAX ? password_len : CHECK_PASSWORD_MAX, any);
    (void)snprintf(a->address, sizeof(a->address), "%s@%s", local, domain);
}
