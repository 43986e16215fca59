// SPDX-License-Identifier: MIT
// An intrusive doubly linked list. The list head is a node of its own; an unlinked node points to itself.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *l) {
    l->prev = l->next = l;
}
static inline bool list_is_empty(const struct list *l) {
    return l->next == l;
}

static inline void list_append(struct list *head, struct list *node) {
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

// Unlinks the node; harmless on a node that is not linked but initialised.
static inline void list_remove(struct list *node) {
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

// Unlinks and returns the first node, or NULL.
static inline struct list *list_take_first(struct list *head) {
    struct list *node = head->next;
    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

// Walks the list; the current node may be removed within the loop.
#define LIST_FOREACH(node, head)                                                                                       \
    for (struct list *node = (head)->next, *node##_next = node->next; node != (head);                                  \
         node = node##_next, node##_next = node->next)
