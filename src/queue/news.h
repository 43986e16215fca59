// SPDX-License-Identifier: MIT
// What other threads say to the queue: the store's news, and the wishes of an operator. Each is copied and posted to
// the loop; when too many are on their way, the row is left out, and then the news itself: the store has it all.
#pragma once

#include "base/slice.h"

struct queue;
struct inbox;
struct store_queue_news;

enum {
    INBOX_NEWS_MAX = 1000,          // on their way at a time
    INBOX_OCTETS_MAX = 1024 * 1024, // of the rows that go with them
};

struct inbox *inbox_new(struct queue *q);
// What is on its way is forgotten when it arrives.
void inbox_close(struct inbox *in);

// Any thread; `arg` is the inbox.
void inbox_on_store(void *arg, const struct store_queue_news *news);
void inbox_give_up(struct inbox *in, struct slice destination, uint64_t due_id);
// For tests: how much is on its way.
size_t inbox_count(struct inbox *in);
