// SPDX-License-Identifier: MIT
// `martlet acme-run`: one look at the certificate by a helper process of the parent's. Where it is due, or a name is
// missing in it, it has uacme(1) ask for another one. How it went stands in STATE/acme/status. Not for people.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "martlet/acme/certificate.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/acme/client.h"
#include "martlet/acme/names.h"
#include "martlet/acme/plan.h"
#include "martlet/acme/reason.h"
#include "martlet/acme/status.h"
#include "martlet/command/command.h"

enum { LONELY_AFTER = 2 }; // failures after which the domain is tried without the names below it

struct attempt {
    const char *state_dir, *domain, *url, *email, *dns_hook;
    int acme_fd;
    struct acme_status status;
    struct acme_names names;
    struct certificate_report current; // of the certificate in force
    bool has_current;                  // it can be used and is for the domain
    struct acme_reason why;
    char hook[64];
};

PRINTF_LIKE(2, 3) static bool fail(struct attempt *a, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(a->why.sentence, sizeof(a->why.sentence), fmt, args);
    va_end(args);
    return false;
}

// ---- the certificate in force ----

static void look_at_current(struct attempt *a) {
    struct certificate c = {0};
    char error[FILES_ERROR_MAX];
    a->has_current = false;
    a->current = (struct certificate_report){0};
    if (!certificate_read_acme(a->acme_fd, a->domain, &c, error))
        return;
    struct certificate_question q = {slice_from_cstr(c.cert_pem), slice_from_cstr(c.key_pem), a->domain,
                                     CERTIFICATE_FROM_ACME, clock_wall_s()};
    certificate_check(&q, &a->current);
    a->has_current = certificate_refusal(&a->current) == NULL && a->current.covers_domain;
    certificate_free(&c);
}

static bool has_name(const struct attempt *a, const char *name) {
    struct slice rest = slice_from_cstr(a->current.names), word;
    while ((word = slice_next_word(&rest)).len > 0)
        if (slice_eq_ci(word, slice_from_cstr(name)))
            return true;
    return false;
}

static bool is_needed(const struct attempt *a, int64_t now_s) {
    if (!a->has_current || now_s >= acme_renew_at(a->current.not_before_s, a->current.not_after_s))
        return true;
    if (a->status.directory[0] != '\0' && strcmp(a->status.directory, a->url) != 0)
        return true;
    for (size_t i = 0; i < a->names.n; i++)
        if (!has_name(a, a->names.name[i]))
            return true;
    return false;
}

// ---- asking for one ----

static bool write_status(struct attempt *a) {
    char error[FILES_ERROR_MAX];
    if (acme_status_write(a->acme_fd, &a->status, error))
        return true;
    return fail(a, "the attempt cannot be noted in %.200s/" ACME_DIR_NAME " (%.300s); without that the CA is not asked",
                a->state_dir, error);
}

static void plan_retry(struct attempt *a) {
    int64_t now_s = clock_wall_s();
    int64_t left_s = a->has_current ? a->current.not_after_s - now_s : 0;
    int64_t patience_s = !a->why.is_rate_limited ? 0 : a->why.retry_at_s > now_s ? a->why.retry_at_s - now_s : 1;
    a->status.ok = false;
    a->status.next_attempt_s = now_s + acme_pause_s(a->status.failures, left_s, patience_s, random_u64());
    (void)snprintf(a->status.limited_by, sizeof(a->status.limited_by), "%s", patience_s > 0 ? a->url : "");
}

// What the client has told of the account at this CA.
static void take_account(struct attempt *a, struct slice output) {
    char url[ACME_URL_MAX] = "";
    acme_reason_account(output, url, sizeof(url));
    if (url[0] == '\0')
        return;
    (void)snprintf(a->status.account, sizeof(a->status.account), "%s", url);
    (void)snprintf(a->status.account_at, sizeof(a->status.account_at), "%s", a->url);
}

// Runs uacme with the options that are always the same, then `verb` and what follows, NULL-terminated.
static bool run_client(struct attempt *a, const char *const *verb) {
    const char *args[ACME_CLIENT_ARGS_MAX + 1] = {"-a", a->url, "-c", ".", "-h", a->hook, "-t", "EC", "-y", "-v"};
    size_t n = 10;
    for (; *verb != NULL; verb++)
        args[n++] = *verb;
    struct buf output;
    buf_init(&output, ACME_CLIENT_OUTPUT_MAX);
    int status = acme_client_run(a->acme_fd, args, &output);
    if (status == ACME_CLIENT_MISSING)
        (void)fail(a, "the program uacme, which asks for certificates, is not installed: apt-get install uacme");
    else if (status == 0)
        take_account(a, buf_slice(&output));
    else
        acme_reason_find(buf_slice(&output), a->names.name[0], a->url, a->dns_hook[0] != '\0', &a->why);
    buf_done(&output);
    return status == 0;
}

