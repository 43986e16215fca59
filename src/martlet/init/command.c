// SPDX-License-Identifier: MIT
// `martlet init`: from nothing to a relay that can be started. It checks everything that it can before it writes
// anything, makes what is missing, and leaves what is there as it is.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/value.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"
#include "martlet/dns/zone_facts.h"
#include "martlet/host/user.h"
#include "martlet/init/files.h"
#include "martlet/init/text.h"
#include "zone/text.h"

enum { CONFIG_FILE_MAX = 1024 * 1024 };

struct init {
    char domain[CONFIG_DOMAIN_SIZE];      // as in struct config
    const char *config_path, *dir, *user; // of the command line; NULL when not given
    char path[PATH_MAX], state_dir[PATH_MAX];
    struct config *config;
    bool has_config; // it was there
    struct init_owner owner;
    bool made_anything, has_told;
    char error[FILES_ERROR_MAX];
};

static bool refuse(const struct init *i) {
    (void)fprintf(stderr, "martlet: %s\n", i->error);
    return false;
}

// ---- the command line ----

static void read_domain(struct init *i, const char *word) {
    char text[CONFIG_DOMAIN_SIZE + 2];
    (void)snprintf(text, sizeof(text), "%s", word);
    size_t len = strlen(text);
    if (len > 1 && text[len - 1] == '.') // as in a zone file
        text[len - 1] = '\0';
    const char *reason = init_text_refuse(text);
    if (reason != NULL || !config_domain_parse(slice_from_cstr(text), i->domain)) {
        (void)fprintf(stderr, "martlet init: \"%s\": %s\n", word, reason != NULL ? reason : "this is no domain");
        exit(EXIT_USAGE);
    }
}

// With --dir alone, all is in one directory, as other commands expect it of --dir.
static void choose_paths(struct init *i) {
    if (i->config_path != NULL)
        (void)snprintf(i->path, sizeof(i->path), "%s", i->config_path);
    else if (i->dir != NULL)
        (void)snprintf(i->path, sizeof(i->path), "%.4000s/martlet.ini", i->dir);
    else
        (void)snprintf(i->path, sizeof(i->path), "%s", OPERATOR_CONFIG);
}

// ---- the configuration ----

static void on_complaint(void *arg, const struct config_complaint *c) {
    (void)fprintf(stderr, "martlet: %s%s\n", c->is_warning ? "warning: " : "", c->text);
}

static bool same_place(const char *a, const char *b) {
    char x[PATH_MAX], y[PATH_MAX];
    return strcmp(realpath(a, x) != NULL ? x : a, realpath(b, y) != NULL ? y : b) == 0;
}

static bool agrees(struct init *i) {
    if (strcmp(i->config->mail_domain, i->domain) != 0) {
        (void)snprintf(i->error, sizeof(i->error),
                       "%.200s is there already, for %.200s; nothing was changed: --config FILE names another place",
                       i->path, i->config->mail_domain);
        return refuse(i);
    }
    if (i->dir != NULL && !same_place(i->dir, i->config->state_dir)) {
        (void)snprintf(i->error, sizeof(i->error),
                       "%.200s is there already and has its state in %.120s, not in %.120s; nothing was changed",
                       i->path, i->config->state_dir, i->dir);
        return refuse(i);
    }
    if (i->user != NULL && strcmp(i->user, i->config->user) != 0) {
        (void)snprintf(i->error, sizeof(i->error),
                       "%.200s is there already, for the user %.60s, not %.60s; nothing was changed", i->path,
                       i->config->user, i->user);
        return refuse(i);
    }
    return true;
}

// Reads the file that is there. False when it does not fit or cannot be read.
static bool read_config(struct init *i) {
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    bool ok = files_read(AT_FDCWD, i->path, false, &text, i->error);
    if (ok)
        i->config = config_parse(buf_slice(&text), i->path, NULL, on_complaint, NULL);
    else
        (void)refuse(i);
    buf_done(&text);
    if (i->config == NULL)
        return false;
    i->has_config = true;
    return agrees(i);
}

