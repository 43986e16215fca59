// SPDX-License-Identifier: MIT
#include "martlet/dns/servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "martlet/dns/wire_dns.h"
#include "net/dns_record.h"
#include "net/loop.h"
#include "zone/direct.h"

enum {
    RESOLVER_TIMEOUT_MS = 12 * 1000,
    ADDRESSES_MAX = 2,
    PATH_SIZE = DNS_SERVERS_DIR_SIZE + 32,
    SILENT_MAX = 3,                // questions in a row that a server leaves without an answer
    ASKING_MAX_MS = 3 * 60 * 1000, // all of them together, whatever each of them takes
};

// ---- the resolver, waited for ----

// A directory of its own: the relay's root keys are the relay's to write.
static bool make_anchor_dir(struct dns_servers *s) {
    const char *tmp = getenv("TMPDIR");
    int len = snprintf(s->anchor_dir, sizeof(s->anchor_dir), "%s/martlet-dns-XXXXXX", tmp != NULL ? tmp : "/tmp");
    s->is_dir_ours = len > 0 && (size_t)len < sizeof(s->anchor_dir) && mkdtemp(s->anchor_dir) != NULL;
    if (!s->is_dir_ours)
        s->anchor_dir[0] = '\0';
    return s->is_dir_ours;
}

static bool open_resolver(const struct config *c, const char *anchor_dir, struct dns_servers *s,
                          const char **ret_error) {
    char anchor_file[PATH_SIZE] = "";
    struct wire_dns_settings w;
    wire_dns_settings(c, &w);
    if (c->dns_trust_anchor[0] == '\0') {
        if (anchor_dir != NULL)
            (void)snprintf(s->anchor_dir, sizeof(s->anchor_dir), "%s", anchor_dir);
        else if (!make_anchor_dir(s)) {
            *ret_error = "no temporary directory can be made";
            return false;
        }
        (void)snprintf(anchor_file, sizeof(anchor_file), "%s/root.key", s->anchor_dir);
    }
    s->loop = loop_new();
    w.settings.loop = s->loop;
    w.settings.anchor_file = anchor_file;
    w.settings.is_passive = true;
    w.settings.timeout_ms = RESOLVER_TIMEOUT_MS;
    s->resolver = dns_resolver_new(&w.settings, ret_error);
    return s->resolver != NULL;
}

