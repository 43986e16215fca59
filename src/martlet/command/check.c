// SPDX-License-Identifier: MIT
// `martlet check`: the self-test of a running relay (check/check.h), a line for each step.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/check.h"
#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/command/control_client.h"
#include "martlet/command/operator.h"

enum {
    LIMIT_MS = 240 * 1000,
    EXIT_CANNOT = 2, // the test itself could not be made, or was interrupted
    WIDTH = 80,
    TEXT_AT = 37,
    TIME_DIGITS = 6,
};

static volatile sig_atomic_t is_to_stop;

static void on_signal(int number) {
    is_to_stop = 1;
}

struct show {
    const char *state_dir;
    json_t *steps; // --json; NULL: lines
    unsigned n[3];
};

// ---- lines ----

// Words from column TEXT_AT on, in as many lines as they take.
static void print_wrapped(const char *text) {
    struct slice rest = slice_from_cstr(text);
    size_t column = TEXT_AT;
    for (bool is_first = true; rest.len > 0; is_first = false) {
        struct slice word;
        (void)slice_cut(rest, ' ', &word, &rest);
        if (!is_first && column + 1 + word.len > WIDTH) {
            (void)printf("\n%*s", TEXT_AT, "");
            column = TEXT_AT;
        } else if (!is_first) {
            (void)putchar(' ');
            column++;
        }
        (void)printf("%.*s", SLICE_FMT(word));
        column += word.len;
    }
    (void)putchar('\n');
}

// Three digits are enough for any time.
static void print_time(double ms) {
    if (ms < 9.95)
        (void)printf("%8.2f ms", ms);
    else
        (void)printf("%8.0f ms", ms);
}

static const char *const words[] = {[CHECK_OK] = "ok", [CHECK_FAILED] = "failed", [CHECK_SKIPPED] = "skipped"};

static void on_result(void *arg, const struct check_result *r) {
    struct show *s = arg;
    s->n[r->verdict]++;
    if (s->steps != NULL) {
        json_t *row = json_pack("{s:s, s:s, s:f, s:s}", "step", r->name, "verdict", words[r->verdict], "ms", r->ms,
                                "text", r->text);
        ASSERT(json_array_append_new(s->steps, row) == 0);
        return;
    }
    (void)printf("%-8s %-15s", words[r->verdict], r->name);
    if (r->verdict == CHECK_SKIPPED)
        (void)printf("%11s", "");
    else
        print_time(r->ms);
    (void)fputs("  ", stdout);
    print_wrapped(r->text);
    (void)fflush(stdout); // somebody watches
}

// ---- the command ----

static bool ask(void *arg, const json_t *request, void (*on_row)(void *row_arg, const json_t *row), void *row_arg,
                json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]) {
    struct show *s = arg;
    _Static_assert((int)CHECK_CONTROL_ERROR_SIZE == (int)CONTROL_ERROR_MAX, "one buffer for both");
    return control_call(s->state_dir, request, on_row, row_arg, ret_last, ret_error);
}

static void watch_signals(void) {
    struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGINT, &stop, NULL);
    (void)sigaction(SIGTERM, &stop, NULL);
    (void)sigaction(SIGHUP, &stop, NULL);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    // A name server that is silent must not hold a step up for longer than its limit (resolv.conf(5)).
    (void)setenv("RES_OPTIONS", "timeout:2 attempts:2", 0);
}

// A relay that may not be spoken to cannot be tested; one that does not run can, and fails.
static bool may_ask(const char *state_dir) {
    if (access(state_dir, X_OK) == 0 || errno != EACCES)
        return true;
    (void)fprintf(stderr, "martlet: only root and the relay's own user may speak to the relay of %s; try sudo\n",
                  state_dir);
    return false;
}

