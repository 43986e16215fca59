// SPDX-License-Identifier: MIT
#include "martlet/parent/dns_helper.h"

#include <stdio.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/random.h"
#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/dns/verdict.h"
#include "martlet/handover/source.h"

enum {
    FIRST_MS = 60 * 1000,
    HOUR_MS = 3600 * 1000,
    DAY_MS = 24 * HOUR_MS,
    FIXED_ARGS = 12,
    SETTING_SIZE = 4096 + 32,
};

// A quarter more or less, so that relays that were started together do not ask together.
static uint64_t after(uint64_t now_ms, uint32_t about_ms) {
    return now_ms + about_ms - about_ms / 4 + random_u64() % (about_ms / 2);
}

static bool is_due(struct dns_helper *h) {
    uint64_t now_ms = clock_mono_ms();
    if (h->due_ms == 0)
        h->due_ms = after(now_ms, FIRST_MS);
    return h->is_asked || now_ms >= h->due_ms;
}

// The file may have changed since it was taken into service; what has to be the same until a restart is told.
static void start(struct dns_helper *h, const struct source *source) {
    char state_dir[SETTING_SIZE], domain[SETTING_SIZE], user[SETTING_SIZE];
    (void)snprintf(state_dir, sizeof(state_dir), "state_dir=%s", source->config->state_dir);
    (void)snprintf(domain, sizeof(domain), "mail_domain=%s", source->config->mail_domain);
    (void)snprintf(user, sizeof(user), "user=%s", source->config->user);
    const char *argv[2 * COMMAND_SETS_MAX + FIXED_ARGS] = {"martlet", "dns-run", "--config", source->config_path};
    const char *const fixed[] = {state_dir, domain, user};
    size_t n = 4;
    for (const char **o = source->overrides; o != NULL && *o != NULL; o++) {
        argv[n++] = "--set";
        argv[n++] = *o;
    }
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        argv[n++] = "--set";
        argv[n++] = fixed[i];
    }
    ASSERT(n < ARRAY_LEN(argv));
    (void)!helper_start(&h->process, argv, DNS_HELPER_LIFE_MAX_MS);
}

void dns_helper_look(struct dns_helper *h, const struct source *source) {
    if (source->is_dev || config_domain_is_literal(source->config) || h->process.pid > 0 || !is_due(h))
        return;
    h->is_asked = false;
    h->due_ms = after(clock_mono_ms(), HOUR_MS); // where it cannot start
    start(h, source);
}

void dns_helper_ask(struct dns_helper *h, const struct source *source) {
    h->is_asked = h->is_asked || dns_verdict_exists(source->config->state_dir);
}

void dns_helper_check(struct dns_helper *h, uint64_t now_ms) {
    helper_check(&h->process, now_ms, "the look at the DNS", DNS_HELPER_LIFE_MAX_MS);
}

void dns_helper_stop(struct dns_helper *h) {
    helper_stop(&h->process);
}

bool dns_helper_ended(struct dns_helper *h, pid_t pid, int status) {
    if (!helper_ended(&h->process, pid, status))
        return false;
    bool is_well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    h->due_ms = after(clock_mono_ms(), is_well ? DAY_MS : HOUR_MS);
    return true;
}
