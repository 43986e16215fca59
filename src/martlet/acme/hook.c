// SPDX-License-Identifier: MIT
// `martlet begin | done | failed TYPE IDENTIFIER TOKEN AUTHORIZATION`: how uacme(1) calls its hook, which is this
// program. http-01 (RFC 8555 section 8.3) is answered by the running relay, told over its control socket. With
// acme_dns_hook only dns-01 (section 8.4) is accepted, and left to that program. Not for people.
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "martlet/acme/client.h"
#include "martlet/command/command.h"
#include "martlet/command/control_client.h"

enum { HOOK_ARGS = 5 };
enum { ARG_METHOD, ARG_TYPE, ARG_IDENTIFIER, ARG_TOKEN, ARG_AUTHORIZATION };
enum { ACCEPTED = 0, DECLINED = 1 };

// The program has the same interface; its exit status is the answer.
static int run_program(const char *program, char **argv) {
    char *args[HOOK_ARGS + 2] = {(char *)(uintptr_t)program};
    for (int i = 0; i < HOOK_ARGS; i++)
        args[i + 1] = argv[i];
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); // that of this very program (martlet/acme/run.c)
    (void)execv(program, args);
    (void)fprintf(stderr, "martlet: acme_dns_hook %s cannot be run: %s\n", program, strerror(errno));
    return DECLINED;
}

static int tell_relay(const char *state_dir, bool begins, const char *token, const char *authorization) {
    json_t *request = begins ? json_pack("{s:s, s:s, s:s}", "command", "challenge-set", "token", token, "authorization",
                                         authorization)
                             : json_pack("{s:s, s:s}", "command", "challenge-clear", "token", token);
    char error[CONTROL_ERROR_MAX] = "the challenge is no text";
    bool ok = request != NULL && control_call(state_dir, request, NULL, NULL, NULL, error);
    json_decref(request);
    if (!ok)
        (void)fprintf(stderr, "martlet: the relay does not take the CA's challenge: %s\n", error);
    return ok ? ACCEPTED : DECLINED;
}

static int run_hook(int argc, char **argv) {
    const char *state_dir = getenv(ACME_ENV_STATE_DIR), *program = getenv(ACME_ENV_DNS_HOOK);
    if (argc != HOOK_ARGS || state_dir == NULL) {
        (void)fprintf(stderr, "martlet %s: started by uacme only\n", argv[ARG_METHOD]);
        return EXIT_USAGE;
    }
    bool uses_dns = program != NULL && program[0] != '\0';
    if (strcmp(argv[ARG_TYPE], uses_dns ? "dns-01" : "http-01") != 0)
        return DECLINED;
    if (uses_dns)
        return run_program(program, argv);
    return tell_relay(state_dir, strcmp(argv[ARG_METHOD], "begin") == 0, argv[ARG_TOKEN], argv[ARG_AUTHORIZATION]);
}

const struct command acme_begin_command = {.name = "begin", .run = run_hook};
const struct command acme_done_command = {.name = "done", .run = run_hook};
const struct command acme_failed_command = {.name = "failed", .run = run_hook};
