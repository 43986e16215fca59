// SPDX-License-Identifier: MIT
// The program's entry: picks the subcommand.
#include <stdio.h>
#include <string.h>

#include "martlet/command.h"
#include "base/suggest.h"

static const struct command *const commands[] = {
    &serve_command,       &dev_command,        &invite_command,    &account_command,
    &certificate_command, &web_command,        &dkim_command,      &queue_command,
    &status_command,      &metrics_command,    &verify_command,    &relay_command,
    &acme_run_command,    &acme_begin_command, &acme_done_command, &acme_failed_command,
};

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

static int print_overview(void) {
    (void)printf("martlet %s, a chatmail relay\n\n", MARTLET_VERSION);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i]->summary != NULL)
            (void)printf("  martlet %-11s %s\n", commands[i]->name, commands[i]->summary);
    (void)printf("\n`martlet help COMMAND` shows the options of a command.\n");
    return 0;
}

static int misuse(const char *what, const char *name) {
    (void)fprintf(stderr, "martlet: %s%s; see `martlet help`\n", what, name);
    return EXIT_USAGE;
}

static int unknown_command(const char *name) {
    const char *names[ARRAY_LEN(commands)];
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (commands[i]->summary != NULL)
            names[n++] = commands[i]->name;
    const char *near = suggest(name, names, n);
    if (near == NULL)
        return misuse("no command ", name);
    (void)fprintf(stderr, "martlet: no command %s; did you mean `martlet %s`?\n", name, near);
    return EXIT_USAGE;
}

static int help(int argc, char **argv) {
    if (argc < 2)
        return print_overview();
    const struct command *c = find_command(argv[1]);
    if (argc > 2 || c == NULL || c->summary == NULL)
        return misuse("no help for ", argv[1]);
    (void)printf("usage: martlet %s\n", c->usage);
    return 0;
}

int main(int argc, char **argv) {
    if (argc < 2)
        return misuse("a command is wanted", "");
    const char *name = argv[1];
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        (void)printf("martlet %s\n", MARTLET_VERSION);
        return 0;
    }
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        return help(argc - 1, argv + 1);
    const struct command *c = find_command(name);
    return c != NULL ? c->run(argc - 1, argv + 1) : unknown_command(name);
}
