// SPDX-License-Identifier: MIT
// `martlet dkim`: the keys that sign outgoing mail, and how to change them without losing any.
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"
#include "martlet/dkim/keys.h"

enum { ZONE_TEXT_MAX = 8 * 1024, TRIES_MAX = 26, LOOKS_MAX = 50, LOOK_US = 100 * 1000 };

static const char not_signing[] = "this relay does not sign: its domain is an IP address";

// ---- asking the relay ----

static bool ask(const struct operator_options *o, const char *command, void (*on_row)(void *, const json_t *),
                void *arg) {
    json_t *request = json_pack("{s:s}", "command", command);
    bool ok = operator_call(o, request, on_row, arg, NULL);
    json_decref(request);
    return ok;
}

// ---- list ----

static void print_zone_line(const json_t *row) {
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    if (dkim_zone_strings(slice_from_cstr(operator_text(row, "record")), &text))
        (void)printf("%s. 3600 IN TXT %.*s\n", operator_text(row, "name"), SLICE_FMT(buf_slice(&text)));
    buf_done(&text);
}

static const char *state_of(const json_t *row) {
    bool signs = json_is_true(json_object_get(row, "signs"));
    const char *published = operator_text(row, "published");
    if (strcmp(published, "yes") == 0)
        return signs ? "signs; its record is published" : "ready; its record is published, a newer key signs";
    if (strcmp(published, "no") == 0)
        return signs ? "signs, but its record is not in the DNS: others refuse our mail"
                     : "waits until its record is seen in the DNS";
    if (strcmp(published, "other") == 0)
        return signs ? "signs, but the DNS has another key there: others refuse our mail"
                     : "waits: the DNS has another key there";
    return signs ? "signs; the DNS was not asked yet" : "waits; the DNS was not asked yet";
}

static void print_row(void *arg, const json_t *row, size_t n) {
    (void)printf("%s%s (%s): %s\n", n > 0 ? "\n" : "", operator_text(row, "selector"), operator_text(row, "algorithm"),
                 state_of(row));
    print_zone_line(row);
}

static int list(const struct operator_options *o) {
    static const struct operator_list keys = {.print_row = print_row, .none = not_signing};
    return operator_show_list(o, json_pack("{s:s}", "command", "dkim-list"), &keys);
}

// ---- rotate ----

// Named by the day, so that old and new are told apart in the zone; a second one of the same day gets a letter.
static bool make_pair(const char *dir, char ret_selector[DKIM_SELECTOR_SIZE], char error[FILES_ERROR_MAX]) {
    time_t now = (time_t)clock_wall_s();
    struct tm day;
    if (gmtime_r(&now, &day) == NULL)
        return false;
    struct dkim_keys keys;
    if (!dkim_keys_load(dir, &keys, error))
        return false;
    if (keys.n + 2 > DKIM_KEYS_MAX) { // the relay would not start with more
        (void)snprintf(error, FILES_ERROR_MAX,
                       "there are %zu keys already; remove old ones: martlet dkim remove SELECTOR", keys.n);
        dkim_keys_done(&keys);
        return false;
    }
    char second[DKIM_SELECTOR_SIZE];
    for (int i = 0; i < TRIES_MAX; i++) {
        char letter[] = {i > 0 ? (char)('a' + i) : '\0', '\0'};
        (void)snprintf(ret_selector, DKIM_SELECTOR_SIZE, "m%04d%02d%02d%s", day.tm_year + 1900, day.tm_mon + 1,
                       day.tm_mday, letter);
        dkim_selector_of_ed25519(ret_selector, second);
        if (dkim_keys_find(&keys, ret_selector) == NULL && dkim_keys_find(&keys, second) == NULL)
            break;
    }
    dkim_keys_done(&keys);
    return dkim_keys_make(dir, ret_selector, DKIM_RSA_SHA256, error) &&
           dkim_keys_make(dir, second, DKIM_ED25519_SHA256, error);
}

static void count_row(void *arg, const json_t *row) {
    ++*(size_t *)arg;
}

struct wanted {
    const char *selector;
    size_t n;
};

static void print_if_new(void *arg, const json_t *row) {
    struct wanted *w = arg;
    char second[DKIM_SELECTOR_SIZE];
    dkim_selector_of_ed25519(w->selector, second);
    const char *selector = operator_text(row, "selector");
    if (strcmp(selector, w->selector) != 0 && strcmp(selector, second) != 0)
        return;
    print_zone_line(row);
    w->n++;
}

