// SPDX-License-Identifier: MIT
// `martlet account`: what an operator does to accounts of the running relay. Addresses go to the terminal of whoever
// asks, and never to a log.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "martlet/command/command.h"
#include "martlet/command/operator.h"

enum { COLUMN_MIN = 20, SIZE_TEXT_MAX = 32 };

static json_t *request_about(const char *command, const char *address) {
    json_t *request = json_pack("{s:s, s:s}", "command", command, "address", address);
    if (request == NULL)
        (void)fprintf(stderr, "martlet: the address is not text in UTF-8\n");
    return request;
}

// The answer's last object, or NULL when a sentence was printed.
static json_t *ask_about(const struct operator_options *o, const char *command, const char *address) {
    json_t *request = request_about(command, address), *last = NULL;
    if (request != NULL && !operator_call(o, request, NULL, NULL, &last))
        last = NULL;
    json_decref(request);
    return last;
}

static void write_size(long long octets, char ret[SIZE_TEXT_MAX]) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double n = (double)octets / 1024;
    size_t unit = 0;
    for (; n >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        n /= 1024;
    if (octets < 1024)
        (void)snprintf(ret, SIZE_TEXT_MAX, "%lld B", octets);
    else
        (void)snprintf(ret, SIZE_TEXT_MAX, "%.1f %s", n, units[unit]);
}

static const char *state_of(const json_t *row) {
    return json_is_true(json_object_get(row, "blocked")) ? "blocked" : "active";
}

// ---- list ----

static void print_row(void *arg, const json_t *row, size_t n) {
    size_t *width = arg; // of the column of addresses, by the first one
    const char *address = operator_text(row, "address");
    char size[SIZE_TEXT_MAX];
    write_size(operator_number(row, "octets"), size);
    if (n == 0) {
        *width = strlen(address) > COLUMN_MIN ? strlen(address) : COLUMN_MIN;
        (void)printf("%-*s  %-7s  %-10s  %8s  %10s\n", (int)*width, "address", "state", "last login", "messages",
                     "size");
    }
    (void)printf("%-*s  %-7s  %-10s  %8lld  %10s\n", (int)*width, address, state_of(row),
                 operator_text(row, "last_login"), operator_number(row, "messages"), size);
}

static int list(const struct operator_options *o, const char *address) {
    size_t width = 0;
    const struct operator_list accounts = {.print_row = print_row, .none = "there is no account yet", .arg = &width};
    return operator_show_list(o, json_pack("{s:s}", "command", "account-list"), &accounts);
}

// ---- one account ----

static int show(const struct operator_options *o, const char *address) {
    json_t *a = ask_about(o, "account-show", address);
    if (a == NULL)
        return 1;
    char size[SIZE_TEXT_MAX], quota[SIZE_TEXT_MAX];
    write_size(operator_number(a, "octets"), size);
    write_size(operator_number(a, "quota"), quota);
    if (o->json) {
        (void)json_object_del(a, "ok");
        operator_print_json(a);
    } else {
        (void)printf("address     %s\nstate       %s\nlast login  %s\nmessages    %lld\nsize        %s of %s\n",
                     operator_text(a, "address"), state_of(a), operator_text(a, "last_login"),
                     operator_number(a, "messages"), size, quota);
    }
    json_decref(a);
    return operator_finish_output();
}

static int change(const struct operator_options *o, const char *address, const char *command, const char *done) {
    json_t *a = ask_about(o, command, address);
    if (a == NULL)
        return 1;
    (void)printf("%s %s\n", operator_text(a, "address"), done);
    json_decref(a);
    return operator_finish_output();
}

static int block(const struct operator_options *o, const char *address) {
    return change(o, address, "account-block", "is blocked: it cannot send and gets nothing new");
}

static int unblock(const struct operator_options *o, const char *address) {
    return change(o, address, "account-unblock", "is not blocked any more");
}

// What is about to go is named first.
static bool is_sure(const struct operator_options *o, const char *address) {
    if (isatty(STDIN_FILENO) != 1) {
        (void)fprintf(stderr, "martlet: deleting cannot be undone; nobody can be asked here, so say --yes\n");
        return false;
    }
    json_t *a = ask_about(o, "account-show", address);
    if (a == NULL)
        return false;
    char size[SIZE_TEXT_MAX], answer[16];
    write_size(operator_number(a, "octets"), size);
    (void)printf("Delete %s with %lld messages (%s)? This cannot be undone. [y/N] ", operator_text(a, "address"),
                 operator_number(a, "messages"), size);
    (void)fflush(stdout);
    json_decref(a);
    if (fgets(answer, sizeof(answer), stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y'))
        return true;
    (void)fprintf(stderr, "martlet: nothing was deleted\n");
    return false;
}

static int delete (const struct operator_options *o, const char *address) {
    if (!o->yes && !is_sure(o, address))
        return 1;
    json_t *a = ask_about(o, "account-delete", address);
    if (a == NULL)
        return 1;
    long long messages = operator_number(a, "messages");
    (void)printf("%s is deleted", operator_text(a, "address"));
    if (messages > 0) // the relay does that by itself, however long it takes
        (void)printf("; its %lld message%s being erased", messages, messages == 1 ? " is" : "s are");
    (void)printf("\n");
    json_decref(a);
    return operator_finish_output();
}

static const struct verb {
    const char *name;
    bool wants_address;
    const char *options; // for operator_refuse_others()
    int (*run)(const struct operator_options *o, const char *address);
} verbs[] = {
    {"list", false, "j", list},     {"show", true, "j", show},     {"block", true, "", block},
    {"unblock", true, "", unblock}, {"delete", true, "y", delete},
};

static const struct verb *find_verb(const char *name) {
    const char *names[ARRAY_LEN(verbs)];
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        names[i] = verbs[i].name;
    return &verbs[operator_find_verb(&account_command, name, names, ARRAY_LEN(names))];
}

static int run_account(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'}, {"yes", no_argument, NULL, 'y'}, {0}};
    struct operator_options o;
    operator_read_options(&account_command, argc, argv, allowed, &o);
    if (optind == argc)
        command_misuse(&account_command, "list, show, block, unblock or delete is wanted");
    const struct verb *v = find_verb(argv[optind++]);
    operator_refuse_others(&account_command, &o, v->name, v->options);
    const char *address = v->wants_address && optind < argc ? argv[optind++] : NULL;
    if (v->wants_address && address == NULL)
        command_misuse(&account_command, "%s wants an address", v->name);
    if (optind < argc)
        command_refuse_word(&account_command, argv[optind]);
    return v->run(&o, address);
}

const struct command account_command = {
    .name = "account",
    .summary = "list, show, block or delete accounts",
    .usage = "account list [--json] [WHERE]\n"
             "       martlet account show ADDRESS [--json] [WHERE]\n"
             "       martlet account block ADDRESS [WHERE]\n"
             "       martlet account unblock ADDRESS [WHERE]\n"
             "       martlet account delete ADDRESS [--yes] [WHERE]\n"
             "\n"
             "Asks the running relay. Without \"@\" the address is one of the relay's domain. A blocked account\n"
             "cannot send and gets nothing new; what it has, it can read.\n"
             "\n"
             "  --json            one JSON object a line\n"
             "  --yes             delete without asking\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_account,
};
