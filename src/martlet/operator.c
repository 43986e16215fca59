// SPDX-License-Identifier: MIT
#include "martlet/operator.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "config/config.h"
#include "martlet/control_client.h"
#include "martlet/files.h"
#include "base/suggest.h"

#define DEFAULT_CONFIG "/etc/martlet/martlet.ini"

enum { OPTIONS_MAX = 8, CONFIG_FILE_MAX = 1024 * 1024 };

void operator_read_options(const struct command *c, int argc, char **argv, const struct option *allowed,
                           struct operator_options *ret) {
    struct option options[OPTIONS_MAX] = {{"config", required_argument, NULL, 'c'},
                                          {"dir", required_argument, NULL, 'D'},
                                          {"help", no_argument, NULL, 'h'}};
    for (size_t n = 3; allowed->name != NULL; allowed++, n++) {
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
        else if (option == 'u')
            ret->uses = optarg;
        else if (option == 'd')
            ret->days = optarg;
    }
    if (ret->config_path != NULL && ret->dir != NULL)
        command_misuse(c, "--config and --dir mean two different relays");
}

size_t operator_find_verb(const struct command *c, const char *word, const char *const *verbs, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, verbs[i]) == 0)
            return i;
    const char *near = suggest(word, verbs, n);
    if (near != NULL)
        command_misuse(c, "no \"%s\" here, did you mean \"%s\"", word, near);
    command_misuse(c, "what is \"%s\"?", word);
}

// ---- which relay ----

// Warnings were told when the relay started.
static void on_complaint(void *arg, const struct config_complaint *c) {
    if (!c->is_warning)
        (void)fprintf(stderr, "martlet: %s\n", c->text);
}

static struct config *read_config(const char *path) {
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    char error[FILES_ERROR_MAX];
    struct config *c = NULL;
    if (files_read(AT_FDCWD, path, false, &text, error))
        c = config_parse(buf_slice(&text), path, NULL, on_complaint, NULL);
    else if (errno == ENOENT)
        (void)fprintf(stderr,
                      "martlet: there is no configuration at %s; name one with --config FILE, or the directory of a "
                      "`martlet dev` with --dir\n",
                      path);
    else
        (void)fprintf(stderr, "martlet: %s%s\n", error, errno == EACCES ? "; try sudo" : "");
    buf_done(&text);
    return c;
}

bool operator_find_dir(const struct operator_options *o, char ret[PATH_MAX]) {
    if (o->dir != NULL) {
        (void)snprintf(ret, PATH_MAX, "%s", o->dir);
        return true;
    }
    struct config *c = read_config(o->config_path != NULL ? o->config_path : DEFAULT_CONFIG);
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
