// SPDX-License-Identifier: MIT
// Whole requests to the real web side of three relays, through the HTTP server, on port 443 or 80: whatever is asked,
// the answer's head is lines of printable octets, and nobody is sent anywhere but to a name of ours. The first octet
// picks relay and port. The stores live as long as the process.
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/service.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/http.h"
#include "http/web/web.h"
#include "net/worker.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { N_RELAYS = 3, ON_HTTP = 4, IN_PIECES = 8, RUN_S = 10 };

static const struct {
    const char *host;
    const char *settings[8];
    struct web_place place;
} kinds[N_RELAYS] = {
    {"a.org",
     {"mail_domain=a.org", "min_free_disk_space=0", "min_available_memory=0", "max_load_1m=100000", NULL},
     {.https_port = 443, .imaps_port = 993, .smtps_port = 465, .has_public_certificate = true}},
    {"192.0.2.1",
     {"mail_domain=192.0.2.1", "min_free_disk_space=0", "min_available_memory=0", "max_load_1m=100000", NULL},
     {.https_port = 443, .imaps_port = 993, .smtps_port = 465}},
    {"a.org",
     {"mail_domain=a.org", "registration=invite", NULL},
     {.dev_host = "127.0.0.1", .https_port = 10443, .imaps_port = 10993, .smtps_port = 10465}},
};

static struct {
    char dir[64];
    struct loop *loop;
    struct worker_pool *pool;
    struct relay {
        struct store *store;
        struct config_holder *config;
        struct account_service *accounts;
        struct web *web;
        struct http_server https, http;
    } relays[N_RELAYS];
} world;

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at) {
    return remove(path);
}

static void end_world(void) {
    clock_use_real();
    for (size_t i = 0; i < N_RELAYS; i++)
        web_free(world.relays[i].web);
    worker_pool_free(world.pool);
    for (size_t i = 0; i < N_RELAYS; i++)
        store_close(world.relays[i].store);
    loop_run_ready(world.loop);
    for (size_t i = 0; i < N_RELAYS; i++) {
        account_service_free(world.relays[i].accounts);
        config_holder_free(world.relays[i].config);
    }
    loop_free(world.loop);
    if (nftw(world.dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
        perror(world.dir);
}

static void begin_relay(struct relay *r, size_t i) {
    char dir[80];
    const char *error = NULL;
    (void)snprintf(dir, sizeof(dir), "%s/%zu", world.dir, i);
    struct store_settings settings = {.dir = dir, .mailbox_quota = 1 << 20, .n_readers = 1};
    r->store = store_open(&settings, &error);
    struct config *config = config_parse(SLICE_EMPTY, "fuzz", kinds[i].settings, NULL, NULL);
    ASSERT(r->store != NULL && config != NULL);
    r->config = config_holder_new(config);
    r->accounts = account_service_new(r->config, r->store, world.pool);
    r->web = web_new(&(struct web_settings){.config = r->config, .accounts = r->accounts, .place = kinds[i].place});
    ASSERT(web_challenge_set(r->web, SLICE("token"), SLICE("token.thumbprint")));
    r->https = (struct http_server){.on_request = web_on_https_request, .arg = r->web};
    r->http = (struct http_server){.on_request = web_on_http_request, .arg = r->web};
}

static void begin_world(void) {
    log_set_level(LOG_LEVEL_ERROR);
    (void)snprintf(world.dir, sizeof(world.dir), "%s", "/tmp/web_fuzz.XXXXXX");
    ASSERT(mkdtemp(world.dir) != NULL);
    world.loop = loop_new();
    world.pool = worker_pool_new("crypt", 1);
    for (size_t i = 0; i < N_RELAYS; i++)
        begin_relay(&world.relays[i], i);
    (void)atexit(end_world);
}

static bool leads_home(struct slice url, const char *host, const struct web_place *place) {
    static const char *const prefixes[] = {"", "www.", "mta-sts.", "autoconfig."};
    if (slice_starts_with(url, SLICE("dcaccount:")))
        url = slice_sub(url, strlen("dcaccount:"), url.len);
    for (size_t i = 0; i <= ARRAY_LEN(prefixes); i++) {
        char home[300];
        const char *name = i < ARRAY_LEN(prefixes) ? host : place->dev_host != NULL ? place->dev_host : host;
        (void)snprintf(home, sizeof(home), "https://%s%s", i < ARRAY_LEN(prefixes) ? prefixes[i] : "", name);
        size_t len = strlen(home);
        // The root of the DNS may be named.
        if (slice_starts_with(url, slice_from_cstr(home)) && url.len > len && strchr("/:.", url.ptr[len]) != NULL)
            return true;
    }
    return false;
}

static void check_head(struct slice out, size_t relay) {
    size_t end = slice_find_slice(out, SLICE("\r\n\r\n"));
    if (end == out.len)
        return;
    ASSERT(slice_starts_with(out, SLICE("HTTP/1.1 ")));
    struct slice rest = slice_sub(out, 0, end + 2), line;
    while (slice_cut(rest, '\n', &line, &rest)) {
        ASSERT(slice_ends_with(line, SLICE("\r")));
        for (size_t i = 0; i + 1 < line.len; i++)
            ASSERT(line.ptr[i] >= ' ' && line.ptr[i] <= '~');
        static const struct slice location = {"Location: ", 10};
        if (slice_starts_with(line, location) && line.ptr[location.len] != '/')
            ASSERT(leads_home(slice_sub(line, location.len, line.len), kinds[relay].host, &kinds[relay].place));
    }
}

// Until nobody works for it any more.
static void settle(struct conn *c) {
    loop_run_ready(world.loop);
    for (int i = 0; i < 100 && !conn_memory_is_closed(c) && conn_memory_output(c).len == 0; i++) {
        (void)usleep(20);
        loop_run_ready(world.loop);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint64_t runs;
    if (world.loop == NULL)
        begin_world();
    if (size == 0)
        return 0;
    runs++;
    clock_set_fake(runs * RUN_S * 1000 * 1000, (int64_t)(1800000000 + runs * RUN_S));
    size_t i = data[0] % 4 % N_RELAYS, step = data[0] & IN_PIECES ? 7 : size;
    bool on_http = (data[0] & ON_HTTP) != 0;
    struct conn *c = conn_new_memory(world.loop, &http_session_ops, NULL, !on_http);
    conn_set_session(c, http_session_open(on_http ? &world.relays[i].http : &world.relays[i].https, c));
    for (size_t at = 1; at < size; at += step) {
        conn_memory_feed(c, (const char *)data + at, size - at < step ? size - at : step);
        loop_run_ready(world.loop);
    }
    // A client that goes at once leaves its offer to be called off.
    if (size % 8 != 0)
        settle(c);
    check_head(conn_memory_output(c), i);
    conn_memory_free(c);
    loop_run_ready(world.loop);
    return 0;
}
