// SPDX-License-Identifier: MIT
// `martlet serve`: the relay as a service.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "config/config.h"
#include "martlet/command.h"
#include "martlet/parent.h"
#include "martlet/ports.h"
#include "martlet/source.h"

static int run_serve(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"port-offset", required_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct command_sets sets = {0};
    struct source source = {.config_path = "/etc/martlet/martlet.ini", .overrides = sets.values};
    struct ports_settings where = {0};
    int option;
    while ((option = command_next_option(&serve_command, argc, argv, options)) != -1) {
        if (option == 'c')
            source.config_path = optarg;
        else if (option == 's')
            command_add_set(&sets, optarg);
        else if (option == 'o')
            where.offset = command_port_offset(optarg);
    }
    if (optind < argc)
        command_misuse(&serve_command, "what is \"%s\"?", argv[optind]);

    // A bare "No such file" would leave a newcomer alone.
    if (access(source.config_path, F_OK) != 0 && errno == ENOENT) {
        (void)fprintf(stderr,
                      "martlet: there is no configuration at %s; name one with --config FILE, or try `martlet dev`\n",
                      source.config_path);
        return 1;
    }
    int status = 1;
    struct ports ports = {0};
    char error[PORTS_ERROR_MAX];
    if (source_load_config(&source)) {
        where.ipv6 = !source.config->disable_ipv6;
        where.turn = source.config->turn;
        if (!ports_open(&ports, &where, error))
            (void)fprintf(stderr, "martlet: %s\n", error);
        else if (source_prepare(&source, &ports))
            status = parent_run(&(struct parent_settings){.source = &source, .ports = &ports});
    }
    ports_close(&ports);
    source_done(&source);
    return status;
}

const struct command serve_command = {
    .name = "serve",
    .summary = "run the relay",
    .usage = "serve [--config FILE] [--set KEY=VALUE]... [--port-offset N]\n"
             "\n"
             "Serves IMAP on ports 143 and 993, submission on 465 and 587, web pages on 443 and 80, TURN on 3478 of "
             "UDP, until\n"
             "SIGTERM.\n"
             "SIGHUP reads configuration and certificate again.\n"
             "\n"
             "  --config FILE     the configuration; /etc/martlet/martlet.ini\n"
             "  --set KEY=VALUE   wins over the configuration; may be repeated\n"
             "  --port-offset N   adds N to every port number",
    .run = run_serve,
};
