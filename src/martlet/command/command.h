// SPDX-License-Identifier: MIT
// The subcommands of the program.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum { EXIT_USAGE = 2 };

struct command {
    const char *name;
    const char *summary; // NULL: hidden
    const char *usage;   // after "usage: martlet "
    int (*run)(int argc, char **argv);
};

// One a line, in the order of the alphabet; martlet/commands.c has the table of them.
extern const struct command account_command;
extern const struct command acme_begin_command;
extern const struct command acme_done_command;
extern const struct command acme_failed_command;
extern const struct command acme_run_command;
extern const struct command certificate_command;
extern const struct command check_command;
extern const struct command dev_command;
extern const struct command dkim_command;
extern const struct command dns_command;
extern const struct command dns_run_command;
extern const struct command expire_command;
extern const struct command help_command;
extern const struct command init_command;
extern const struct command invite_command;
extern const struct command metrics_command;
extern const struct command queue_command;
extern const struct command relay_command;
extern const struct command serve_command;
extern const struct command status_command;
extern const struct command verify_command;
extern const struct command web_command;

// The values of repeated --set options, as config_parse() takes them.
enum { COMMAND_SETS_MAX = 250 };
struct command_sets {
    const char *values[COMMAND_SETS_MAX + 1]; // NULL-terminated; borrowed from the command line
    size_t n;
};

// Each of these prints one line and ends the program with EXIT_USAGE when the command line is wrong.
void command_add_set(struct command_sets *sets, const char *value);
uint16_t command_port_offset(const char *value);
// Reads the next long option like getopt_long(3); 0 options left: -1. `--help` prints the usage and ends with 0.
struct option;
int command_next_option(const struct command *c, int argc, char **argv, const struct option *options);
_Noreturn void command_misuse(const struct command *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
// The same of a word that the command has no use for; whether dashes are missing before it, the options know that
// command_next_option() has read last.
_Noreturn void command_refuse_word(const struct command *c, const char *word);
// What `martlet help COMMAND` and `martlet COMMAND --help` show.
void command_print_help(const struct command *c);
