// SPDX-License-Identifier: MIT
// For tests of doors: an intake that takes what comes and says what it was told to, in place of intake/.
#pragma once

#include "base/buf.h"
#include "intake/intake.h"

enum { FAKE_INTAKE_MESSAGE_MAX = 4 * 1024 * 1024 };

struct intake {
    const char *reply; // the verdict; NULL: none ever comes
    bool is_slow;      // every write asks for a pause
    // Of the transaction that was made last.
    char from[512];
    size_t n_rcpts;
    struct buf rcpts; // "b@b.example c@b.example "
    struct buf message;
    bool is_finished;
    // Of all.
    size_t n_made, n_alive, n_finished;
};

// Recipients are at b.example; all else is refused.
void fake_intake_init(struct intake *in, const char *reply);
// Nothing may be left.
void fake_intake_done(struct intake *in);
