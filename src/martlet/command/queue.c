// SPDX-License-Identifier: MIT
// `martlet queue`: mail that waits for other servers. Addresses go to the terminal of whoever asks, and never to a log.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"

enum { COLUMN_MIN = 24, SPAN_SIZE = 32 };

// "3 d", "2 h", "5 min", "10 s".
static void write_span(long long s, char ret[SPAN_SIZE]) {
    static const struct {
        long long seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (s >= 2 * units[i].seconds || (s >= units[i].seconds && s % units[i].seconds == 0)) {
            (void)snprintf(ret, SPAN_SIZE, "%lld %s", s / units[i].seconds, units[i].unit);
            return;
        }
    }
    (void)snprintf(ret, SPAN_SIZE, "%lld s", s);
}

static void write_next(const json_t *row, char ret[SPAN_SIZE]) {
    long long next = operator_number(row, "next_s");
    if (next > 0)
        write_span(next, ret);
    else
        (void)snprintf(ret, SPAN_SIZE, "now");
}

// ---- list ----

static void print_destination(void *arg, const json_t *row, size_t n) {
    size_t *width = arg; // of the column of destinations, by the first one
    const char *name = operator_text(row, "destination"), *error = operator_text(row, "error");
    char age[SPAN_SIZE], next[SPAN_SIZE];
    write_span(operator_number(row, "age_s"), age);
    write_next(row, next);
    if (n == 0) {
        *width = strlen(name) > COLUMN_MIN ? strlen(name) : COLUMN_MIN;
        (void)printf("%-*s  %8s  %10s  %8s  %8s  %s\n", (int)*width, "destination", "messages", "recipients", "oldest",
                     "next try", "last error");
    }
    (void)printf("%-*s  %8lld  %10lld  %8s  %8s  %s\n", (int)*width, name, operator_number(row, "messages"),
                 operator_number(row, "recipients"), age, next, error[0] != '\0' ? error : "-");
}

static int list(const struct operator_options *o) {
    size_t width = 0;
    const struct operator_list destinations = {.print_row = print_destination, .none = "no mail waits", .arg = &width};
    return operator_show_list(o, json_pack("{s:s}", "command", "queue-list"), &destinations);
}

// ---- show ----

static void print_message(void *arg, const json_t *row, size_t n) {
    const char *sender = operator_text(row, "sender"), *reply = operator_text(row, "reply");
    char age[SPAN_SIZE], next[SPAN_SIZE];
    write_span(operator_number(row, "age_s"), age);
    write_next(row, next);
    (void)printf("%s%lld: %lld octets, %s old, next try %s%s, from %s\n", n > 0 ? "\n" : "", operator_number(row, "id"),
                 operator_number(row, "octets"), age, strcmp(next, "now") == 0 ? "" : "in ", next,
                 sender[0] != '\0' ? sender : "<> (a bounce)");
    size_t i;
    json_t *recipient;
    json_array_foreach(json_object_get(row, "recipients"), i, recipient) {
        if (json_is_string(recipient))
            (void)printf("    to %s\n", json_string_value(recipient));
    }
    if (reply[0] != '\0')
        (void)printf("    last answer: %s\n", reply);
}

static void print_failure(void *arg, const json_t *last) {
    const char *error = operator_text(last, "error");
    char failing[SPAN_SIZE];
    if (error[0] == '\0')
        return;
    write_span(operator_number(last, "failing_s"), failing);
    (void)printf("\nThe destination has failed for %s: %s\n", failing, error);
}

static json_t *request_about(const char *command, const char *destination) {
    json_t *request = json_pack("{s:s, s:s}", "command", command, "destination", destination);
    if (request == NULL)
        (void)fprintf(stderr, "martlet: the destination is not text in UTF-8\n");
    return request;
}

static int show(const struct operator_options *o, const char *destination) {
    static const struct operator_list messages = {.print_row = print_message, .print_end = print_failure};
    return operator_show_list(o, request_about("queue-show", destination), &messages);
}

// ---- retry, drop ----

static int retry(const struct operator_options *o, const char *destination) {
    json_t *request = request_about("queue-retry", destination != NULL ? destination : ""), *last = NULL;
    bool ok = request != NULL && operator_call(o, request, NULL, NULL, &last);
    json_decref(request);
    long long n = operator_number(last, "messages");
    if (ok && n == 0)
        (void)printf("no mail waits\n");
    else if (ok)
        (void)printf("%lld %s tried now\n", n, n == 1 ? "message is" : "messages are");
    json_decref(last);
    int status = operator_finish_output();
    return ok ? status : 1;
}

// What is all digits is the number of a message, as no domain is.
static int drop(const struct operator_options *o, const char *what) {
    uint64_t id = 0;
    bool is_id = slice_to_u64(slice_from_cstr(what), &id);
    json_t *request =
        json_pack("{s:s, s:s, s:I}", "command", "queue-drop", "destination", is_id ? "" : what, "id", (json_int_t)id);
    if (request == NULL) {
        (void)fprintf(stderr, "martlet: the destination is not text in UTF-8\n");
        return 1;
    }
    bool ok = operator_call(o, request, NULL, NULL, NULL);
    json_decref(request);
    if (ok)
        (void)printf("given up; the senders are told\n");
    int status = operator_finish_output();
    return ok ? status : 1;
}

// ---- the command ----

static int run_verb(const struct operator_options *o, int argc, char **argv) {
    static const char *const verbs[] = {"list", "show", "retry", "drop"};
    enum { LIST, SHOW, RETRY, DROP };
    const char *verb = argv[optind++];
    size_t i = operator_find_verb(&queue_command, verb, verbs, ARRAY_LEN(verbs));
    operator_refuse_others(&queue_command, o, verb, i == LIST || i == SHOW ? "j" : "");
    const char *what = i != LIST && optind < argc ? argv[optind++] : NULL;
    if (what == NULL && (i == SHOW || i == DROP))
        command_misuse(&queue_command, "%s wants a destination%s", verb,
                       i == DROP ? " or the number of a message" : "");
    if (optind < argc)
        command_refuse_word(&queue_command, argv[optind]);
    return i == LIST ? list(o) : i == SHOW ? show(o, what) : i == RETRY ? retry(o, what) : drop(o, what);
}

static int run_queue(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct operator_options o;
    operator_read_options(&queue_command, argc, argv, allowed, &o);
    return optind < argc ? run_verb(&o, argc, argv) : list(&o);
}

const struct command queue_command = {
    .name = "queue",
    .summary = "mail that waits for other servers",
    .usage = "queue [list] [--json] [WHERE]\n"
             "       martlet queue show DESTINATION [--json] [WHERE]\n"
             "       martlet queue retry [DESTINATION] [WHERE]\n"
             "       martlet queue drop DESTINATION|NUMBER [WHERE]\n"
             "\n"
             "Lists what waits for which domain or address, since when, and what went wrong last. retry tries it at\n"
             "once (everything, without DESTINATION); drop gives it up, and the senders get a bounce.\n"
             "\n"
             "  --json            JSON objects, one a line\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_queue,
};
