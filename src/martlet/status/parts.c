// SPDX-License-Identifier: MIT
#include "martlet/status/parts.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "martlet/command/operator.h"
#include "martlet/status/screen.h"

// ---- ports ----

// The addresses of a service, "0.0.0.0 and [::]".
static void list_hosts(const json_t *ports, const char *service, char ret[SCREEN_TEXT_MAX]) {
    size_t i, len = 0;
    const json_t *port;
    ret[0] = '\0';
    json_array_foreach((json_t *)ports, i, port) {
        if (strcmp(operator_text(port, "service"), service) != 0)
            continue;
        struct slice address = slice_from_cstr(operator_text(port, "address"));
        address = slice_sub(address, 0, slice_rfind(address, ':'));
        int n = snprintf(ret + len, SCREEN_TEXT_MAX - len, "%s%.*s", len > 0 ? " and " : "", SLICE_FMT(address));
        len += n > 0 && (size_t)n < SCREEN_TEXT_MAX - len ? (size_t)n : 0;
    }
}

void status_show_ports(struct screen *s, const json_t *answer) {
    size_t i;
    const json_t *port, *ports = json_object_get(answer, "ports");
    char common[SCREEN_TEXT_MAX], hosts[SCREEN_TEXT_MAX];
    const char *before = "";
    if (json_array_size(ports) == 0)
        return;
    screen_line(s, "ports");
    // All services stand on the same addresses, as a rule; then these are named once.
    list_hosts(ports, operator_text(json_array_get(ports, 0), "service"), common);
    json_array_foreach((json_t *)ports, i, port) {
        const char *service = operator_text(port, "service");
        if (strcmp(service, before) == 0)
            continue;
        before = service;
        list_hosts(ports, service, hosts);
        bool is_common = strcmp(hosts, common) == 0;
        const char *suffix = strcmp(operator_text(port, "protocol"), "udp") == 0 ? "/udp" : "";
        screen_item(s, "%s %lld%s%s%s", service, operator_number(port, "port"), suffix, is_common ? "" : " on ",
                    is_common ? "" : hosts);
    }
    screen_line(s, "");
    screen_item(s, "on %s", common);
}

// ---- protection ----

struct word {
    const char *report, *text; // "no_new_privs=on", and what that means
};

// What the sandbox reports, in words that need no manual; what has none is shown as it is.
static void show_word(struct screen *s, struct slice word) {
    static const struct word words[] = {
        {"landlock=0", "files not confined (the kernel has no Landlock)"},
        {"connect=any", "may connect to any port"},
        {"seccomp=on", "system calls filtered"},
        {"seccomp=off", "system calls not filtered"},
        {"no_new_privs=on", "no new privileges"},
        {"dumpable=off", "memory and core dumps off limits"},
        {"dumpable=on", "memory open to the same user"},
        {"sanitizer=on", "built with a sanitizer"},
        {"reading=everywhere", "may read any file"},
    };
    struct slice name, value;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq(word, slice_from_cstr(words[i].report))) {
            screen_item(s, "%s", words[i].text);
            return;
        }
    if (!slice_cut(word, '=', &name, &value))
        screen_item(s, "%.*s", SLICE_FMT(word));
    else if (slice_eq(name, SLICE("landlock")))
        screen_item(s, "confined to its own files (Landlock %.*s)", SLICE_FMT(value));
    else if (slice_eq(name, SLICE("connect")))
        screen_item(s, "may connect to ports %.*s alone", SLICE_FMT(value));
    else
        screen_item(s, "%.*s", SLICE_FMT(word));
}

void status_show_protection(struct screen *s, const json_t *answer) {
    struct slice rest = slice_from_cstr(operator_text(json_object_get(answer, "sandbox"), "report"));
    screen_line(s, "protection");
    for (struct slice word; (word = slice_next_word(&rest)).len > 0;)
        show_word(s, word);
    if (s->is_first)
        screen_item(s, "none");
}

// ---- limits ----

static void show_limit(struct screen *s, const char *name, long long used, long long limit, bool is_octets) {
    char used_text[SCREEN_TEXT_MAX], limit_text[SCREEN_TEXT_MAX];
    if (limit <= 0 || (double)used * 100 < (double)limit * STATUS_LIMIT_PERCENT)
        return;
    if (is_octets) {
        screen_write_octets(used, used_text);
        screen_write_octets(limit, limit_text);
    } else {
        (void)snprintf(used_text, sizeof(used_text), "%lld", used);
        (void)snprintf(limit_text, sizeof(limit_text), "%lld", limit);
    }
    screen_item(s, "%s %s of %s (%.0f %%)", name, used_text, limit_text, (double)used * 100 / (double)limit);
}

void status_show_limits(struct screen *s, const json_t *answer) {
    size_t i;
    const json_t *row, *limits = json_object_get(answer, "limits"), *pressure = json_object_get(answer, "pressure");
    const json_t *memory = json_object_get(pressure, "memory"), *files = json_object_get(pressure, "files");
    if (limits == NULL)
        return;
    screen_line(s, "limits");
    show_limit(s, "memory", operator_number(memory, "taken"), operator_number(memory, "limit"), true);
    show_limit(s, "file descriptors", operator_number(files, "taken"), operator_number(files, "limit"), false);
    json_array_foreach((json_t *)limits, i, row) {
        const char *name = operator_text(row, "name");
        // Connections alone, where all of them have been counted.
        if (files != NULL && strncmp(name, "file descriptors", strlen("file descriptors")) == 0)
            continue;
        show_limit(s, name, operator_number(row, "used"), operator_number(row, "limit"),
                   json_is_true(json_object_get(row, "octets")));
    }
    if (s->is_first)
        screen_item(s, "none is taken by %d %%", STATUS_LIMIT_PERCENT);
}

// What it shuts stands among the sentences at the end.
void status_show_pressure(struct screen *s, const json_t *answer) {
    const char *cause;
    json_t *of;
    const json_t *pressure = json_object_get(answer, "pressure");
    if (pressure == NULL)
        return;
    screen_line(s, "pressure");
    json_object_foreach((json_t *)pressure, cause, of) if (operator_number(of, "level") > 0)
        screen_item(s, "%s: level %lld", cause, operator_number(of, "level"));
    if (s->is_first)
        screen_item(s, "none");
}

void status_show_off(struct screen *s, const json_t *answer) {
    size_t i;
    const json_t *text, *off = json_object_get(answer, "off");
    if (json_array_size(off) == 0)
        return;
    screen_line(s, "switched off");
    json_array_foreach((json_t *)off, i, text) if (json_is_string(text)) screen_item(s, "%s", json_string_value(text));
}
