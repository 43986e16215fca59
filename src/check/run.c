// SPDX-License-Identifier: MIT
// The steps in their order, and what they share.
#include <openssl/ssl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/printable.h"
#include "check/step.h"
#include "config/value.h"

enum { STEP_MS = 10 * 1000, PEER_MS = 60 * 1000, CLEAN_UP_MS = 20 * 1000 };

struct step {
    const char *name;
    check_step_run *run;
    unsigned needs; // enum check_need
    uint32_t limit_ms;
};

static const struct step before_ports[] = {
    {"relay", check_step_relay, 0, STEP_MS},
    {"configuration", check_step_configuration, CHECK_NEEDS_RELAY, STEP_MS},
};

static const struct step after_ports[] = {
    {"certificate", check_step_certificate, CHECK_NEEDS_RELAY, STEP_MS},
    {"clock", check_step_clock, CHECK_NEEDS_RELAY, STEP_MS},
    {"account-1", check_step_account_1, CHECK_NEEDS_RELAY, STEP_MS},
    {"account-2", check_step_account_2, CHECK_NEEDS_RELAY, STEP_MS},
    {"submission-465", check_step_submission_465, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"submission-587", check_step_submission_587, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"encryption", check_step_encryption, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"imap-143", check_step_imap_143, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"mail-443", check_step_mail_443, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"web", check_step_web, CHECK_NEEDS_RELAY, STEP_MS},
    {"new-account", check_step_new, CHECK_NEEDS_RELAY, STEP_MS},
    {"autoconfig", check_step_autoconfig, CHECK_NEEDS_RELAY, STEP_MS},
    {"metadata", check_step_metadata, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"turn", check_step_turn, CHECK_NEEDS_ACCOUNTS, STEP_MS},
    {"iroh", check_step_iroh, CHECK_NEEDS_RELAY, STEP_MS},
    {"push-gateway", check_step_push, CHECK_NEEDS_RELAY, STEP_MS},
    {"peer-account", check_step_peer_account, CHECK_NEEDS_ACCOUNTS | CHECK_NEEDS_PEER, STEP_MS},
    {"peer-to", check_step_peer_to, CHECK_NEEDS_ACCOUNTS | CHECK_NEEDS_PEER, PEER_MS},
    {"peer-from", check_step_peer_from, CHECK_NEEDS_ACCOUNTS | CHECK_NEEDS_PEER, PEER_MS},
};

// ---- one step ----

struct run {
    struct check check;
    const struct check_settings *settings;
    uint64_t until_ms;
    bool has_failed;
};

static bool is_stopped(const struct run *run) {
    return run->settings->stop != NULL && *run->settings->stop;
}

// What a server has said must not act on the terminal that shows it; and a sentence is one line.
static void make_harmless(char *text) {
    printable_make(text);
    for (; *text != '\0'; text++)
        if (*text == '\n' || *text == '\t')
            *text = '?';
}

static void tell(struct run *run, struct check_result *r, enum check_verdict verdict, uint64_t begun_us) {
    make_harmless(r->text);
    r->verdict = verdict;
    if (r->ms <= 0 && verdict != CHECK_SKIPPED)
        r->ms = (double)(clock_mono_us() - begun_us) / 1000;
    run->has_failed = run->has_failed || verdict == CHECK_FAILED;
    run->settings->on_result(run->settings->arg, r);
}

static void set_limit(struct run *run, uint32_t limit_ms) {
    uint64_t until = clock_mono_ms() + limit_ms;
    run->check.limit.until_ms = until < run->until_ms ? until : run->until_ms;
}

// `port` is NULL but for check_step_port(), which has it and no `run`.
static enum check_verdict run_or_skip(struct run *run, const struct step *s, const struct check_port *port,
                                      struct check_result *r) {
    unsigned missing = s->needs & ~run->check.has;
    if ((missing & CHECK_NEEDS_RELAY) != 0)
        return check_skip(r, "the relay does not run");
    if ((missing & CHECK_NEEDS_ACCOUNTS) != 0)
        return check_skip(r, "it takes two accounts");
    if (clock_mono_ms() >= run->until_ms)
        return check_fail(r, "the test had no time left for it; look for what was slow above");
    return port != NULL ? check_step_port(&run->check, port, r) : s->run(&run->check, r);
}

static void run_step(struct run *run, const struct step *s, const struct check_port *port) {
    // What nobody asked for is not mentioned.
    if (is_stopped(run) || ((s->needs & CHECK_NEEDS_PEER) != 0 && run->settings->peer == NULL))
        return;
    struct check_result r = {.name = s->name};
    uint64_t begun_us = clock_mono_us();
    set_limit(run, s->limit_ms);
    enum check_verdict verdict = run_or_skip(run, s, port, &r);
    if (!is_stopped(run)) // what an interrupted step says is about the interruption
        tell(run, &r, verdict, begun_us);
}

// A second interrupt must not keep it from doing its work.
static void clean_up(struct run *run) {
    struct check_result r = {.name = "clean-up"};
    uint64_t begun_us = clock_mono_us();
    run->check.limit = (struct check_limit){.until_ms = clock_mono_ms() + CLEAN_UP_MS};
    enum check_verdict verdict = check_step_clean_up(&run->check, &r);
    tell(run, &r, verdict, begun_us);
}