// The text of a new one, by which all goes on. It must say what was asked for: not every name of a directory can stand
// in such a file.
static bool make_config(struct init *i, const char *dir, struct buf *text) {
    struct init_text t = {i->domain, dir, i->user != NULL ? i->user : ""};
    buf_consume(text, buf_slice(text).len);
    config_free(i->config);
    i->config = NULL;
    bool ok = init_text_write(&t, text);
    if (ok)
        i->config = config_parse(buf_slice(text), i->path, NULL, NULL, NULL);
    if (i->config != NULL && (t.state_dir[0] == '\0' || strcmp(i->config->state_dir, t.state_dir) == 0) &&
        (t.user[0] == '\0' || strcmp(i->config->user, t.user) == 0))
        return true;
    (void)snprintf(i->error, sizeof(i->error),
                   "the name of the %s cannot stand in a configuration, where it would be one line of UTF-8 without "
                   "blanks at its ends: take another",
                   i->user != NULL && dir[0] == '\0' ? "user"
                   : i->user != NULL                 ? "directory or user"
                                                     : "directory");
    return refuse(i);
}

static bool find_owner(struct init *i, const char *user) {
    i->owner = (struct init_owner){.name = ""};
    if (geteuid() != 0)
        return true;
    i->owner.name = user;
    if (user_find(user, &i->owner.uid, &i->owner.gid))
        return true;
    (void)snprintf(
        i->error, sizeof(i->error),
        "there is no system user %.60s: adduser --system --group --no-create-home %.60s, and then this again "
        "(or --user NAME)",
        user, user);
    return refuse(i);
}

// ---- telling ----

static void tell(struct init *i, bool made, const char *what, const char *where) {
    if (!i->has_told)
        (void)printf("martlet for %s\n\n", i->domain);
    i->has_told = true;
    (void)printf("  %-8s %-14s %s\n", made ? "made" : "is there", what, where);
    i->made_anything = i->made_anything || made;
}

static bool make_state(struct init *i, const char *dir) {
    bool made = false;
    if (!init_make_state(dir, &i->owner, i->state_dir, &made, i->error))
        return refuse(i);
    tell(i, made, "state", i->state_dir);
    return true;
}

static bool make_keys(struct init *i) {
    bool made = false;
    if (config_domain_is_literal(i->config))
        return true;
    if (!init_make_keys(i->config, &i->owner, &made, i->error))
        return refuse(i);
    char where[PATH_MAX];
    (void)snprintf(where, sizeof(where), "%.4000s/dkim", i->config->state_dir);
    tell(i, made, "DKIM keys", where);
    return true;
}

static bool make_certificate(struct init *i) {
    bool made = false;
    if (config_certificate_source(i->config) != CERTIFICATE_FROM_SELF)
        return true;
    if (!init_make_certificate(i->config, &made, i->error))
        return refuse(i);
    char where[PATH_MAX];
    (void)snprintf(where, sizeof(where), "%.4000s/tls", i->config->state_dir);
    tell(i, made, "certificate", where);
    return true;
}

// "" for the default place.
static void write_where(const struct init *i, char ret[PATH_MAX]) {
    ret[0] = '\0';
    if (strcmp(i->path, OPERATOR_CONFIG) != 0)
        (void)snprintf(ret, PATH_MAX, " --config %.4000s", i->path);
}

static bool print_zone(struct init *i, const char *where) {
    struct net_address addresses[ZONE_ADDRESSES_MAX];
    static struct zone_certificate certificate;
    static struct zone_reading reading;
    zone_certificate_read(i->config, &certificate);
    if (!zone_facts_read(i->config, &certificate, addresses, zone_facts_interfaces(addresses, ZONE_ADDRESSES_MAX),
                         &reading, i->error))
        return refuse(i);
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    bool ok = zone_write(&reading.zone, ZONE_FORMAT_BIND, &text);
    ASSERT(ok);
    (void)printf("\nThis belongs into the DNS (for the fields of a web panel: martlet dns --format lines%s):\n\n%.*s",
                 where, SLICE_FMT(buf_slice(&text)));
    buf_done(&text);
    zone_done(&reading.zone);
    return true;
}

// As sd_booted(3) has it.
static bool runs_systemd(void) {
    return access("/run/systemd/system", F_OK) == 0;
}

// The unit serves the configuration at the default place.
static void print_start(int n, const char *where) {
    if (where[0] == '\0' && runs_systemd()) {
        (void)printf("  %d. start it: systemctl enable --now martlet\n", n);
        return;
    }
    (void)printf("  %d. start it: martlet serve%s\n"
                 "     It stays in the foreground; have it started again by whatever looks after services here.\n",
                 n, where);
    if (geteuid() != 0)
        (void)printf("     Ports below 1024 are for root: sysctl net.ipv4.ip_unprivileged_port_start=25 opens them to "
                     "all, and\n     --port-offset 10000 takes others, to try it.\n");
}