static bool has_account_key(const struct attempt *a) {
    return faccessat(a->acme_fd, "private/key.pem", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool make_account(struct attempt *a) {
    const char *verb[] = {"new", a->email[0] != '\0' ? a->email : NULL, NULL};
    if (!run_client(a, verb))
        return false;
    (void)snprintf(a->status.email, sizeof(a->status.email), "%s", a->email);
    return true;
}

// The CA is told a changed acme_email. That it does not take it keeps nobody from a certificate.
static void tell_contact(struct attempt *a) {
    if (!has_account_key(a) || strncmp(a->status.email, a->email, sizeof(a->status.email) - 1) == 0)
        return;
    const char *verb[] = {"update", a->email[0] != '\0' ? a->email : NULL, NULL};
    if (run_client(a, verb)) {
        (void)snprintf(a->status.email, sizeof(a->status.email), "%s", a->email);
        log_info("acme.account", "contact=%s", a->email[0] != '\0' ? "changed" : "removed");
    } else if (!a->why.has_no_account) { // where there is none, one is made with it
        log_warning("acme.account", "reason=\"%s\"", a->why.sentence);
    }
    a->why = (struct acme_reason){0};
}

static bool issue(struct attempt *a) {
    const char *verb[ACME_NAMES_MAX + 3] = {"-f", "issue"};
    for (size_t i = 0; i < a->names.n; i++)
        verb[2 + i] = a->names.name[i];
    if (!has_account_key(a) && !make_account(a))
        return false;
    if (run_client(a, verb))
        return true;
    // Another CA than last time, or one that has forgotten.
    if (!a->why.has_no_account)
        return false;
    a->why = (struct acme_reason){0};
    return make_account(a) && run_client(a, verb);
}

// uacme keeps every certificate that it replaces, and fails when two of them are of the same second.
static void drop_old_certificates(const struct attempt *a) {
    int fd = openat(a->acme_fd, a->names.name[0], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL && fd >= 0)
        (void)close(fd);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strncmp(entry->d_name, "cert-", 5) == 0)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        (void)closedir(dir);
}

static bool get_certificate(struct attempt *a) {
    // Told beforehand, for an attempt that does not come to its end.
    a->status.failures++;
    (void)snprintf(a->status.outcome, sizeof(a->status.outcome), "the attempt did not come to its end");
    a->status.detail[0] = '\0';
    plan_retry(a);
    if (!write_status(a))
        return false;
    tell_contact(a);
    drop_old_certificates(a);
    if (!issue(a))
        return false;
    look_at_current(a);
    return a->has_current || fail(a, "the CA issued a certificate that is not for this relay, or not for its key");
}

// ---- one look ----

static void join_names(struct attempt *a) {
    size_t len = 0;
    a->status.names[0] = '\0';
    for (size_t i = 0; i < a->names.n; i++)
        len += (size_t)snprintf(a->status.names + len, sizeof(a->status.names) - len, "%s%s", i > 0 ? " " : "",
                                a->names.name[i]);
}

static void note_success(struct attempt *a, bool is_new) {
    int64_t now_s = clock_wall_s(), renew_s = acme_renew_at(a->current.not_before_s, a->current.not_after_s);
    a->status.ok = true;
    a->status.failures = 0;
    a->status.detail[0] = a->status.limited_by[0] = '\0';
    a->status.next_attempt_s = renew_s < now_s + ACME_LOOK_S ? renew_s : now_s + ACME_LOOK_S;
    // A certificate that lives for minutes is not asked for in a circle.
    if (a->status.next_attempt_s <= now_s)
        a->status.next_attempt_s = now_s + 1;
    (void)snprintf(a->status.outcome, sizeof(a->status.outcome), "%s",
                   is_new ? "a new certificate has been issued" : "the certificate in force is not due yet");
    if (is_new)
        (void)snprintf(a->status.directory, sizeof(a->status.directory), "%s", a->url);
}

static void note_failure(struct attempt *a) {
    (void)snprintf(a->status.outcome, sizeof(a->status.outcome), "%s", a->why.sentence);
    (void)snprintf(a->status.detail, sizeof(a->status.detail), "%s", a->why.detail);
    plan_retry(a);
}

static void tell(const struct attempt *a, bool ok, bool is_new) {
    int64_t now_s = clock_wall_s();
    if (!ok)
        log_error("acme.failed", "reason=\"%s\" failures=%u next_s=%lld", a->status.outcome, a->status.failures,
                  (long long)(a->status.next_attempt_s - now_s));
    else if (is_new)
        log_info("acme.issued", "names=\"%s\" issuer=\"%s\" days=%lld", a->domain[0] == '[' ? "" : a->current.names,
                 a->current.issuer, (long long)certificate_days_left(&a->current, now_s));
}

static int look(struct attempt *a) {
    int64_t now_s = clock_wall_s();
    acme_status_read(a->acme_fd, &a->status);
    a->status.last_attempt_s = now_s;
    look_at_current(a);
    bool ok = acme_names_find(a->domain, a->dns_hook[0] != '\0', &a->names, a->why.sentence);
    if (!ok)
        a->status.failures++;
    bool is_new = ok && is_needed(a, now_s);
    // A name below the domain that the CA sees otherwise must not keep the domain from its certificate.
    if (is_new && a->status.failures >= LONELY_AFTER)
        a->names.n = 1;
    if (is_new && a->names.n == 1 && !is_needed(a, now_s))
        is_new = false;
    join_names(a);
    if (is_new)
        ok = get_certificate(a);
    else if (ok)
        tell_contact(a);
    if (ok)
        note_success(a, is_new);
    else
        note_failure(a);
    // Who reads of it in the log finds it in the file.
    bool is_noted = write_status(a);
    tell(a, ok, is_new);
    if (!is_noted)
        log_error("acme.status", "%s", a->why.sentence);
    return ok ? 0 : 1;
}

static int run_attempt(struct attempt *a) {
    char error[FILES_ERROR_MAX];
    a->acme_fd = acme_dir_open(a->state_dir, true, error);
    if (a->acme_fd < 0) {
        log_error("acme.failed", "reason=\"%s\"", error);
        return 1;
    }
    if (flock(a->acme_fd, LOCK_EX | LOCK_NB) != 0) {
        log_warning("acme.busy", "reason=\"another helper is at work in this state directory\"");
        return 1;
    }
    // This very program, even when an upgrade has put another one into its place. uacme and its children inherit the
    // descriptor; it could not look at /proc/PID/exe of a process that hides its memory.
    int program_fd = open("/proc/self/exe", O_RDONLY);
    if (program_fd < 0) {
        log_error("acme.failed", "reason=\"the program cannot be opened: %s\"", strerror(errno));
        return 1;
    }
    (void)snprintf(a->hook, sizeof(a->hook), "/proc/self/fd/%d", program_fd);
    if (setenv(ACME_ENV_STATE_DIR, a->state_dir, 1) != 0 || setenv(ACME_ENV_DNS_HOOK, a->dns_hook, 1) != 0)
        return 1;
    int status = look(a);
    (void)close(program_fd);
    (void)close(a->acme_fd);
    return status;
}

static int run_acme(int argc, char **argv) {
    static const struct option options[] = {
        {"state-dir", required_argument, NULL, 's'},
        {"domain", required_argument, NULL, 'd'},
        {"directory", required_argument, NULL, 'u'},
        {"email", required_argument, NULL, 'e'},
        {"dns-hook", required_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct attempt a = {.email = "", .dns_hook = ""};
    int option;
    while ((option = command_next_option(&acme_run_command, argc, argv, options)) != -1) {
        const char **field = option == 's'   ? &a.state_dir
                             : option == 'd' ? &a.domain
                             : option == 'u' ? &a.url
                             : option == 'e' ? &a.email
                                             : &a.dns_hook;
        *field = optarg;
    }
    if (a.state_dir == NULL || a.domain == NULL || a.url == NULL) {
        (void)fprintf(stderr, "martlet acme-run: started by `martlet serve` only\n");
        return EXIT_USAGE;
    }
    (void)umask(0022); // private keys: uacme makes them 0400 in a directory of 0700
    return run_attempt(&a);
}

const struct command acme_run_command = {
    .name = "acme-run",
    .usage = "acme-run --state-dir DIRECTORY --domain DOMAIN --directory URL [--email ADDRESS] [--dns-hook PROGRAM]",
    .run = run_acme,
};