// ---- all of it ----

// "[192.0.2.1]" and "192.0.2.1" of either; a name stands in both. False when it can be neither.
static bool write_names(const char *text, char domain[CHECK_DOMAIN_SIZE], char name[CHECK_DOMAIN_SIZE]) {
    struct slice bare = slice_from_cstr(text);
    if (slice_starts_with(bare, SLICE("[")))
        bare = slice_sub(bare, 1, bare.len - 1);
    if (slice_starts_with_ci(bare, SLICE("IPv6:")))
        bare = slice_sub(bare, 5, bare.len);
    struct net_address a = {0};
    char lower[CONFIG_DOMAIN_SIZE];
    if (net_address_parse(bare, &a)) {
        (void)snprintf(name, CHECK_DOMAIN_SIZE, "%.*s", SLICE_FMT(bare));
        (void)snprintf(domain, CHECK_DOMAIN_SIZE, "[%s%s]", net_address_is_ipv4(&a) ? "" : "IPv6:", name);
        return true;
    }
    if (!config_domain_parse(bare, lower))
        return false;
    (void)snprintf(name, CHECK_DOMAIN_SIZE, "%s", lower);
    (void)snprintf(domain, CHECK_DOMAIN_SIZE, "%s", lower);
    return true;
}

bool check_set_domain(struct check *c, const char *domain) {
    return write_names(domain, c->domain, c->name);
}

static bool name_places(struct check *c, char *ret_error) {
    const struct check_settings *s = c->settings;
    const char *wrong = s->domain != NULL && !check_set_domain(c, s->domain)              ? s->domain
                        : s->peer != NULL && !write_names(s->peer, c->peer, c->peer_name) ? s->peer
                                                                                          : NULL;
    if (wrong != NULL)
        (void)snprintf(ret_error, CHECK_CONTROL_ERROR_SIZE,
                       "\"%.100s\" is neither a domain such as chat.example.org nor an IP address", wrong);
    return wrong == NULL;
}

static bool prepare(struct run *run, char *ret_error) {
    const struct check_settings *s = run->settings;
    struct check *c = &run->check;
    c->settings = s;
    c->limit.stop = s->stop;
    if (s->host != NULL && !net_address_parse(slice_from_cstr(s->host), &c->host)) {
        (void)snprintf(ret_error, CHECK_CONTROL_ERROR_SIZE, "\"%.100s\" is no IP address", s->host);
        return false;
    }
    if (!name_places(c, ret_error))
        return false;
    c->tls = SSL_CTX_new(TLS_client_method());
    ASSERT(c->tls != NULL && SSL_CTX_set_min_proto_version(c->tls, TLS1_2_VERSION) == 1);
    bool ok = s->ca_file != NULL ? SSL_CTX_load_verify_locations(c->tls, s->ca_file, NULL) == 1
                                 : SSL_CTX_set_default_verify_paths(c->tls) == 1;
    if (!ok)
        (void)snprintf(ret_error, CHECK_CONTROL_ERROR_SIZE, "the certificates of %.300s (ca_file) cannot be read",
                       s->ca_file != NULL ? s->ca_file : "the system");
    return ok;
}

enum check_end check_run(const struct check_settings *s, char ret_error[CHECK_CONTROL_ERROR_SIZE]) {
    struct run run = {.settings = s, .until_ms = clock_mono_ms() + s->limit_ms};
    enum check_end end = CHECK_CANNOT_BEGIN;
    if (prepare(&run, ret_error)) {
        for (size_t i = 0; i < ARRAY_LEN(before_ports); i++)
            run_step(&run, &before_ports[i], NULL);
        for (size_t i = 0; i < check_n_ports; i++) {
            const struct step step = {check_ports[i].name, NULL, CHECK_NEEDS_RELAY, STEP_MS};
            run_step(&run, &step, &check_ports[i]);
        }
        for (size_t i = 0; i < ARRAY_LEN(after_ports); i++)
            run_step(&run, &after_ports[i], NULL);
        clean_up(&run);
        end = is_stopped(&run) ? CHECK_INTERRUPTED : run.has_failed ? CHECK_SOME_FAILED : CHECK_ALL_OK;
    }
    SSL_CTX_free(run.check.tls);
    json_decref(run.check.status);
    explicit_bzero(&run, sizeof(run)); // passwords
    return end;
}

// ---- for the steps ----

PRINTF_LIKE(3, 0)
static enum check_verdict say(struct check_result *r, enum check_verdict verdict, const char *fmt, va_list args) {
    (void)vsnprintf(r->text, sizeof(r->text), fmt, args);
    return verdict;
}

enum check_verdict check_ok(struct check_result *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    enum check_verdict verdict = say(r, CHECK_OK, fmt, args);
    va_end(args);
    return verdict;
}

enum check_verdict check_fail(struct check_result *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    enum check_verdict verdict = say(r, CHECK_FAILED, fmt, args);
    va_end(args);
    return verdict;
}

enum check_verdict check_skip(struct check_result *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    enum check_verdict verdict = say(r, CHECK_SKIPPED, fmt, args);
    va_end(args);
    return verdict;
}
