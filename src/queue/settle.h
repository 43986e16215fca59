// SPDX-License-Identifier: MIT
// What came of a letter goes into the store: who has it, who is tried later, who failed and is written about to the
// sender. It is begun as soon as the answer is there, and repeated until the store took it; the letter stays in memory
// so long, so that nothing of it is sent again.
//
// When some have it and others failed, the first fact is committed at once and the bounce, which must be written before
// it can be committed, follows: the window in which a crash sends a second copy stays one commit. Outbound loop only.
#pragma once

#include "queue/letter.h"

struct config_holder;

struct settle_office {
    struct config_holder *config;
    struct store *store;
    struct loop *loop;
    struct list all; // settlements
    size_t n;
    // Something failed and wants settle_tick() at this time (monotonic, ms).
    void (*wake_at)(void *arg, uint64_t mono_ms);
    void (*on_bounced)(void *arg, size_t recipients); // a bounce was committed
    void (*on_ended)(void *arg);                      // a settlement is over, after its own on_done
    void *arg;
};
void settle_office_init(struct settle_office *o);

struct settle_order {
    struct letter *letter; // taken over; every recipient has a fate, none is LETTER_OPEN
    bool alive;            // its destination has answered
    int64_t next_at;       // for those whose fate is LETTER_LATER
    // on_trouble: the store did not take it, and will be asked again; may come more than once. on_done: it is
    // committed, or there was no such row any more; the letter is gone. Both in a later turn.
    void (*on_trouble)(void *arg);
    void (*on_done)(void *arg);
    void *arg;
};
void settle_begin(struct settle_office *o, const struct settle_order *order);

// Tries again what failed and whose time has come.
void settle_tick(struct settle_office *o);
// Every letter that is being settled, of one destination.
void settle_each(const struct settle_office *o, const char *destination, void (*on_letter)(void *arg, struct letter *l),
                 void *arg);
// Forgets everything. What was submitted is committed still, what was not is tried again after the next start.
void settle_abandon(struct settle_office *o);
// For tests: some wait for the store.
bool settle_awaits_store(const struct settle_office *o);
