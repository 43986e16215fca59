// SPDX-License-Identifier: MIT
#include "martlet/command/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/suggest.h"
#include "config/config.h"
#include "martlet/command/control_client.h"
#include "martlet/host/files.h"

enum { OPTIONS_MAX = 8, CONFIG_FILE_MAX = 1024 * 1024, VERBS_TEXT_MAX = 200 };

void operator_read_options(const struct command *c, int argc, char **argv, const struct option *allowed,
                           struct operator_options *ret) {
    static struct option options[OPTIONS_MAX]; // read again for the words that follow
    const struct option common[] = {{"config", required_argument, NULL, 'c'},
                                    {"dir", required_argument, NULL, 'D'},
                                    {"help", no_argument, NULL, 'h'}};
    memset(options, 0, sizeof(options));
    memcpy(options, common, sizeof(common));
    for (size_t n = ARRAY_LEN(common); allowed->name != NULL; allowed++, n++) {
        ASSERT(n < OPTIONS_MAX - 1); // the last one ends the table
        options[n] = *allowed;
    }
    *ret = (struct operator_options){0};
    int option;
    while ((option = command_next_option(c, argc, argv, options)) != -1) {
        if (option == 'c')
            ret->config_path = optarg;
        else if (option == 'D')
            ret->dir = optarg;
        else if (option == 'j')
            ret->json = true;
        else if (option == 'y')
            ret->yes = true;
        else if (option == 'n')
            ret->dry_run = true;
        else if (option == 'u')
            ret->uses = optarg;
        else if (option == 'd')
            ret->days = optarg;
        else if (option == 'p')
            ret->peer = optarg;
        else if (option == 'H')
            ret->host = optarg;
        else if (option == 'o')
            ret->domain = optarg;
    }
    if (ret->config_path != NULL && ret->dir != NULL)
        command_misuse(c, "--config and --dir mean two different relays");
}

void operator_refuse_others(const struct command *c, const struct operator_options *o, const char *verb,
                            const char *taken) {
    const struct {
        char letter;
        bool is_given;
        const char *name;
    } options[] = {
        {'j', o->json, "--json"},
        {'y', o->yes, "--yes"},
        {'u', o->uses != NULL, "--uses"},
        {'d', o->days != NULL, "--days"},
    };
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (options[i].is_given && strchr(taken, options[i].letter) == NULL)
            command_misuse(c, "%s takes no %s", verb, options[i].name);
}

size_t operator_find_verb(const struct command *c, const char *word, const char *const *verbs, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, verbs[i]) == 0)
            return i;
    const char *near = suggest(word, verbs, n);
    if (near != NULL)
        command_misuse(c, "no \"%s\" here, did you mean \"%s\"?", word, near);
    char list[VERBS_TEXT_MAX] = "";
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof(list); i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
                                i == 0      ? ""
                                : i + 1 < n ? ", "
                                            : " or ",
                                verbs[i]);
    command_misuse(c, "what is \"%s\"? Wanted is %s", word, list);
}

// ---- which relay ----

// Warnings were told when the relay started.
static void on_complaint(void *arg, const struct config_complaint *c) {
    if (!c->is_warning)
        (void)fprintf(stderr, "martlet: %s\n", c->text);
}

bool operator_has_config(const char *path) {
    int error = errno;
    if (access(path, F_OK) == 0 || errno != ENOENT) {
        errno = error;
        return true;
    }
    (void)fprintf(stderr,
                  "martlet: there is no configuration at %s; `martlet init DOMAIN` makes one, --config FILE names "
                  "another, --dir the directory of a `martlet dev`\n",
                  path);
    return false;
}

static struct config *read_config(const char *path) {
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    char error[FILES_ERROR_MAX];
    struct config *c = NULL;
    if (files_read(AT_FDCWD, path, false, &text, error))
        c = config_parse(buf_slice(&text), path, NULL, on_complaint, NULL);
    else if (operator_has_config(path))
        (void)fprintf(stderr, "martlet: %s%s\n", error, errno == EACCES ? "; try sudo" : "");
    buf_done(&text);
    return c;
}

struct config *operator_read_config(const struct operator_options *o, const char **ret_path) {
    *ret_path = o->config_path != NULL ? o->config_path : OPERATOR_CONFIG;
    return read_config(*ret_path);
}

bool operator_find_dir(const struct operator_options *o, char ret[PATH_MAX]) {
    if (o->dir != NULL) {
        (void)snprintf(ret, PATH_MAX, "%s", o->dir);
        return true;
    }
    struct config *c = read_config(o->config_path != NULL ? o->config_path : OPERATOR_CONFIG);
    if (c == NULL)
        return false;
    (void)snprintf(ret, PATH_MAX, "%s", c->state_dir);
    config_free(c);
    return true;
}

bool operator_call(const struct operator_options *o, const json_t *request,
                   void (*on_row)(void *arg, const json_t *row), void *arg, json_t **ret_last) {
    char dir[PATH_MAX], error[CONTROL_ERROR_MAX];
    if (!operator_find_dir(o, dir))
        return false;
    if (control_call(dir, request, on_row, arg, ret_last, error))
        return true;
    (void)fflush(stdout); // the rows before the trouble
    (void)fprintf(stderr, "martlet: %s\n", error);
    return false;
}

// ---- showing ----

void operator_print_json(const json_t *object) {
    (void)json_dumpf(object, stdout, JSON_COMPACT);
    (void)putchar('\n');
}

struct listing {
    const struct operator_list *list;
    bool as_json;
    size_t n;
};

static void on_list_row(void *arg, const json_t *row) {
    struct listing *l = arg;
    if (l->as_json)
        operator_print_json(row);
    else
        l->list->print_row(l->list->arg, row, l->n);
    l->n++;
}

int operator_show_list(const struct operator_options *o, json_t *request, const struct operator_list *list) {
    struct listing l = {.list = list, .as_json = o->json};
    json_t *last = NULL;
    bool ok = request != NULL && operator_call(o, request, on_list_row, &l, &last);
    json_decref(request);
    if (ok && !o->json && l.n == 0 && list->none != NULL)
        (void)printf("%s\n", list->none);
    if (ok && !o->json && list->print_end != NULL)
        list->print_end(list->arg, last);
    json_decref(last);
    int status = operator_finish_output();
    return ok ? status : 1;
}

const char *operator_text(const json_t *row, const char *name) {
    const char *text = json_string_value(json_object_get(row, name));
    return text != NULL ? text : "";
}

long long operator_number(const json_t *row, const char *name) {
    return json_integer_value(json_object_get(row, name));
}

int operator_finish_output(void) {
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return 0;
    (void)fprintf(stderr, "martlet: the output could not be written: %s\n", strerror(errno));
    return 1;
}