static int finish(struct show *s, enum check_end end, uint64_t begun_ms) {
    double seconds = (double)(clock_mono_ms() - begun_ms) / 1000;
    if (s->steps != NULL) {
        json_t *all = json_pack("{s:b, s:b, s:f, s:O}", "ok", end == CHECK_ALL_OK, "interrupted",
                                end == CHECK_INTERRUPTED, "seconds", seconds, "steps", s->steps);
        (void)json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(TIME_DIGITS));
        (void)putchar('\n');
        json_decref(all);
    } else {
        (void)printf("\n%u ok, %u failed, %u skipped in %.1f s%s\n", s->n[CHECK_OK], s->n[CHECK_FAILED],
                     s->n[CHECK_SKIPPED], seconds, end == CHECK_INTERRUPTED ? "; interrupted" : "");
    }
    if (operator_finish_output() != 0)
        return EXIT_CANNOT;
    return end == CHECK_ALL_OK ? 0 : end == CHECK_SOME_FAILED ? 1 : EXIT_CANNOT;
}

static int check(struct show *s, const struct check_settings *settings) {
    char error[CHECK_CONTROL_ERROR_SIZE];
    uint64_t begun_ms = clock_mono_ms();
    watch_signals();
    enum check_end end = check_run(settings, error);
    if (end != CHECK_CANNOT_BEGIN)
        return finish(s, end, begun_ms);
    (void)fprintf(stderr, "martlet: %s\n", error);
    return EXIT_CANNOT;
}

// With the configuration, where there is one: not for a relay elsewhere, nor for `martlet dev`.
static int check_configured(const struct operator_options *o, struct show *s, struct check_settings *settings) {
    if (o->domain != NULL)
        return check(s, settings);
    struct config *c = NULL;
    if (o->dir != NULL) {
        s->state_dir = o->dir;
    } else {
        c = operator_read_config(o, &settings->config_path);
        if (c == NULL)
            return EXIT_CANNOT;
        s->state_dir = c->state_dir;
        settings->config_domain = c->mail_domain;
        settings->ca_file = c->ca_file[0] != '\0' ? c->ca_file : NULL;
    }
    int status = may_ask(s->state_dir) ? check(s, settings) : EXIT_CANNOT;
    config_free(c);
    return status;
}

static int run_check(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'},
                                            {"peer", required_argument, NULL, 'p'},
                                            {"host", required_argument, NULL, 'H'},
                                            {"domain", required_argument, NULL, 'o'},
                                            {0}};
    struct operator_options o;
    operator_read_options(&check_command, argc, argv, allowed, &o);
    if (optind < argc)
        command_refuse_word(&check_command, argv[optind]);
    if (o.domain != NULL && (o.config_path != NULL || o.dir != NULL))
        command_misuse(&check_command, "--domain means a relay elsewhere, --config and --dir one of this machine");
    struct show show = {.steps = o.json ? json_array() : NULL};
    struct check_settings settings = {
        .domain = o.domain,
        .host = o.host,
        .peer = o.peer,
        .limit_ms = LIMIT_MS,
        .stop = &is_to_stop,
        .ask = ask,
        .on_result = on_result,
        .arg = &show,
    };
    int status = check_configured(&o, &show, &settings);
    json_decref(show.steps);
    return status;
}

const struct command check_command = {
    .name = "check",
    .summary = "a self-test of the running relay",
    .usage = "check [--peer DOMAIN] [--host ADDRESS] [--json] [WHERE]\n"
             "       martlet check --domain DOMAIN [--peer DOMAIN] [--host ADDRESS] [--json]\n"
             "\n"
             "Does what clients do, through the public ports: makes two accounts, sends between them, times it,\n"
             "tries the web pages, calls and the rest, and takes the accounts away again. A line for each step. The\n"
             "exit status is 0 when all is well, 1 when a step failed, 2 when there could be no test.\n"
             "\n"
             "  --peer DOMAIN     another relay: a message there and one back, timed\n"
             "  --host ADDRESS    connect to this address; else where the relay listens, by loopback\n"
             "  --domain DOMAIN   a relay elsewhere, as the world sees it; its test accounts stay until they expire\n"
             "  --json            one JSON object\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_check,
};
