// SPDX-License-Identifier: MIT
// `martlet serve`: the relay as a service.
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/handover/ports.h"
#include "martlet/handover/source.h"
#include "martlet/parent/parent.h"

// The ports of a relay that runs are its own.
static int run_dry(struct source *source, const struct ports_settings *where) {
    bool runs = false;
    struct ports ports = {0};
    char error[PORTS_ERROR_MAX];
    if (!source_dry_run(source, &runs))
        return 1;
    if (!runs && !ports_open(&ports, where, error)) {
        (void)fprintf(stderr, "martlet: %s\n", error);
        return 1;
    }
    ports_close(&ports);
    (void)printf("%s would start for %s%s\n", source->config_path, source->config->mail_domain,
                 runs ? "; a relay runs with its state directory now" : "");
    return 0;
}

static int run_serve(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"port-offset", required_argument, NULL, 'o'},
        {"dry-run", no_argument, NULL, 'n'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct command_sets sets = {0};
    struct source source = {.config_path = "/etc/martlet/martlet.ini", .overrides = sets.values};
    struct ports_settings where = {0};
    bool is_dry = false;
    int option;
    while ((option = command_next_option(&serve_command, argc, argv, options)) != -1) {
        if (option == 'c')
            source.config_path = optarg;
        else if (option == 's')
            command_add_set(&sets, optarg);
        else if (option == 'o')
            where.offset = command_port_offset(optarg);
        else if (option == 'n')
            is_dry = true;
    }
    if (optind < argc)
        command_refuse_word(&serve_command, argv[optind]);

    // A bare "No such file" would leave a newcomer alone.
    if (access(source.config_path, F_OK) != 0 && errno == ENOENT) {
        (void)fprintf(stderr,
                      "martlet: there is no configuration at %s; `martlet init DOMAIN` makes one, --config FILE names "
                      "another, and `martlet dev` needs none\n",
                      source.config_path);
        return 1;
    }
    int status = 1;
    struct ports ports = {0};
    char error[PORTS_ERROR_MAX];
    if (source_load_config(&source)) {
        where.ipv6 = !source.config->disable_ipv6;
        where.turn = source.config->turn;
        where.metrics = source.config->metrics_address;
        if (is_dry)
            status = run_dry(&source, &where);
        else if (!ports_open(&ports, &where, error))
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
    .usage = "serve [--config FILE] [--set KEY=VALUE]... [--port-offset N] [--dry-run]\n"
             "\n"
             "Serves IMAP on ports 143 and 993, submission on 465 and 587, mail from other servers on 25, web pages\n"
             "on 443 and 80, TURN on 3478 of UDP, until SIGTERM. SIGHUP reads configuration and certificate again.\n"
             "\n"
             "  --config FILE     the configuration; /etc/martlet/martlet.ini\n"
             "  --set KEY=VALUE   wins over the configuration; may be repeated\n"
             "  --port-offset N   adds N to every port number\n"
             "  --dry-run         only looks whether it would start, and says what is wrong",
    .run = run_serve,
};
