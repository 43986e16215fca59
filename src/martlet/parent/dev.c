// SPDX-License-Identifier: MIT
// `martlet dev`: a whole relay on loopback for trying things out, without root, DNS or a public certificate. It prints
// the login of an account that does not exist yet: the first login makes it.
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/offer.h"
#include "base/buf.h"
#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/command/qr.h"
#include "martlet/handover/ports.h"
#include "martlet/handover/source.h"
#include "martlet/parent/parent.h"

#define CONFIG_NAME "martlet.ini"

enum { LINK_MAX = 2048 };

// The configuration of a new directory; it may be edited, and SIGHUP reads it again.
static const char first_config[] = "# Written by `martlet dev`. The options --dir, --domain and --set win over it.\n"
                                   "[params]\n"
                                   "mail_domain = _martlet.test\n"
                                   "# No limit that depends on the machine or protects against strangers.\n"
                                   "max_new_accounts_per_hour = 0\n"
                                   "max_load_1m = 100000\n"
                                   "min_available_memory = 0\n"
                                   "min_free_disk_space = 0\n"
                                   "busy_after_ms = 60000\n"
                                   "nocreate_path =\n";

struct dev {
    const struct source *source;
    const struct ports *ports;
    uint16_t offset;
};

// A fresh login as a link that clients open: host and ports are given, so that no DNS is asked, and the self-signed
// certificate is accepted. Whether new accounts are made at all is the relay's decision, at the first login.
static void print_login(const struct dev *d) {
    struct account_offer offer;
    account_offer_credentials(d->source->config, &offer);
    struct account_servers servers = {
        .host = "127.0.0.1",
        .imaps_port = (uint16_t)(ports_number("imaps") + d->offset),
        .smtps_port = (uint16_t)(ports_number("smtps") + d->offset),
        .any_certificate = true,
    };
    struct buf link;
    buf_init(&link, LINK_MAX);
    if (account_dclogin_link(offer.address, offer.password, &servers, &link) && buf_append(&link, "", 1)) {
        const char *text = buf_slice(&link).ptr;
        (void)printf("\n%s\n\n", text);
        if (!qr_print(stdout, text, isatty(STDOUT_FILENO) == 1))
            (void)printf("(the link is too long for a QR code)\n");
    }
    buf_done(&link);
}

// "  imap         10143  127.0.0.1, ::1"
static void print_port(const struct ports *ports, const struct ports_service *s) {
    bool has[2] = {false, false}; // by family
    uint16_t number = 0;
    for (size_t i = 0; i < ports->n; i++) {
        const struct ports_socket *p = &ports->sockets[i];
        if (strcmp(p->service, s->name) == 0) {
            has[p->is_ipv6] = true;
            number = p->number;
        }
    }
    if (number != 0)
        (void)printf("  %-12s %-6u %s%s%s%s\n", s->name, number, has[0] ? "127.0.0.1" : "",
                     has[0] && has[1] ? ", " : "", has[1] ? "::1" : "", s->is_udp ? " (UDP)" : "");
}

static void print_ports(const struct ports *ports) {
    (void)printf("\n  %-12s %-6s %s\n", "service", "port", "addresses");
    for (const struct ports_service *s = ports_services; s->name != NULL; s++)
        print_port(ports, s);
}

static void on_ready(void *arg) {
    const struct dev *d = arg;
    print_ports(d->ports);
    (void)printf("\nhttps://127.0.0.1:%u/\n", ports_number("https") + d->offset);
    if (d->source->config->registration == REGISTRATION_OPEN)
        print_login(d);
    (void)printf("\nmartlet: ready\n");
    (void)fflush(stdout);
}

