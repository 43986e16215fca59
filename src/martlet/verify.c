// SPDX-License-Identifier: MIT
// `martlet verify`: checks the state directory of a relay that does not run.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"
#include "martlet/handover/source.h"
#include "martlet/host/user.h"
#include "store/store.h"

static void on_problem(void *arg, const char *sentence) {
    (void)arg;
    (void)printf("%s\n", sentence);
}

// What root opens could be left behind as root's: the check runs as the owner of the directory.
static bool become_owner(const char *dir) {
    struct stat st;
    if (stat(dir, &st) != 0) {
        (void)fprintf(stderr, "martlet: %s: %s%s\n", dir, strerror(errno), errno == EACCES ? "; try sudo" : "");
        return false;
    }
    if (geteuid() != 0 || st.st_uid == 0)
        return true;
    int error = user_become(st.st_uid, st.st_gid);
    if (error != 0)
        (void)fprintf(stderr, "martlet: cannot become the owner of %s: %s\n", dir, strerror(error));
    return error == 0;
}

static const char *what_to_do(const char *error) {
    if (strcmp(error, "another process has the state directory open") == 0)
        return ": stop the relay first";
    if (strcmp(error, "there is no store in the state directory") == 0)
        return ": name the one of state_dir";
    if (strcmp(error, "the database cannot be read") == 0)
        return ": put a backup back";
    return "";
}

static int verify(const char *dir) {
    if (!become_owner(dir))
        return 1;
    const char *error = "";
    int problems = store_verify(dir, on_problem, NULL, &error);
    if (problems < 0)
        (void)fprintf(stderr, "martlet: %s: %s%s\n", dir, error, what_to_do(error));
    else if (problems == 0)
        (void)printf("no problems found\n");
    int status = operator_finish_output();
    return problems == 0 ? status : 1;
}

static int run_verify(int argc, char **argv) {
    static const struct option options[] = {
        {"dir", required_argument, NULL, 'd'},
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct command_sets sets = {0};
    struct source source = {.overrides = sets.values};
    const char *dir = NULL;
    int option;
    while ((option = command_next_option(&verify_command, argc, argv, options)) != -1) {
        if (option == 'd')
            dir = optarg;
        else if (option == 'c')
            source.config_path = optarg;
        else
            command_add_set(&sets, optarg);
    }
    if (dir == NULL && optind < argc)
        dir = argv[optind++];
    if (optind < argc || (dir == NULL) == (source.config_path == NULL))
        command_misuse(&verify_command, "one directory or --config FILE is wanted");
    if (dir != NULL && sets.n > 0)
        command_misuse(&verify_command, "--set goes with --config");
    int status = 1;
    if (dir != NULL)
        status = verify(dir);
    else if (source_load_config(&source))
        status = verify(source.config->state_dir);
    source_done(&source);
    return status;
}

const struct command verify_command = {
    .name = "verify",
    .summary = "check the state directory of a stopped relay",
    .usage = "verify [--dir] DIRECTORY\n"
             "       martlet verify --config FILE [--set KEY=VALUE]...\n"
             "\n"
             "Checks the database, its counters and references, and that every body can be read.\n"
             "Prints a line for each problem; ends with 1 when there is one.",
    .run = run_verify,
};
