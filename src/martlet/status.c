// SPDX-License-Identifier: MIT
// `martlet status`: how the relay is, on one screen. What it shows is what the relay's answer holds; nothing is judged
// here.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "martlet/command.h"
#include "martlet/operator.h"
#include "martlet/realtime_screen.h"
#include "martlet/status_screen.h"

static const json_t *part(const json_t *answer, const char *name) {
    return json_object_get(answer, name);
}

// ---- the relay itself ----

static void show_head(const json_t *a) {
    char up[SCREEN_TEXT_MAX];
    screen_write_span(operator_number(a, "uptime_s"), up);
    (void)printf("martlet %s for %s, up for %s\n\n", operator_text(a, "version"), operator_text(a, "domain"), up);
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
    screen_item(s, json_is_true(part(c, "public")) ? "from a public authority" : "self-signed or not for all clients");
}

static void show_ports(struct screen *s, const json_t *a) {
    size_t i;
    const json_t *port, *ports = part(a, "ports");
    screen_line(s, "ports");
    const char *before = "";
    json_array_foreach(ports, i, port) {
        const char *service = operator_text(port, "service"), *address = operator_text(port, "address");
        const char *suffix = strcmp(operator_text(port, "protocol"), "udp") == 0 ? "/udp" : "";
        if (strcmp(service, before) == 0)
            screen_item(s, "%s%s", address, suffix);
        else
            screen_item(s, "%s %s%s", service, address, suffix);
        before = service;
    }
}

static void show_connections(struct screen *s, const json_t *a) {
    size_t i;
    const json_t *row;
    screen_line(s, "connections");
    json_array_foreach(part(a, "connections"), i, row) if (operator_number(row, "open") > 0)
        screen_item(s, "%s %lld of %lld", operator_text(row, "service"), operator_number(row, "open"),
                    operator_number(row, "limit"));
    if (s->is_first)
        screen_item(s, "none");
}

static void show_machine(struct screen *s, const json_t *a) {
    const json_t *store = part(a, "store");
    char text[SCREEN_TEXT_MAX];
    if (store != NULL) {
        long long accounts = operator_number(store, "accounts"), messages = operator_number(store, "messages");
        screen_line(s, "store");
        screen_item(s, "%lld %s", accounts, accounts == 1 ? "account" : "accounts");
        screen_item(s, "%lld %s", messages, messages == 1 ? "message" : "messages");
        screen_write_octets(operator_number(store, "database_octets"), text);
        screen_item(s, "database %s", text);
        screen_write_octets(operator_number(store, "journal_octets"), text);
        screen_item(s, "journal %s", text);
        screen_write_octets(operator_number(store, "files_octets"), text);
        screen_item(s, "files %s", text);
        screen_write_octets(operator_number(store, "free_octets"), text);
        screen_item(s, "%s free on the disk", text);
    }
    screen_line(s, "memory");
    screen_write_octets(operator_number(part(a, "memory"), "resident_octets"), text);
    screen_item(s, "%s", text);
    screen_line(s, "sandbox");
    screen_item(s, "%s", operator_text(part(a, "sandbox"), "report"));
}

// ---- mail ----

static void show_messages(struct screen *s, const json_t *a) {
    static const struct {
        const char *name, *text;
    } rows[] = {{"submitted", "from our accounts"},
                {"inbound", "from other servers"},
                {"delivered", "into mailboxes"},
                {"sent", "to other servers"},
                {"refused", "refused"}};
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
    show_ports(&s, a);
    show_certificate(&s, a);
    show_connections(&s, a);
    show_messages(&s, a);
    show_queue(&s, a);
    realtime_screen_show(&s, a);
    show_machine(&s, a);
    screen_end(&s);
    size_t i;
    const json_t *sentence, *attention = part(a, "attention");
    (void)putchar('\n');
    if (json_array_size(attention) == 0)
        (void)printf("nothing needs attention\n");
    json_array_foreach(attention, i, sentence)(void) printf("attention: %s\n", json_string_value(sentence));
}

static int run_status(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct operator_options o;
    operator_read_options(&status_command, argc, argv, allowed, &o);
    if (optind < argc)
        command_misuse(&status_command, "what is \"%s\"?", argv[optind]);
    json_t *request = json_pack("{s:s}", "command", "status"), *answer = NULL;
    bool ok = operator_call(&o, request, NULL, NULL, &answer);
    json_decref(request);
    bool is_well = ok && json_array_size(part(answer, "attention")) == 0;
    if (ok)
        (void)json_object_del(answer, "ok");
    if (ok && o.json)
        operator_print_json(answer);
    else if (ok)
        show(answer);
    json_decref(answer);
    int status = operator_finish_output();
    return is_well ? status : 1;
}

const struct command status_command = {
    .name = "status",
    .summary = "how the relay is, on one screen",
    .usage = "status [--json] [WHERE]\n"
             "\n"
             "Shows ports, certificate, connections, messages, the queue, notifications, TURN, iroh, and what the\n"
             "relay takes of the machine. The exit status is 1 when something needs attention, which is said in a\n"
             "sentence at the end.\n"
             "\n"
             "  --json            one JSON object\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_status,
};
