// SPDX-License-Identifier: MIT
// What the subcommands that speak to a running relay have in common: which relay is meant, and one sentence when
// something is wrong.
#pragma once

#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>

#include "base/panic.h"
#include "martlet/command/command.h"

#define OPERATOR_CONFIG "/etc/martlet/martlet.ini" // where --config is not given

struct operator_options {
    const char *config_path;          // --config FILE
    const char *dir;                  // --dir DIRECTORY, of a relay that `martlet dev` runs
    bool json;                        // --json
    bool yes;                         // --yes
    bool dry_run;                     // --dry-run
    const char *uses, *days;          // --uses N, --days N; NULL when not given
    const char *peer, *host, *domain; // --peer DOMAIN, --host ADDRESS, --domain DOMAIN
};
// The options that a subcommand takes, for the string below.
#define OPERATOR_WHERE                                                                                                 \
    "  --config FILE     of the relay that is meant; /etc/martlet/martlet.ini\n"                                       \
    "  --dir DIRECTORY   of a relay that runs as `martlet dev`"

// Reads all options; `allowed` are those beside --config and --dir. What is left begins at argv[optind].
void operator_read_options(const struct command *c, int argc, char **argv, const struct option *allowed,
                           struct operator_options *ret);
// One line, and the end, when an option was given that the subcommand takes and this verb of it does not. `taken` are
// the letters of those that it does: "jy" (--json, --yes).
void operator_refuse_others(const struct command *c, const struct operator_options *o, const char *verb,
                            const char *taken);
// The index of the verb that a word of the command line is. One line with the nearest verb, and the end, when it is
// none.
size_t operator_find_verb(const struct command *c, const char *word, const char *const *verbs, size_t n);
// False with a sentence when there is no configuration at this path. That it may not be read is told by who reads it.
MUST_USE bool operator_has_config(const char *path);
// The configuration of the relay that is meant; NULL when a sentence was printed.
struct config;
MUST_USE struct config *operator_read_config(const struct operator_options *o, const char **ret_path);
// The state directory of the relay that is meant. Prints a sentence and returns false when it cannot be found.
MUST_USE bool operator_find_dir(const struct operator_options *o, char ret[PATH_MAX]);
// Asks the relay (martlet/command/control_client.h). Prints a sentence and returns false when that does not work.
MUST_USE bool operator_call(const struct operator_options *o, const json_t *request,
                            void (*on_row)(void *arg, const json_t *row), void *arg, json_t **ret_last);

// What shows the rows of an answer, each with the number of those before it. With --json none of it is asked: every row
// is a line then.
struct operator_list {
    void (*print_row)(void *arg, const json_t *row, size_t n);
    void (*print_end)(void *arg, const json_t *last); // behind the rows, from the answer's last object; may be NULL
    const char *none;                                 // what is said when there is no row; NULL: nothing
    void *arg;
};
// Asks the relay, shows the answer, and returns the exit status. The request is taken; NULL: a sentence was printed.
MUST_USE int operator_show_list(const struct operator_options *o, json_t *request, const struct operator_list *list);
// Prints one JSON object as a line.
void operator_print_json(const json_t *object);
// Members of a row; "" and 0 when there is no such member.
const char *operator_text(const json_t *row, const char *name);
long long operator_number(const json_t *row, const char *name);
// 0, or 1 with a sentence when standard output could not take everything.
MUST_USE int operator_finish_output(void);
