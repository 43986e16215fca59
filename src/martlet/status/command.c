// SPDX-License-Identifier: MIT
// `martlet status`: how the relay is, on one screen. What it shows is what the relay's answer holds; nothing is judged
// here.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "martlet/command/command.h"
#include "martlet/command/control_client.h"
#include "martlet/command/operator.h"
#include "martlet/status/dns.h"
#include "martlet/status/offline.h"
#include "martlet/status/parts.h"
#include "martlet/status/realtime.h"
#include "martlet/status/screen.h"

enum { ATTENTION = 1, NOT_RUNNING = 3 }; // exit status; 3 as init scripts have it

static const json_t *part(const json_t *answer, const char *name) {
    return json_object_get(answer, name);
}

static bool is_running(const json_t *answer) {
    return json_is_true(part(answer, "running"));
}

// ---- the relay itself ----

static void show_head(const json_t *a) {
    char up[SCREEN_TEXT_MAX];
    const char *domain = operator_text(a, "domain");
    (void)printf("martlet %s%s%s", operator_text(a, "version"), domain[0] != '\0' ? " for " : "", domain);
    if (is_running(a)) {
        screen_write_span(operator_number(a, "uptime_s"), up);
        (void)printf(", up for %s\n\n", up);
    } else {
        (void)printf(", not running\n\n");
    }
}

static void show_certificate(struct screen *s, const json_t *a) {
    const json_t *c = part(a, "certificate");
    if (c == NULL)
        return;
    time_t at = (time_t)operator_number(c, "not_after");
    char date[64] = "";
    struct tm tm;
    if (gmtime_r(&at, &tm) != NULL)
        (void)strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    long long days = operator_number(c, "days_left");
    screen_line(s, "certificate");
    screen_item(s, "%lld %s left (until %s)", days, days == 1 ? "day" : "days", date);
    if (json_is_true(part(c, "public")))
        screen_item(s, "from a public authority");
    else
        screen_item(s, json_is_true(part(c, "self_signed")) ? "self-signed" : "clients cannot check it");
}

static void show_connections(struct screen *s, const json_t *a) {
    if (part(a, "connections") == NULL)
        return;
    size_t i;
    const json_t *row;
    screen_line(s, "connections");
    json_array_foreach(part(a, "connections"), i, row) if (operator_number(row, "open") > 0)
        screen_item(s, "%s %lld of %lld", operator_text(row, "service"), operator_number(row, "open"),
                    operator_number(row, "limit"));
    if (s->is_first)
        screen_item(s, "none");
}

static void show_octets(struct screen *s, const json_t *store, const char *key, const char *before, const char *after) {
    char text[SCREEN_TEXT_MAX];
    if (part(store, key) == NULL)
        return;
    screen_write_octets(operator_number(store, key), text);
    screen_item(s, "%s%s%s", before, text, after);
}

static void show_store(struct screen *s, const json_t *a) {
    const json_t *store = part(a, "store");
    if (store == NULL)
        return;
    screen_line(s, "store");
    if (part(store, "accounts") != NULL) {
        long long accounts = operator_number(store, "accounts"), messages = operator_number(store, "messages");
        screen_item(s, "%lld %s", accounts, accounts == 1 ? "account" : "accounts");
        screen_item(s, "%lld %s", messages, messages == 1 ? "message" : "messages");
    }
    show_octets(s, store, "database_octets", "database ", "");
    show_octets(s, store, "journal_octets", "journal ", "");
    show_octets(s, store, "files_octets", "files ", "");
    show_octets(s, store, "free_octets", "", " free on the disk");
}

static void show_memory(struct screen *s, const json_t *a) {
    char taken[SCREEN_TEXT_MAX], limit[SCREEN_TEXT_MAX];
    const json_t *pressed = part(part(a, "pressure"), "memory");
    if (part(a, "memory") == NULL)
        return;
    screen_line(s, "memory");
    show_octets(s, part(a, "memory"), "resident_octets", "", "");
    if (operator_number(pressed, "limit") > 0) {
        // What counts for it is not what is resident: pages of the program are shared, a group has more processes.
        screen_write_octets(operator_number(pressed, "taken"), taken);
        screen_write_octets(operator_number(pressed, "limit"), limit);
        screen_item(s, "%s of the closest limit, %s", taken, limit);
    }
}

// ---- mail ----

