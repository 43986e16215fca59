// SPDX-License-Identifier: MIT
// The parent process: keeps the ports open, starts the relay as a child of its own program, restarts it when it dies,
// passes on reloads, and ends it. While no relay runs, clients wait in the backlog of the sockets.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct ports;
struct source;

struct parent_settings {
    struct source *source; // prepared
    const struct ports *ports;
    void (*on_ready)(void *arg); // once, when the first relay accepts; may be NULL
    void *arg;
    bool hangup_ends; // SIGHUP means that the terminal has gone, not a reload
};

// Runs until SIGTERM or SIGINT. Returns the exit status: 0 after an orderly end, 1 when the first relay could not start
// (a sentence has been printed) or the last one had to be killed.
MUST_USE int parent_run(const struct parent_settings *settings);