static int rotate(const struct operator_options *o) {
    char dir[PATH_MAX], selector[DKIM_SELECTOR_SIZE],
        error[FILES_ERROR_MAX] = "the date of this machine makes no sense";
    size_t n = 0;
    if (!operator_find_dir(o, dir) || !ask(o, "dkim-list", count_row, &n))
        return 1;
    if (n == 0) {
        (void)fprintf(stderr, "martlet: %s\n", not_signing);
        return 1;
    }
    if (!make_pair(dir, selector, error)) {
        (void)fprintf(stderr, "martlet: %s\n", error);
        return 1;
    }
    if (!ask(o, "dkim-reload", NULL, NULL))
        return 1;
    (void)printf("New keys are made. Add these records to the zone, and leave the old ones there:\n\n");
    struct wanted w = {.selector = selector};
    for (int i = 0; w.n == 0 && i < LOOKS_MAX; i++) { // the relay reads the files behind its answer
        (void)usleep(LOOK_US);
        if (!ask(o, "dkim-list", print_if_new, &w))
            return 1;
    }
    if (w.n == 0)
        (void)printf("(`martlet dkim` shows them in a moment)\n");
    (void)printf("\nThe relay signs with the new keys as soon as it sees the records; `martlet dkim` says when. A week "
                 "after that, remove\nthe old records, and the old keys with: martlet dkim remove SELECTOR\n");
    return operator_finish_output();
}

// ---- remove ----

struct lookup {
    const char *selector;
    bool found, signs;
};

static void find_row(void *arg, const json_t *row) {
    struct lookup *l = arg;
    if (strcmp(operator_text(row, "selector"), l->selector) != 0)
        return;
    l->found = true;
    l->signs = json_is_true(json_object_get(row, "signs"));
}

static int take_away(const struct operator_options *o, const char *selector) {
    char dir[PATH_MAX], error[FILES_ERROR_MAX];
    struct lookup l = {.selector = selector};
    if (!operator_find_dir(o, dir) || !ask(o, "dkim-list", find_row, &l))
        return 1;
    if (!l.found || !dkim_selector_is_valid(selector)) {
        (void)fprintf(stderr, "martlet: there is no key \"%s\"; `martlet dkim` lists them\n", selector);
        return 1;
    }
    if (l.signs) {
        (void)fprintf(stderr, "martlet: the key \"%s\" signs now; make a new one first: martlet dkim rotate\n",
                      selector);
        return 1;
    }
    if (!dkim_keys_remove(dir, selector, error)) {
        (void)fprintf(stderr, "martlet: %s\n", error);
        return 1;
    }
    if (!ask(o, "dkim-reload", NULL, NULL))
        return 1;
    (void)printf("the key is removed; its record can leave the zone\n");
    return operator_finish_output();
}

// ---- the command ----

static int run_verb(const struct operator_options *o, int argc, char **argv) {
    static const char *const verbs[] = {"list", "rotate", "remove"};
    enum { LIST, ROTATE, REMOVE };
    const char *verb = argv[optind++];
    size_t i = operator_find_verb(&dkim_command, verb, verbs, ARRAY_LEN(verbs));
    operator_refuse_others(&dkim_command, o, verb, i == LIST ? "j" : "");
    const char *selector = i == REMOVE && optind < argc ? argv[optind++] : NULL;
    if (i == REMOVE && selector == NULL)
        command_misuse(&dkim_command, "remove wants a selector");
    if (optind < argc)
        command_refuse_word(&dkim_command, argv[optind]);
    return i == LIST ? list(o) : i == ROTATE ? rotate(o) : take_away(o, selector);
}

static int run_dkim(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'}, {0}};
    struct operator_options o;
    operator_read_options(&dkim_command, argc, argv, allowed, &o);
    return optind < argc ? run_verb(&o, argc, argv) : list(&o);
}

const struct command dkim_command = {
    .name = "dkim",
    .summary = "the keys that sign outgoing mail, and their DNS records",
    .usage =
        "dkim [list] [--json] [WHERE]\n"
        "       martlet dkim rotate [WHERE]\n"
        "       martlet dkim remove SELECTOR [WHERE]\n"
        "\n"
        "Lists the keys with the records that the zone needs. A new key signs once its record is seen in the DNS.\n"
        "\n"
        "  --json            JSON objects, one a line\n"
        "WHERE:\n" OPERATOR_WHERE,
    .run = run_dkim,
};
