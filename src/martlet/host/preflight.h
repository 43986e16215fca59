// SPDX-License-Identifier: MIT
// What a start would fail on, or what would fail silently later, looked for before anything is opened or made: each
// mistake is one sentence that names the key or the path and says what to do. Files are only looked at.
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct config;

struct preflight {
    const struct config *config;
    bool is_dev;
    bool only_look; // nothing is mended
    void (*on_problem)(void *arg, bool is_warning, const char *sentence);
    void *arg;
};

// The clock, the limit of open files, and the files that the configuration names. False after an error, which has been
// told; the first one is the only one.
MUST_USE bool preflight_look(const struct preflight *p);
// Before anything is done to the state directory: false when it would have to be given to the relay's user or closed to
// others and is somebody else's, such as /tmp or /home: it has files and none of a relay.
MUST_USE bool preflight_own(const struct preflight *p, int state_fd);
// Whether something in that directory is what a relay makes.
MUST_USE bool preflight_is_of_relay(int state_fd);
// The state directory, which is there and open: whose it is and what is in it, who else may enter it, whether there is
// room. Closes it to others, unless only_look. `state_fd` is -1 when it is not there yet.
MUST_USE bool preflight_state(const struct preflight *p, int state_fd);
// Why the state directory cannot be opened or made, from errno, in one sentence.
enum { PREFLIGHT_SENTENCE_MAX = 700 };
void preflight_explain_dir(const char *dir, int error, char ret[PREFLIGHT_SENTENCE_MAX]);

// A relay's reason why it could not start, with what an operator can do about it; the same text when there is nothing
// to add.
void preflight_advise(const char *state_dir, const char *reason, char ret[PREFLIGHT_SENTENCE_MAX]);
