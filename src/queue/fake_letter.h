// SPDX-License-Identifier: MIT
// For tests of transports: a letter in memory, read in pieces of a chosen size.
#pragma once

#include "queue/transport.h"

enum { FAKE_LETTER_RECIPIENTS_MAX = 300 };

struct fake_letter {
    struct transport_letter letter;
    struct loop *loop;
    struct slice text;
    size_t piece;    // at most; 0: what is asked for
    size_t fails_at; // this reading of a piece (from 1) finds the body gone; 0: none
    size_t at, n_reads, n_rewinds;
    struct loop_timer timer;
    size_t max;
    void (*on_octets)(void *arg, struct slice octets);
    void *arg;
    char addresses[FAKE_LETTER_RECIPIENTS_MAX][32];
    struct slice recipients[FAKE_LETTER_RECIPIENTS_MAX];
    struct transport_reply replies[FAKE_LETTER_RECIPIENTS_MAX];
};

// From a@a.example to r0@b.example, r1@b.example, ...; `text` must outlive it.
void fake_letter_init(struct fake_letter *l, struct loop *loop, struct slice text, size_t n_recipients);
// Nothing may be under way.
void fake_letter_done(struct fake_letter *l);
