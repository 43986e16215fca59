// SPDX-License-Identifier: MIT
#include "martlet/command/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "base/suggest.h"
#include "config/meaning.h"

enum { OPTIONS_MAX = 16, MISUSE_MAX = 1024, OPTION_SHOWN_MAX = 80 };

_Noreturn void command_misuse(const struct command *c, const char *fmt, ...) {
    char text[MISUSE_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    bool asks = slice_ends_with(slice_from_cstr(text), SLICE("?"));
    (void)fprintf(stderr, "martlet %s: %s%s `martlet help %s`\n", c->name, text, asks ? " See" : "; see", c->name);
    exit(EXIT_USAGE);
}

void command_print_help(const struct command *c) {
    (void)printf("usage: martlet %s\n\nManual: man martlet-%s\n", c->usage, c->name);
}

void command_add_set(struct command_sets *sets, const char *value) {
    if (strchr(value, '=') == NULL || value[0] == '=') {
        (void)fprintf(stderr, "martlet: --set wants KEY=VALUE, not \"%s\"\n", value);
        exit(EXIT_USAGE);
    }
    if (sets->n == COMMAND_SETS_MAX) {
        (void)fprintf(stderr, "martlet: more than %d times --set\n", COMMAND_SETS_MAX);
        exit(EXIT_USAGE);
    }
    sets->values[sets->n++] = value;
}

uint16_t command_port_offset(const char *value) {
    uint32_t n;
    if (!slice_to_u32(slice_from_cstr(value), &n) || n > UINT16_MAX) {
        (void)fprintf(stderr, "martlet: --port-offset wants a number from 0 to 65535, not \"%s\"\n", value);
        exit(EXIT_USAGE);
    }
    return (uint16_t)n;
}

// ---- options ----

// `word` is what stands on the command line, without its value.
_Noreturn static void unknown_option(const struct command *c, const char *word, const struct option *options) {
    const char *names[OPTIONS_MAX], *starting = NULL, *other = NULL;
    const char *name = word + (slice_starts_with(slice_from_cstr(word), SLICE("--")) ? 2 : 1);
    size_t n = 0;
    for (; n < OPTIONS_MAX && options[n].name != NULL; n++) {
        names[n] = options[n].name;
        if (strncmp(names[n], name, strlen(name)) == 0) {
            other = starting != NULL && other == NULL ? names[n] : other;
            starting = starting == NULL ? names[n] : starting;
        }
    }
    if (other != NULL && name[0] != '\0')
        command_misuse(c, "%s could be --%s or --%s", word, starting, other);
    if (starting != NULL && name[0] != '\0')
        command_misuse(c, "unknown option %s, did you mean --%s?", word, starting);
    const char *near = suggest(name, names, n);
    for (size_t i = 0; near == NULL && i < n; i++)
        if (strncmp(names[i], name, strlen(names[i])) == 0) // --ipx: too short for a slip, and yet one
            near = names[i];
    if (near != NULL)
        command_misuse(c, "unknown option %s, did you mean --%s?", word, near);
    if (config_meaning_find(name) != NULL)
        command_misuse(c,
                       "unknown option %s: %s is a key of the configuration, which --set %s=VALUE sets where a "
                       "command takes it",
                       word, name, name);
    command_misuse(c, "unknown option %s", word);
}

// "--json=yes" of --json. With a letter that is none, `word` is only what stands before it.
static bool has_unwanted_value(const char *word, const struct option *options) {
    size_t len = strcspn(word, "=");
    for (; options->name != NULL; options++)
        if (optopt == options->val && options->has_arg == no_argument && word[len] == '=' && len > 2 &&
            strncmp(word, "--", 2) == 0 && strncmp(options->name, word + 2, len - 2) == 0)
            return true;
    return false;
}

// getopt_long(3) says '?' for all of these: no such option, several that begin like this, a value that is not wanted.
_Noreturn static void refuse_option(const struct command *c, const char *word, const struct option *options) {
    if (has_unwanted_value(word, options))
        command_misuse(c, "%.*s takes no value", (int)strcspn(word, "="), word);
    char text[OPTION_SHOWN_MAX];
    if (optopt == 0)
        (void)snprintf(text, sizeof(text), "%.*s", (int)strcspn(word, "="), word);
    else
        (void)snprintf(text, sizeof(text), "-%c", optopt);
    unknown_option(c, text, options);
}

static const struct option *last_options; // for the words behind them, of one command line

_Noreturn void command_refuse_word(const struct command *c, const char *word) {
    for (const struct option *o = last_options; o != NULL && o->name != NULL; o++)
        if (strcmp(o->name, word) == 0)
            command_misuse(c, "what is \"%s\", did you mean --%s?", word, word);
    command_misuse(c, "what is \"%s\"?", word);
}

int command_next_option(const struct command *c, int argc, char **argv, const struct option *options) {
    last_options = options;
    opterr = 0;
    int got = getopt_long(argc, argv, ":h", options, NULL);
    if (got == 'h') {
        command_print_help(c);
        exit(0);
    }
    if (got == ':')
        command_misuse(c, "option %s wants a value", argv[optind - 1]);
    if (got == '?')
        refuse_option(c, argv[optind - 1], options);
    return got;
}
