// SPDX-License-Identifier: MIT
// `martlet help`: the overview, a command's options, a key of the configuration.
#pragma once

#include <stdio.h>

// All commands in groups, on one screen of 80 columns.
void help_print_overview(FILE *to);
// One sentence about a first word that is no command.
void help_complain(const char *word);
