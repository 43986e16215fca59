// SPDX-License-Identifier: MIT
// The program's entry: picks the subcommand.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "martlet/command/command.h"
#include "martlet/commands.h"
#include "martlet/help.h"
#include "martlet/sandbox/sandbox.h"

static bool is_one_of(const char *word, const char *a, const char *b) {
    return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int main(int argc, char **argv) {
    sandbox_hide_memory();
    if (argc < 2) {
        help_print_overview(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (is_one_of(name, "--version", "-V") || strcmp(name, "version") == 0) {
        (void)printf("martlet %s\n", MARTLET_VERSION);
        return 0;
    }
    const struct command *c = is_one_of(name, "--help", "-h") ? &help_command : commands_find(name);
    if (c != NULL)
        return c->run(argc - 1, argv + 1);
    help_complain(name);
    return EXIT_USAGE;
}
