// SPDX-License-Identifier: MIT
// The table of all subcommands, in the order in which `martlet help` shows them. A new command is a row here and the
// page docs/man/martlet-NAME.1.
#pragma once

#include <stddef.h>

#include "martlet/command/command.h"

enum command_group {
    COMMAND_SETS_UP,
    COMMAND_RUNS,
    COMMAND_LOOKS,
    COMMAND_PEOPLE,
    COMMAND_MAIL,
    COMMAND_TROUBLE,
    COMMAND_HIDDEN, // not for people
    COMMAND_N_GROUPS,
};

struct command_row {
    enum command_group group;
    const struct command *command;
};
extern const struct command_row commands[];
extern const size_t commands_n;

// NULL when there is none. Hidden ones are found, too.
const struct command *commands_find(const char *name);
// The names of those that are not hidden, for suggestions. Returns how many.
enum { COMMANDS_MAX = 64 };
size_t commands_names(const char *ret[COMMANDS_MAX]);