static void show_messages(struct screen *s, const json_t *a) {
    static const struct {
        const char *name, *text;
    } rows[] = {{"submitted", "from our accounts"},
                {"inbound", "from other servers"},
                {"delivered", "into mailboxes"},
                {"sent", "to other servers"},
                {"refused", "refused"},
                {"accounts", "new accounts"}};
    const json_t *m = part(a, "messages");
    if (m == NULL)
        return;
    screen_line(s, "messages");
    screen_item(s, "%-20s %10s %10s %10s", "", "minute", "hour", "day");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        screen_line(s, "");
        screen_item(s, "%-20s %10lld %10lld %10lld", rows[i].text, operator_number(part(m, "minute"), rows[i].name),
                    operator_number(part(m, "hour"), rows[i].name), operator_number(part(m, "day"), rows[i].name));
    }
}

static void show_queue(struct screen *s, const json_t *a) {
    const json_t *q = part(a, "queue"), *row;
    if (q == NULL)
        return;
    long long n = operator_number(q, "messages"), destinations = operator_number(q, "destinations");
    screen_line(s, "queue");
    if (n == 0) {
        screen_item(s, "empty");
        return;
    }
    char age[SCREEN_TEXT_MAX];
    screen_write_span(operator_number(q, "oldest_s"), age);
    screen_item(s, "%lld %s for %lld %s", n, n == 1 ? "message" : "messages", destinations,
                destinations == 1 ? "destination" : "destinations");
    screen_item(s, "the oldest for %s", age);
    size_t i;
    json_array_foreach(part(q, "largest"), i, row) {
        const char *error = operator_text(row, "error");
        screen_line(s, "");
        screen_item(s, "%s: %lld%s%s", operator_text(row, "destination"), operator_number(row, "messages"),
                    error[0] != '\0' ? ", " : "", error);
    }
}

// ---- the command ----

static void show(const json_t *a) {
    struct screen s = {.column = 0};
    show_head(a);
    status_show_ports(&s, a);
    show_certificate(&s, a);
    dns_status_show(&s, a);
    show_connections(&s, a);
    show_messages(&s, a);
    show_queue(&s, a);
    realtime_screen_show(&s, a);
    show_store(&s, a);
    show_memory(&s, a);
    status_show_limits(&s, a);
    status_show_pressure(&s, a);
    if (is_running(a))
        status_show_protection(&s, a);
    status_show_off(&s, a);
    screen_end(&s);
    size_t i;
    const json_t *sentence, *attention = part(a, "attention");
    if (is_running(a) || part(a, "store") != NULL)
        (void)putchar('\n');
    if (json_array_size(attention) == 0)
        (void)printf("nothing needs attention\n");
    json_array_foreach(attention, i, sentence) if (json_is_string(sentence))
        screen_sentence("attention: ", json_string_value(sentence));
}

// The relay's answer, or what its files tell; NULL when a sentence was printed.
static json_t *find_out(const struct operator_options *o) {
    char dir[PATH_MAX], why[CONTROL_ERROR_MAX];
    json_t *request = json_pack("{s:s}", "command", "status"), *answer = NULL;
    if (operator_find_dir(o, dir) && !control_call(dir, request, NULL, NULL, &answer, why)) {
        // One that may not be asked, or does not answer, is not one that does not run.
        if (control_is_absent(dir))
            answer = status_offline(o, why);
        else
            (void)fprintf(stderr, "martlet: %s\n", why);
    }
    json_decref(request);
    if (answer != NULL)
        (void)json_object_del(answer, "ok");
    return answer;
}

static int run_status(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct operator_options o;
    operator_read_options(&status_command, argc, argv, allowed, &o);
    if (optind < argc)
        command_refuse_word(&status_command, argv[optind]);
    json_t *answer = find_out(&o);
    if (answer == NULL)
        return ATTENTION;
    int status = !is_running(answer) ? NOT_RUNNING : json_array_size(part(answer, "attention")) > 0 ? ATTENTION : 0;
    if (o.json)
        operator_print_json(answer);
    else
        show(answer);
    json_decref(answer);
    return operator_finish_output() == 0 ? status : ATTENTION;
}

const struct command status_command = {
    .name = "status",
    .summary = "how the relay is, on one screen",
    .usage = "status [--json] [WHERE]\n"
             "\n"
             "Shows ports, certificate, connections, messages, the queue, notifications, TURN, iroh, what the relay\n"
             "takes of the machine, which limits are near, and what protects it. The exit status is 1 when something\n"
             "needs attention, which is said in a sentence at the end, and 3 when the relay does not run.\n"
             "\n"
             "  --json            one JSON object\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_status,
};
