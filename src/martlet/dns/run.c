// SPDX-License-Identifier: MIT
// `martlet dns-run`: one look at the relay's own DNS by a helper process of the parent's. What it finds stands in
// STATE/dns/verdict, and in the log when it has changed. Not for people, who have `martlet dns --check`.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/dns/look.h"
#include "martlet/dns/verdict.h"
#include "martlet/dns/zone_facts.h"
#include "martlet/host/user.h"
#include "martlet/sandbox/sandbox.h"

enum { CONFIG_FILE_MAX = 1024 * 1024 };

static int give_up(const char *reason) {
    log_warning("dns.look", "reason=\"%s\"", reason);
    return DNS_LOOK_UNKNOWN;
}

// ---- before asking ----

// What is wrong in the file was said by who takes it into service.
static void ignore(void *arg, const struct config_complaint *c) {}

static struct config *read_config(const char *path, const struct command_sets *sets) {
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    char error[FILES_ERROR_MAX];
    struct config *c = NULL;
    if (files_read(AT_FDCWD, path, false, &text, error))
        c = config_parse(buf_slice(&text), path, sets->values, ignore, NULL);
    buf_done(&text);
    return c;
}

static bool become_relay_user(const char *name) {
    uid_t uid;
    gid_t gid;
    pid_t parent = getppid();
    if (geteuid() != 0)
        return true;
    // The kernel forgets with the change of user that this process ends with its parent.
    return user_find(name, &uid, &gid) && user_become(uid, gid) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
           getppid() == parent;
}

// What strangers answer is read with the relay's rights, not with root's.
static bool give_up_rights(const struct config *c, char ret_error[FILES_ERROR_MAX]) {
    char report[SANDBOX_REPORT_MAX];
    if (!become_relay_user(c->user))
        (void)snprintf(ret_error, FILES_ERROR_MAX, "it cannot become the user %.60s", c->user);
    else if (!sandbox_enter_for_dns(c, report))
        (void)snprintf(ret_error, FILES_ERROR_MAX, "the sandbox cannot be entered: %s", report);
    else
        return true;
    return false;
}

// ---- after it ----

static void tell_findings(const struct dns_verdict *v) {
    char missing[DNS_LIST_SIZE], wrong[DNS_LIST_SIZE], unknown[DNS_LIST_SIZE];
    if (v->n == 0) {
        log_info("dns.records", "right=%u", v->counts[ZONE_RIGHT]);
        return;
    }
    dns_verdict_list(v, ZONE_MISSING, missing);
    dns_verdict_list(v, ZONE_WRONG, wrong);
    dns_verdict_list(v, ZONE_UNKNOWN, unknown);
    log_event(dns_verdict_has_trouble(v) ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "dns.records",
              "wrong=\"%s\" missing=\"%s\" unknown=\"%s\" right=%u", wrong, missing, unknown, v->counts[ZONE_RIGHT]);
}

// True when it is worth a line in the log. When nobody could be asked, what was known before stays known.
static bool take_look(const struct dns_look *l, struct dns_verdict *v, bool *ret_is_answered) {
    struct dns_verdict *now = MEM_NEW(struct dns_verdict);
    bool was_known = v->looked_at_s != 0, could_ask = v->tried_at_s == 0 || v->looked_at_s == v->tried_at_s;
    now->looked_at_s = now->tried_at_s = clock_wall_s();
    for (size_t i = 0; i < l->n; i++)
        dns_verdict_add(now, l->records[i], l->results[i].finding.verdict);
    *ret_is_answered = now->counts[ZONE_UNKNOWN] < l->n;
    bool is_news = *ret_is_answered ? !was_known || !could_ask || !dns_verdict_same(now, v) : could_ask;
    if (*ret_is_answered)
        *v = *now;
    else
        v->tried_at_s = now->tried_at_s;
    free(now);
    return is_news;
}

static int look(const struct config *c, const struct zone *z, const char *dir, int dir_fd) {
    char error[DNS_SERVERS_ERROR_MAX] = "the name servers do not answer", write_error[FILES_ERROR_MAX];
    struct dns_look *l = dns_look_new(z);
    struct dns_verdict *v = MEM_NEW(struct dns_verdict);
    bool is_answered;
    dns_verdict_read(c->state_dir, v);
    (void)!dns_look_ask(l, c, dir, error);
    bool is_news = take_look(l, v, &is_answered);
    int status = dns_look_status(l);
    // Who reads of it in the log finds it in the file.
    if (!dns_verdict_write(dir_fd, v, write_error))
        status = give_up(write_error);
    if (is_news && is_answered)
        tell_findings(v);
    else if (is_news)
        log_warning("dns.unreachable", "reason=\"%s\"", error);
    free(v);
    dns_look_free(l);
    return status;
}

// ---- the whole ----

static int run_with(const struct config *c) {
    char error[FILES_ERROR_MAX], dir[PATH_MAX];
    static struct zone_certificate certificate;
    static struct zone_reading reading;
    if (config_domain_is_literal(c))
        return DNS_LOOK_RIGHT;
    // This may be root's alone, unlike what the relay's user has written, which root does not read.
    zone_certificate_read(c, &certificate);
    if (!give_up_rights(c, error) || !zone_facts_read(c, &certificate, NULL, 0, &reading, error))
        return give_up(error);
    (void)snprintf(dir, sizeof(dir), "%.4000s/" DNS_VERDICT_DIR, c->state_dir);
    int fd = files_make_dir(dir, error);
    int status = fd >= 0 ? look(c, &reading.zone, dir, fd) : give_up(error);
    if (fd >= 0)
        (void)close(fd);
    zone_done(&reading.zone);
    return status;
}

static int run_dns(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct command_sets sets = {0};
    const char *path = NULL;
    int option;
    while ((option = command_next_option(&dns_run_command, argc, argv, options)) != -1) {
        if (option == 'c')
            path = optarg;
        else
            command_add_set(&sets, optarg);
    }
    if (path == NULL || optind < argc) {
        (void)fprintf(stderr, "martlet dns-run: started by `martlet serve` only\n");
        return EXIT_USAGE;
    }
    (void)umask(0077);
    struct config *c = read_config(path, &sets);
    if (c == NULL)
        return give_up("the configuration cannot be read");
    int status = run_with(c);
    config_free(c);
    return status;
}

const struct command dns_run_command = {
    .name = "dns-run",
    .usage = "dns-run --config FILE [--set KEY=VALUE]...",
    .run = run_dns,
};
