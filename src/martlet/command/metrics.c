// SPDX-License-Identifier: MIT
// `martlet metrics`: what the relay counts, for a monitoring system.
#include <stdio.h>
#include <unistd.h>

#include "martlet/command/command.h"
#include "martlet/command/operator.h"

static void print_text(void *arg, const json_t *row) {
    (void)fputs(operator_text(row, "text"), stdout);
}

static int run_metrics(int argc, char **argv) {
    static const struct option allowed[] = {{0}};
    struct operator_options o;
    operator_read_options(&metrics_command, argc, argv, allowed, &o);
    if (optind < argc)
        command_refuse_word(&metrics_command, argv[optind]);
    json_t *request = json_pack("{s:s}", "command", "metrics");
    bool ok = operator_call(&o, request, print_text, NULL, NULL);
    json_decref(request);
    int status = operator_finish_output();
    return ok ? status : 1;
}

const struct command metrics_command = {
    .name = "metrics",
    .summary = "what the relay counts, as OpenMetrics text",
    .usage = "metrics [WHERE]\n"
             "\n"
             "Prints the relay's counters, gauges and histograms as OpenMetrics 1.0 text, for Prometheus and the\n"
             "like. No address, name or token stands in them.\n"
             "\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_metrics,
};