static void print_ports(int n, const struct config *c) {
    (void)printf("  %d. let ports 25, 80, 143, 443, 465, 587, 993 of TCP", n);
    if (c->turn)
        (void)printf(" and 3478, %u-%u of UDP", (unsigned)c->turn_port_min, (unsigned)c->turn_port_max);
    (void)printf(" through to this machine,\n     and its connections to ports 25 and 443 out\n");
}

static void print_next(const struct init *i, const char *where) {
    bool is_literal = config_domain_is_literal(i->config);
    int n = 1;
    (void)printf("\nWhat comes next:\n");
    if (!is_literal)
        (void)printf("  %d. put these records into the DNS, and see that they arrive: martlet dns --check%s\n", n++,
                     where);
    print_ports(n++, i->config);
    print_start(n++, where);
    (void)printf("  %d. see how it is: martlet status%s\n", n++, where);
    if (config_certificate_source(i->config) == CERTIFICATE_FROM_ACME)
        (void)printf(
            "     once it has its certificate (martlet certificate%s), `martlet dns%s` has one record more, TLSA\n",
            where, where);
    if (is_literal)
        (void)printf(
            "\nThis relay has no domain: its certificate is self-signed, it needs nothing in the DNS, and it exchanges "
            "mail\nwith relays that accept such ones. Accounts look like name@%s.\n",
            i->config->mail_domain);
}

// ---- the whole ----

static bool prepare(struct init *i, struct buf *text) {
    bool is_there = access(i->path, F_OK) == 0 || errno != ENOENT;
    if (is_there && !read_config(i))
        return false;
    if (!find_owner(i, i->has_config ? i->config->user : i->user != NULL ? i->user : "martlet"))
        return false;
    if (i->has_config)
        return make_state(i, i->config->state_dir);
    if (i->dir == NULL)
        return make_config(i, "", text);
    // The second time with the name that the directory really has.
    return make_config(i, i->dir, text) && make_state(i, i->dir) && make_config(i, i->state_dir, text);
}

static bool write_config(struct init *i, const struct buf *text) {
    if (!i->has_config && !init_write_config(i->path, buf_slice(text), i->error))
        return refuse(i);
    tell(i, !i->has_config, "configuration", i->path);
    return true;
}

static bool make_all(struct init *i) {
    struct buf text;
    char where[PATH_MAX];
    buf_init(&text, INIT_TEXT_MAX);
    bool ok = prepare(i, &text) && write_config(i, &text) &&
              (i->has_config || i->dir != NULL || make_state(i, i->config->state_dir)) && make_keys(i) &&
              make_certificate(i);
    buf_done(&text);
    if (!ok)
        return false;
    if (!i->made_anything)
        (void)printf("\nAll of it was there already; nothing was changed.\n");
    write_where(i, where);
    if (!config_domain_is_literal(i->config) && !print_zone(i, where))
        return false;
    print_next(i, where);
    return true;
}

static int run_init(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"dir", required_argument, NULL, 'D'},
        {"user", required_argument, NULL, 'u'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct init i = {.config = NULL};
    int option;
    while ((option = command_next_option(&init_command, argc, argv, options)) != -1) {
        const char **field = option == 'c' ? &i.config_path : option == 'D' ? &i.dir : &i.user;
        *field = optarg;
    }
    if (optind == argc)
        command_misuse(&init_command, "a domain is wanted, like chat.example.org, or an IPv4 address");
    if (optind + 1 < argc)
        command_refuse_word(&init_command, argv[optind + 1]);
    read_domain(&i, argv[optind]);
    choose_paths(&i);
    int status = make_all(&i) ? operator_finish_output() : 1;
    config_free(i.config);
    return status;
}

const struct command init_command = {
    .name = "init",
    .summary = "make the configuration and the keys of a new relay",
    .usage =
        "init DOMAIN|IPV4-ADDRESS [--config FILE] [--dir DIRECTORY] [--user NAME]\n"
        "\n"
        "Writes a first configuration, makes keys and state directory, and says what to put into the DNS and what\n"
        "comes next. What is there already stays as it is. An IPv4 address makes a relay without a domain.\n"
        "\n"
        "  --config FILE     where the configuration goes; /etc/martlet/martlet.ini\n"
        "  --dir DIRECTORY   the state directory; without --config, the configuration goes there too\n"
        "  --user NAME       the system user that the relay runs as when started as root; martlet",
    .run = run_init,
};
