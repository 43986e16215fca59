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

extern const struct command serve_command, dev_command, invite_command, account_command, certificate_command,
    web_command, dkim_command, queue_command, status_command, metrics_command, verify_command, relay_command;
extern const struct command acme_run_command, acme_begin_command, acme_done_command, acme_failed_command;

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