// Makes the directory with its configuration where they are missing. ret_path is absolute, which the relay's sandbox
// needs.
static bool prepare_dir(const char *dir, char ret_path[PATH_MAX]) {
    char error[FILES_ERROR_MAX];
    int fd = files_make_dir(dir, error);
    bool ok = fd >= 0 && (faccessat(fd, CONFIG_NAME, F_OK, 0) == 0 ||
                          files_write(fd, CONFIG_NAME, slice_from_cstr(first_config), error));
    if (ok && realpath(dir, ret_path) == NULL) {
        (void)snprintf(error, sizeof(error), "%.300s: %s", dir, strerror(errno));
        ok = false;
    }
    if (fd >= 0)
        (void)close(fd);
    if (!ok)
        (void)fprintf(stderr, "martlet: %s; --dir names another directory\n", error);
    return ok;
}

static int serve_on_loopback(struct source *source, uint16_t offset) {
    int status = 1;
    struct ports ports = {0};
    struct dev dev = {source, &ports, offset};
    char error[PORTS_ERROR_MAX];
    if (source_load_config(source)) {
        struct ports_settings where = {
            .offset = offset,
            .loopback = true,
            .ipv6 = !source->config->disable_ipv6,
            .turn = source->config->turn,
            .metrics = source->config->metrics_address,
        };
        if (!ports_open(&ports, &where, error))
            (void)fprintf(stderr, "martlet: %s\n", error);
        else if (source_prepare(source, &ports))
            status = parent_run(&(struct parent_settings){
                .source = source,
                .ports = &ports,
                .on_ready = on_ready,
                .arg = &dev,
                .hangup_ends = isatty(STDIN_FILENO) == 1,
            });
    }
    ports_close(&ports);
    source_done(source);
    return status;
}

static int run_dev(int argc, char **argv) {
    static const struct option options[] = {
        {"port-offset", required_argument, NULL, 'o'},
        {"domain", required_argument, NULL, 'd'},
        {"dir", required_argument, NULL, 'D'},
        {"set", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct command_sets sets = {0};
    uint16_t offset = 10000;
    const char *dir = ".run", *domain = "_martlet.test";
    // Places for our own two settings, before those of the command line, which win.
    sets.n = 2;
    int option;
    while ((option = command_next_option(&dev_command, argc, argv, options)) != -1) {
        if (option == 'o')
            offset = command_port_offset(optarg);
        else if (option == 'd')
            domain = optarg;
        else if (option == 'D')
            dir = optarg;
        else
            command_add_set(&sets, optarg);
    }
    if (optind < argc)
        command_refuse_word(&dev_command, argv[optind]);

    char path[PATH_MAX], dir_setting[PATH_MAX + 16], config_path[PATH_MAX + 16], domain_setting[300];
    if (!prepare_dir(dir, path))
        return 1;
    (void)snprintf(dir_setting, sizeof(dir_setting), "state_dir=%s", path);
    (void)snprintf(config_path, sizeof(config_path), "%s/" CONFIG_NAME, path);
    (void)snprintf(domain_setting, sizeof(domain_setting), "mail_domain=%s", domain);
    sets.values[0] = dir_setting;
    sets.values[1] = domain_setting;
    struct source source = {.config_path = config_path, .overrides = sets.values, .is_dev = true};
    return serve_on_loopback(&source, offset);
}

const struct command dev_command = {
    .name = "dev",
    .summary = "run a relay on loopback for trying things out",
    .usage = "dev [--port-offset N] [--domain DOMAIN] [--dir DIRECTORY] [--set KEY=VALUE]...\n"
             "\n"
             "Serves on 127.0.0.1 and ::1 with a self-signed certificate, prints its home page and a login for a\n"
             "client, then \"martlet: ready\". Ctrl-C ends it.\n"
             "\n"
             "  --port-offset N    added to 25, 80, 143, 443, 465, 587, 993 and 3478; 10000\n"
             "  --domain DOMAIN    the mail domain; _martlet.test\n"
             "  --dir DIRECTORY    where it keeps its state and martlet.ini; .run\n"
             "  --set KEY=VALUE    a configuration key; may be repeated",
    .run = run_dev,
};