static void remove_anchor(const char *dir, bool is_dir_ours) {
    static const char *const names[] = {"root.key", "root.key.origin"};
    char path[PATH_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    if (is_dir_ours)
        (void)rmdir(dir);
}

void dns_servers_done(struct dns_servers *s) {
    if (s->resolver != NULL)
        dns_resolver_stop(s->resolver);
    if (s->loop != NULL)
        loop_free(s->loop);
    dns_resolver_free(s->resolver);
    if (s->anchor_dir[0] != '\0')
        remove_anchor(s->anchor_dir, s->is_dir_ours);
    *s = (struct dns_servers){0};
}

struct wait {
    struct loop *loop;
    struct dns_answer *answer;
};

// A copy in one allocation, as dns_packet_read() makes it.
static struct dns_answer *copy_answer(const struct dns_answer *a) {
    size_t octets = strlen(a->name) + 1;
    for (size_t i = 0; i < a->n_records; i++)
        octets += a->records[i].len;
    struct dns_answer *ret = mem_alloc(sizeof(*ret) + a->n_records * sizeof(struct slice) + octets);
    struct slice *records = (struct slice *)(ret + 1);
    char *at = (char *)(records + a->n_records);
    *ret = *a;
    ret->records = records;
    for (size_t i = 0; i < a->n_records; i++) {
        if (a->records[i].len > 0)
            memcpy(at, a->records[i].ptr, a->records[i].len);
        records[i] = slice_make(at, a->records[i].len);
        at += a->records[i].len;
    }
    memcpy(at, a->name, strlen(a->name) + 1);
    ret->name = at;
    return ret;
}

static void on_answer(void *arg, const struct dns_answer *a) {
    struct wait *w = arg;
    w->answer = copy_answer(a);
    loop_stop(w->loop);
}

static struct dns_answer *resolve(struct dns_servers *s, const char *name, uint16_t type) {
    struct wait w = {.loop = s->loop};
    struct dns_query query = {0};
    dns_query_submit(s->resolver, s->loop, &query, slice_from_cstr(name), type, on_answer, &w);
    loop_run(s->loop);
    ASSERT(w.answer != NULL);
    return w.answer;
}

// ---- the zone and its servers ----

static struct dns_server *add_server(struct dns_servers *s, const char *name) {
    struct dns_server *server = &s->list[s->n++];
    *server = (struct dns_server){.trouble = "it has no address"};
    (void)snprintf(server->name, sizeof(server->name), "%s", name);
    return server;
}

static bool tell(char ret_error[DNS_SERVERS_ERROR_MAX], enum dns_status status, const char *name) {
    if (status == DNS_BOGUS)
        (void)snprintf(ret_error, DNS_SERVERS_ERROR_MAX,
                       "what the DNS says about %.200s does not prove itself (DNSSEC): the signatures of the zone are "
                       "broken, its DS record is wrong, or the clock of this machine is",
                       name);
    else
        (void)snprintf(ret_error, DNS_SERVERS_ERROR_MAX,
                       "no name server of %.200s answers: they are down, or this machine does not reach them (port 53 "
                       "of UDP and TCP, or dns_forward in the configuration)",
                       name);
    return false;
}

// From the domain upwards, the first name that has NS records.
static bool find_zone(struct dns_servers *s, const char *domain, struct dns_answer **ret,
                      char ret_error[DNS_SERVERS_ERROR_MAX]) {
    for (const char *name = domain; name != NULL;) {
        struct dns_answer *a = resolve(s, name, DNS_TYPE_NS);
        enum dns_status status = a->status;
        // The zone is the one that the name lies in, not one that an alias leads to.
        if (status == DNS_OK && strcmp(a->name, name) == 0) {
            (void)snprintf(s->zone, sizeof(s->zone), "%s", name);
            *ret = a;
            return true;
        }
        free(a);
        if (status == DNS_FAILED || status == DNS_BOGUS)
            return tell(ret_error, status, name);
        const char *dot = strchr(name, '.');
        name = dot != NULL ? dot + 1 : NULL;
    }
    (void)snprintf(ret_error, DNS_SERVERS_ERROR_MAX,
                   "the DNS knows no zone that %.200s could be in: is the domain registered?", domain);
    return false;
}

static const char *try_address(const struct dns_servers *s, const struct net_address *address) {
    struct dns_answer *a = NULL;
    enum direct_status status = direct_ask(address, slice_from_cstr(s->zone), DNS_TYPE_SOA, DNS_SERVERS_TIMEOUT_MS, &a);
    bool has_zone = status == DIRECT_ANSWERED && a->n_records > 0;
    free(a);
    if (has_zone)
        return NULL;
    return status == DIRECT_SILENT ? "it does not answer" : "it does not serve the zone";
}

static void try_addresses(struct dns_servers *s, struct dns_server *server, uint16_t type) {
    struct dns_answer *a = resolve(s, server->name, type);
    for (size_t i = 0; i < a->n_records && i < ADDRESSES_MAX && server->trouble != NULL; i++) {
        struct net_address address;
        if (!dns_address_parse(a->records[i], type, 53, &address))
            continue;
        server->address = address;
        server->trouble = try_address(s, &address);
    }
    free(a);
}

static void take_servers(struct dns_servers *s, const struct dns_answer *a) {
    for (size_t i = 0; i < a->n_records && s->n < DNS_SERVERS_MAX; i++) {
        struct dns_name name;
        if (!dns_name_parse(a->records[i], &name))
            continue;
        struct dns_server *server = add_server(s, name.text);
        try_addresses(s, server, DNS_TYPE_A);
        if (server->trouble != NULL)
            try_addresses(s, server, DNS_TYPE_AAAA);
        s->n_usable += server->trouble == NULL;
    }
}

bool dns_servers_find(const struct config *c, const char *domain, const char *anchor_dir, struct dns_servers *ret,
                      char ret_error[DNS_SERVERS_ERROR_MAX]) {
    *ret = (struct dns_servers){0};
    const char *reason = "";
    if (!open_resolver(c, anchor_dir, ret, &reason)) {
        (void)snprintf(ret_error, DNS_SERVERS_ERROR_MAX, "the resolver cannot start: %s", reason);
        return false;
    }
    struct dns_answer *servers;
    if (!find_zone(ret, domain, &servers, ret_error))
        return false;
    take_servers(ret, servers);
    free(servers);
    ret->until_ms = clock_mono_ms() + ASKING_MAX_MS;
    if (ret->n_usable > 0)
        return true;
    (void)snprintf(ret_error, DNS_SERVERS_ERROR_MAX, "none of the name servers of %.200s can be asked", ret->zone);
    return false;
}

// ---- asking ----

// Behind an alias that leads out of the server's zones. Where nothing stands there, or nobody answers, what is known is
// where it leads.
static struct dns_answer *follow(struct dns_servers *s, struct dns_answer *alias, uint16_t type) {
    char target[DNS_NAME_SIZE];
    (void)snprintf(target, sizeof(target), "%s", alias->name);
    struct dns_answer *behind = resolve(s, target, type);
    if (behind->n_records > 0) {
        free(alias);
        return behind;
    }
    alias->status = behind->status;
    free(behind);
    return alias;
}

void dns_servers_ask(struct dns_servers *s, struct dns_server *server, const char *name, uint16_t type,
                     struct dns_answer **ret) {
    struct dns_answer *a = NULL;
    *ret = NULL;
    if (!dns_name_is_plain(slice_from_cstr(name)) || server->n_silent == SILENT_MAX || clock_mono_ms() >= s->until_ms)
        return;
    enum direct_status status = direct_ask(&server->address, slice_from_cstr(name), type, DNS_SERVERS_TIMEOUT_MS, &a);
    server->n_silent = status == DIRECT_SILENT ? server->n_silent + 1 : 0;
    switch (status) {
    case DIRECT_ANSWERED:
        *ret = a->n_records == 0 && strcmp(a->name, name) != 0 ? follow(s, a, type) : a;
        return;
    case DIRECT_LAME: // the zone is its own, as was seen: so this part of it is delegated to others
        *ret = resolve(s, name, type);
        return;
    case DIRECT_SILENT: // there are some 25 questions, each of which would be waited for
        if (server->n_silent == SILENT_MAX)
            server->trouble = "it does not answer any more";
        return;
    }
}
