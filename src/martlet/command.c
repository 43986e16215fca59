// SPDX-License-Identifier: MIT
#include "martlet/command.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "base/suggest.h"

enum { OPTIONS_MAX = 16 };

_Noreturn void command_misuse(const struct command *c, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)fprintf(stderr, "martlet %s: ", c->name);
    (void)vfprintf(stderr, fmt, args);
    (void)fprintf(stderr, "; see `martlet help %s`\n", c->name);
    va_end(args);
    exit(EXIT_USAGE);
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

_Noreturn static void unknown_option(const struct command *c, const char *word, const struct option *options) {
    const char *names[OPTIONS_MAX];
    size_t n = 0;
    for (; n < OPTIONS_MAX && options[n].name != NULL; n++)
        names[n] = options[n].name;
    struct slice name = slice_from_cstr(word);
    name = slice_sub(name, slice_starts_with(name, SLICE("--")) ? 2 : 0, slice_find(name, '='));
    char text[64];
    (void)snprintf(text, sizeof(text), "%.*s", name.len < sizeof(text) ? (int)name.len : 0, name.ptr);
    const char *near = suggest(text, names, n);
    if (near != NULL)
        command_misuse(c, "unknown option %s, did you mean --%s", word, near);
    command_misuse(c, "unknown option %s", word);
}

int command_next_option(const struct command *c, int argc, char **argv, const struct option *options) {
    opterr = 0;
    int got = getopt_long(argc, argv, ":h", options, NULL);
    if (got == 'h') {
        (void)printf("usage: martlet %s\n", c->usage);
        exit(0);
    }
    if (got == ':')
        command_misuse(c, "option %s wants a value", argv[optind - 1]);
    if (got == '?')
        unknown_option(c, argv[optind - 1], options);
    return got;
}
