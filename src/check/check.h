// SPDX-License-Identifier: MIT
// The self-test of a running relay: step by step what a client does, through the public ports, with real TLS. It makes
// two accounts, sends between them, and leaves nothing behind: whatever happens, and also when it is interrupted, the
// last step takes away what the others have made.
//
// Synchronous, for a command. Every step has a limit in time, and all together have one.
#pragma once

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum check_verdict { CHECK_OK, CHECK_FAILED, CHECK_SKIPPED };
enum { CHECK_TEXT_SIZE = 512, CHECK_CONTROL_ERROR_SIZE = 512 };

struct check_result {
    const char *name; // stable: "port-25"
    enum check_verdict verdict;
    double ms;                  // what the step is about: until EXISTS, until the login is answered; else all of it
    char text[CHECK_TEXT_SIZE]; // one printable line; of a failure also what to do about it
};

struct check_settings {
    const char *config_path;   // what the relay was started with, for its step; NULL: `martlet dev`
    const char *config_domain; // mail_domain in it
    const char *domain;        // a relay elsewhere, of which nothing but its ports is known; NULL: the one below
    const char *host;          // an address to connect to; NULL: where the relay listens, or what `domain` resolves to
    const char *peer;          // another relay's domain, for a round trip; NULL: none
    const char *ca_file;       // NULL: the system's
    uint64_t limit_ms;         // of everything but the clean-up
    const volatile sig_atomic_t *stop;
    // Asks the relay over its control socket, as control_call() does.
    bool (*ask)(void *arg, const json_t *request, void (*on_row)(void *row_arg, const json_t *row), void *row_arg,
                json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]);
    void (*on_result)(void *arg, const struct check_result *r); // as soon as a step is done
    void *arg;
};

enum check_end {
    CHECK_ALL_OK, // or skipped
    CHECK_SOME_FAILED,
    CHECK_INTERRUPTED,  // what was made is taken away all the same
    CHECK_CANNOT_BEGIN, // the CA file cannot be read, or `host`, `domain` or `peer` is none: ret_error says so
};
enum check_end check_run(const struct check_settings *s, char ret_error[CHECK_CONTROL_ERROR_SIZE]);
