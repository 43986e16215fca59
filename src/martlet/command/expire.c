// SPDX-License-Identifier: MIT
// `martlet expire --dry-run`: what expiry would remove. The relay removes by itself; there is nothing else to ask for.
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"

static void print_octets(long long octets) {
    if (octets < 1000 * 1000)
        (void)printf("%lld octets\n", octets);
    else
        (void)printf("%.1f MB\n", (double)octets / 1e6);
}

struct totals {
    uint64_t days;
    long long messages, octets, accounts;
};

// The relay's numbers may be any.
static void add(long long *sum, long long n) {
    *sum = n > LLONG_MAX - *sum ? LLONG_MAX : *sum + (n > 0 ? n : 0);
}

static void print_rule(void *arg, const json_t *row, size_t n) {
    static const struct {
        const char *rule, *text;
    } texts[] = {
        {"account", "with accounts that nobody logs in to"},
        {"age", "by age"},
        {"large", "large ones that were fetched"},
        {"quota", "the oldest of crowded mailboxes"},
    };
    struct totals *t = arg;
    const char *rule = operator_text(row, "rule"), *text = rule;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (strcmp(texts[i].rule, rule) == 0)
            text = texts[i].text;
    long long messages = operator_number(row, "messages"), octets = operator_number(row, "octets");
    (void)printf("%-36s  %10lld %s  ", text, messages, messages == 1 ? "message " : "messages");
    print_octets(octets);
    add(&t->messages, messages);
    add(&t->octets, octets);
    add(&t->accounts, operator_number(row, "accounts"));
}

static void print_totals(void *arg, const json_t *last) {
    const struct totals *t = arg;
    (void)printf("%s in all: %lld %s, %lld %s, ", t->days == 0 ? "now" : "by then", t->accounts,
                 t->accounts == 1 ? "account" : "accounts", t->messages, t->messages == 1 ? "message" : "messages");
    print_octets(t->octets);
}

static int dry_run(const struct operator_options *o) {
    struct totals t = {.days = 0};
    if (o->days != NULL && (!slice_to_u64(slice_from_cstr(o->days), &t.days) || t.days > 36500))
        command_misuse(&expire_command, "--days wants a number from 0 to 36500, not \"%s\"", o->days);
    const struct operator_list rules = {.print_row = print_rule, .print_end = print_totals, .arg = &t};
    return operator_show_list(o, json_pack("{s:s, s:I}", "command", "expire-dry-run", "days", (json_int_t)t.days),
                              &rules);
}

static int run_expire(int argc, char **argv) {
    static const struct option allowed[] = {{"dry-run", no_argument, NULL, 'n'},
                                            {"days", required_argument, NULL, 'd'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    struct operator_options o;
    operator_read_options(&expire_command, argc, argv, allowed, &o);
    if (optind < argc)
        command_refuse_word(&expire_command, argv[optind]);
    if (!o.dry_run)
        command_misuse(&expire_command, "a running relay expires by itself; --dry-run shows what would go");
    return dry_run(&o);
}

const struct command expire_command = {
    .name = "expire",
    .summary = "what would be deleted by age",
    .usage = "expire --dry-run [--days N] [--json] [WHERE]\n"
             "\n"
             "Says how many accounts and messages expiry would remove now, by which rule, and removes nothing. The\n"
             "relay itself removes them bit by bit, all the time.\n"
             "\n"
             "  --dry-run         required: there is nothing else to ask for\n"
             "  --days N          as if it were N days later\n"
             "  --json            JSON objects, one a line\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_expire,
};
