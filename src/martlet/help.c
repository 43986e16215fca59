// SPDX-License-Identifier: MIT
#include "martlet/help.h"

#include <getopt.h>
#include <string.h>

#include "base/suggest.h"
#include "config/meaning.h"
#include "martlet/command/command.h"
#include "martlet/commands.h"

enum { WORDS_MAX = COMMANDS_MAX + 128 };

// ---- the overview ----

void help_print_overview(FILE *to) {
    static const char *const groups[COMMAND_N_GROUPS] = {
        [COMMAND_SETS_UP] = "set up", [COMMAND_RUNS] = "run",  [COMMAND_LOOKS] = "look",
        [COMMAND_PEOPLE] = "people",  [COMMAND_MAIL] = "mail", [COMMAND_TROUBLE] = "trouble"};
    (void)fprintf(to, "martlet %s, a chatmail relay: martlet COMMAND\n\n", MARTLET_VERSION);
    enum command_group before = COMMAND_HIDDEN;
    for (size_t i = 0; i < commands_n; i++) {
        const struct command_row *row = &commands[i];
        if (row->group == COMMAND_HIDDEN)
            continue;
        (void)fprintf(to, "  %-8s %-12s %s\n", row->group != before ? groups[row->group] : "", row->command->name,
                      row->command->summary);
        before = row->group;
    }
    (void)fprintf(
        to, "\n`martlet help COMMAND` shows the options of a command, `martlet help KEY` what a key\n"
            "of the configuration means, `martlet help keys` all of them. Manuals: man martlet, man martlet.ini\n");
}

// ---- one word ----

static const char *near_key(const char *word) {
    const char *names[WORDS_MAX];
    return suggest(word, names, config_meaning_keys(names, WORDS_MAX));
}

// Words of other programs, and what is meant by them here.
static const char *meant_by(const char *word) {
    static const struct {
        const char *word, *meant;
    } others[] = {
        {"start", "`systemctl start martlet` starts the service, `martlet serve` a relay in the foreground"},
        {"run", "`systemctl start martlet` starts the service, `martlet serve` a relay in the foreground"},
        {"stop", "`systemctl stop martlet` ends the service"},
        {"restart", "`systemctl restart martlet` starts the service anew"},
        {"reload", "`systemctl reload martlet` reads the configuration again"},
        {"log", "`journalctl -u martlet` shows the log"},
        {"logs", "`journalctl -u martlet` shows the log"},
        {"test", "`martlet check` tests the running relay, `martlet serve --dry-run` what a start would find"},
        {"webdev", "`martlet web --preview` shows the pages while they are edited"},
        {"-v", "`martlet --version` shows the version"},
    };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (strcmp(word, others[i].word) == 0)
            return others[i].meant;
    return NULL;
}

static bool is_nearly(const char *word, const char *option) {
    return suggest(word, &option, 1) != NULL;
}

void help_complain(const char *word) {
    const char *names[COMMANDS_MAX];
    const char *near = suggest(word, names, commands_names(names)), *meant = meant_by(word);
    if (meant != NULL)
        (void)fprintf(stderr, "martlet: no command %s; %s\n", word, meant);
    else if (is_nearly(word, "--version") || is_nearly(word, "--help"))
        (void)fprintf(stderr, "martlet: no option %s; did you mean %s?\n", word,
                      is_nearly(word, "--version") ? "--version" : "--help");
    else if (near != NULL)
        (void)fprintf(stderr, "martlet: no command %s; did you mean `martlet %s`?\n", word, near);
    else if (config_meaning_find(word) != NULL)
        (void)fprintf(stderr, "martlet: no command %s, but a key of the configuration; see `martlet help %s`\n", word,
                      word);
    else if (word[0] == '-')
        (void)fprintf(stderr, "martlet: options stand behind a command, %s stands before one; see `martlet help`\n",
                      word);
    else
        (void)fprintf(stderr, "martlet: no command %s; see `martlet help`\n", word);
}

static void print_key(const struct config_meaning *m) {
    char text[CONFIG_EXPLANATION_SIZE];
    config_meaning_explain(m, text);
    (void)printf("%s\n", text);
}

// Every key with its line.
static void print_keys(void) {
    const char *names[WORDS_MAX];
    size_t n = config_meaning_keys(names, WORDS_MAX);
    for (size_t i = 0; i < n; i++)
        (void)printf("%-28s %s\n", names[i], config_meaning_find(names[i])->text);
}

// False when the word is neither a command nor a key.
static bool print_help_of(const char *word) {
    const struct command *c = commands_find(word);
    const struct config_meaning *m = config_meaning_find(word);
    if (c != NULL && c->summary != NULL)
        command_print_help(c);
    if (m != NULL) {
        if (c != NULL && c->summary != NULL)
            (void)printf("\n%s is a key of the configuration, too.\n\n", word);
        print_key(m);
    }
    return (c != NULL && c->summary != NULL) || m != NULL;
}

static int run_help(int argc, char **argv) {
    static const struct option options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    while (command_next_option(&help_command, argc, argv, options) != -1)
        continue;
    const char *word = optind < argc ? argv[optind] : NULL;
    if (word == NULL)
        help_print_overview(stdout);
    // `martlet help queue show` is about `queue`.
    bool wants_keys = word != NULL && strcmp(word, "keys") == 0;
    if (wants_keys)
        print_keys();
    if (word == NULL || wants_keys || print_help_of(word))
        return 0;
    const char *names[COMMANDS_MAX], *near = suggest(word, names, commands_names(names));
    if (near == NULL)
        near = near_key(word);
    (void)fprintf(stderr, "martlet help: %s is neither a command nor a key of the configuration; ", word);
    if (near != NULL)
        (void)fprintf(stderr, "did you mean %s?\n", near);
    else
        (void)fprintf(stderr, "see `martlet help`\n");
    return EXIT_USAGE;
}

const struct command help_command = {
    .name = "help",
    .summary = "this, the options of a command, or what a key means",
    .usage = "help [COMMAND | KEY | keys]\n"
             "\n"
             "Lists the commands, shows the options of one, or says what a key of the configuration means, with its\n"
             "default. keys lists all keys.",
    .run = run_help,
};
