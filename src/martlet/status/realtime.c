// SPDX-License-Identifier: MIT
#include "martlet/status/realtime.h"

#include <stdio.h>
#include <string.h>

#include "martlet/command/operator.h"
#include "martlet/status/screen.h"

// ---- what is counted ----

// "relayed_bytes" is shown as "relayed", with its amount in octets. True when the name has that end.
static bool cut_end(char *name, const char *end) {
    size_t len = strlen(name), end_len = strlen(end);
    if (len <= end_len || strcmp(name + len - end_len, end) != 0)
        return false;
    name[len - end_len] = '\0';
    return true;
}

static void write_amount(long long amount, bool is_octets, char ret[SCREEN_TEXT_MAX]) {
    if (is_octets)
        screen_write_octets(amount, ret);
    else
        (void)snprintf(ret, SCREEN_TEXT_MAX, "%lld", amount);
}

static void show_values(struct screen *s, const char *name, const json_t *values, bool is_octets) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)values, key, value) {
        char amount[SCREEN_TEXT_MAX];
        if (json_integer_value(value) == 0)
            continue;
        write_amount(json_integer_value(value), is_octets, amount);
        screen_item(s, "%s %s %s", name, key, amount);
    }
}

static void show_seconds(struct screen *s, const char *name, const json_t *histogram) {
    if (operator_number(histogram, "count") > 0)
        screen_item(s, "%s %.3f s on average", name, json_real_value(json_object_get(histogram, "mean")));
}

static void show_count(struct screen *s, const char *key, const json_t *value) {
    char name[SCREEN_TEXT_MAX], amount[SCREEN_TEXT_MAX];
    (void)snprintf(name, sizeof(name), "%s", key);
    bool is_octets = cut_end(name, "_bytes"), is_seconds = cut_end(name, "_seconds");
    for (char *p = name; *p != '\0'; p++)
        *p = *p == '_' ? ' ' : *p;
    if (json_is_integer(value) && json_integer_value(value) != 0) {
        write_amount(json_integer_value(value), is_octets, amount);
        screen_item(s, "%s %s", name, amount);
    } else if (json_is_object(value) && json_object_get(value, "mean") != NULL) {
        if (is_seconds)
            show_seconds(s, name, value);
    } else if (json_is_object(value)) {
        show_values(s, name, value, is_octets);
    }
}

// What is not zero.
static void show_counts(struct screen *s, const json_t *service) {
    const char *key;
    json_t *value;
    screen_line(s, "");
    json_object_foreach(json_object_get(service, "counts"), key, value) show_count(s, key, value);
    if (s->is_first)
        screen_item(s, "nothing has happened yet");
}

// ---- the services ----

static const json_t *begin(struct screen *s, const json_t *answer, const char *name, const char *title) {
    const json_t *service = json_object_get(answer, name);
    if (service == NULL)
        return NULL;
    screen_line(s, title);
    if (json_is_true(json_object_get(service, "on")))
        return service;
    screen_item(s, "off");
    return NULL;
}

void realtime_screen_show(struct screen *s, const json_t *answer) {
    const json_t *push = begin(s, answer, "push", "notifications");
    if (push != NULL) {
        screen_item(s, "on");
        screen_item(s, "gateway %s", operator_text(push, "gateway"));
        screen_item(s, "%lld pending", operator_number(push, "pending"));
        show_counts(s, push);
    }
    const json_t *turn = begin(s, answer, "turn", "TURN");
    if (turn != NULL) {
        screen_item(s, "on");
        screen_item(s, "relayed ports %lld-%lld", operator_number(turn, "first_port"),
                    operator_number(turn, "last_port"));
        show_counts(s, turn);
    }
    const json_t *iroh = begin(s, answer, "iroh", "iroh");
    if (iroh != NULL) {
        bool is_served = json_is_true(json_object_get(iroh, "served"));
        screen_item(s, is_served ? "on" : "served elsewhere");
        screen_item(s, "%s", operator_text(iroh, "url"));
        if (is_served)
            show_counts(s, iroh);
    }
}
