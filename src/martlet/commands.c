// SPDX-License-Identifier: MIT
#include "martlet/commands.h"

#include <string.h>

// clang-format off
const struct command_row commands[] = {
    {COMMAND_SETS_UP, &init_command},
    {COMMAND_SETS_UP, &dns_command},
    {COMMAND_SETS_UP, &dkim_command},
    {COMMAND_SETS_UP, &certificate_command},
    {COMMAND_SETS_UP, &web_command},
    {COMMAND_RUNS, &serve_command},
    {COMMAND_RUNS, &dev_command},
    {COMMAND_LOOKS, &status_command},
    {COMMAND_LOOKS, &check_command},
    {COMMAND_LOOKS, &metrics_command},
    {COMMAND_PEOPLE, &account_command},
    {COMMAND_PEOPLE, &invite_command},
    {COMMAND_MAIL, &queue_command},
    {COMMAND_MAIL, &expire_command},
    {COMMAND_TROUBLE, &verify_command},
    {COMMAND_TROUBLE, &help_command},
    {COMMAND_HIDDEN, &relay_command},
    {COMMAND_HIDDEN, &acme_run_command},
    {COMMAND_HIDDEN, &acme_begin_command},
    {COMMAND_HIDDEN, &acme_done_command},
    {COMMAND_HIDDEN, &acme_failed_command},
    {COMMAND_HIDDEN, &dns_run_command},
};
// clang-format on
const size_t commands_n = ARRAY_LEN(commands);

const struct command *commands_find(const char *name) {
    for (size_t i = 0; i < commands_n; i++)
        if (strcmp(commands[i].command->name, name) == 0)
            return commands[i].command;
    return NULL;
}

size_t commands_names(const char *ret[COMMANDS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < commands_n; i++)
        if (commands[i].group != COMMAND_HIDDEN) {
            ASSERT(n < COMMANDS_MAX);
            ret[n++] = commands[i].command->name;
        }
    return n;
}
