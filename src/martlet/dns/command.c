// SPDX-License-Identifier: MIT
// `martlet dns`: the zone that a relay wants, and whether the DNS has it. Reads the same files as the relay; it need
// not run.
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "config/config.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"
#include "martlet/dns/check.h"
#include "martlet/dns/look.h"
#include "martlet/dns/zone_facts.h"
#include "martlet/handover/source.h"
#include "zone/text.h"

struct dns_options {
    enum zone_format format;
    bool check, json, has_format;
    struct net_address addresses[ZONE_ADDRESSES_MAX];
    size_t n_addresses;
};

static void read_format(const char *word, struct dns_options *o) {
    static const char *const names[] = {"zone", "lines"};
    o->has_format = true;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(word, names[i]) == 0) {
            o->format = i == 0 ? ZONE_FORMAT_BIND : ZONE_FORMAT_LINES;
            return;
        }
    const char *near = suggest(word, names, ARRAY_LEN(names));
    command_misuse(&dns_command, "--format is zone or lines, not \"%s\"%s%s", word,
                   near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

static void read_address(const char *word, struct dns_options *o) {
    struct net_address a = {0};
    if (!net_address_parse(slice_from_cstr(word), &a))
        command_misuse(&dns_command, "--address wants an address like 192.0.2.1 or 2001:db8::1, not \"%s\"", word);
    if (o->n_addresses == ZONE_ADDRESSES_MAX)
        command_misuse(&dns_command, "more than %d times --address", ZONE_ADDRESSES_MAX);
    o->addresses[o->n_addresses++] = a;
}

static int print_zone(const struct zone_reading *reading, const struct dns_options *o, bool are_found) {
    const char *mark = o->format == ZONE_FORMAT_BIND ? ";" : "#";
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    (void)printf("%s the records of %s for its zone; `martlet dns --check` says which are there\n", mark,
                 reading->zone.domain);
    if (are_found)
        (void)printf("%s addresses are those of this machine's interfaces; --address ADDRESS names others\n", mark);
    if (zone_write(&reading->zone, o->format, &text))
        (void)printf("%.*s", SLICE_FMT(buf_slice(&text)));
    if (reading->tlsa_note[0] != '\0')
        (void)printf("%s %s\n", mark, reading->tlsa_note);
    buf_done(&text);
    return operator_finish_output();
}

static int show_or_check(const struct config *c, struct dns_options *o) {
    if (config_domain_is_literal(c)) {
        (void)printf("the domain of this relay is an IP address: it needs nothing in the DNS\n");
        return operator_finish_output();
    }
    // Which of its addresses the world sees, a machine cannot know: a check takes any, unless told.
    bool are_found = o->n_addresses == 0 && !o->check;
    if (are_found)
        o->n_addresses = zone_facts_interfaces(o->addresses, ZONE_ADDRESSES_MAX);
    static struct zone_certificate certificate;
    static struct zone_reading reading;
    char error[FILES_ERROR_MAX];
    zone_certificate_read(c, &certificate);
    if (!zone_facts_read(c, &certificate, o->addresses, o->n_addresses, &reading, error)) {
        (void)fprintf(stderr, "martlet: %s\n", error);
        return o->check ? DNS_LOOK_UNKNOWN : 1;
    }
    int status =
        o->check ? dns_check(c, &reading.zone, o->json) : print_zone(&reading, o, are_found && o->n_addresses > 0);
    zone_done(&reading.zone);
    return status;
}

static void name_dir(const char *dir, char path[PATH_MAX], char setting[PATH_MAX], struct source *source,
                     struct command_sets *sets) {
    (void)snprintf(path, PATH_MAX, "%.4000s/martlet.ini", dir);
    (void)snprintf(setting, PATH_MAX, "state_dir=%.4000s", dir);
    source->config_path = path;
    command_add_set(sets, setting);
}

static int run_dns(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"dir", required_argument, NULL, 'D'},
        {"set", required_argument, NULL, 's'},
        {"format", required_argument, NULL, 'f'},
        {"address", required_argument, NULL, 'i'},
        {"check", no_argument, NULL, 'k'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    struct command_sets sets = {0};
    struct source source = {.config_path = OPERATOR_CONFIG, .overrides = sets.values};
    struct dns_options o = {.format = ZONE_FORMAT_BIND};
    char path[PATH_MAX], dir_setting[PATH_MAX];
    bool has_config = false, has_dir = false;
    int option;
    while ((option = command_next_option(&dns_command, argc, argv, options)) != -1) {
        has_config = has_config || option == 'c';
        has_dir = has_dir || option == 'D';
        if (option == 'c')
            source.config_path = optarg;
        else if (option == 'D')
            name_dir(optarg, path, dir_setting, &source, &sets);
        else if (option == 's')
            command_add_set(&sets, optarg);
        else if (option == 'f')
            read_format(optarg, &o);
        else if (option == 'i')
            read_address(optarg, &o);
        else
            *(option == 'k' ? &o.check : &o.json) = true;
    }
    if (optind < argc)
        command_refuse_word(&dns_command, argv[optind]);
    if (has_config && has_dir)
        command_misuse(&dns_command, "--config and --dir mean two different relays");
    if (o.check && o.has_format)
        command_misuse(&dns_command, "--format is of the zone, not of --check");
    if (o.json && !o.check)
        command_misuse(&dns_command, "--json goes with --check");
    if (!operator_has_config(source.config_path))
        return o.check ? DNS_LOOK_UNKNOWN : 1;
    int status = o.check ? DNS_LOOK_UNKNOWN : 1;
    if (source_load_config(&source))
        status = show_or_check(source.config, &o);
    source_done(&source);
    return status;
}

const struct command dns_command = {
    .name = "dns",
    .summary = "the DNS records that the relay wants, and whether they are there",
    .usage = "dns [--format zone|lines] [--address ADDRESS]... [WHERE]\n"
             "       martlet dns --check [--address ADDRESS]... [--json] [WHERE]\n"
             "\n"
             "Prints the records to put into the zone of the domain. With --check, asks the zone's own name servers\n"
             "and says of every record whether it is right, missing or wrong; the exit status is 0 when all that is\n"
             "required is right, 1 when something is missing or wrong, 2 when the servers could not be asked.\n"
             "\n"
             "  --format zone     a zone file, as BIND, Knot and NSD read it; the default\n"
             "  --format lines    one record a line, unsplit and unquoted, for the fields of a web panel\n"
             "  --address ADDRESS of this machine as the world sees it; may be repeated\n"
             "  --check           ask the name servers\n"
             "  --json            JSON objects, one a line\n"
             "  --set KEY=VALUE   as given to that relay; may be repeated\n"
             "WHERE:\n"
             "  --config FILE     of the relay that is meant; /etc/martlet/martlet.ini\n"
             "  --dir DIRECTORY   of a relay that has all of its files there",
    .run = run_dns,
};
