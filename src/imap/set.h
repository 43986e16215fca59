// SPDX-License-Identifier: MIT
// Sequence sets (RFC 3501 section 9): "1,3:5,7:*". Parsed as they stand, then brought into ascending, disjoint ranges
// once it is known what "*" means. Also small sorted lists of UIDs, which is what a view of a mailbox is made of.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "imap/parser.h"
#include "store/message_ops.h"

struct imap_set {
    struct store_uid_range *ranges; // numbers or UIDs, inclusive; 0 stands for "*" until resolved
    size_t n;
};

enum { IMAP_SET_MAX = 20000 }; // ranges in one set

// Parses a set; the ranges stand in the parser's arena.
MUST_USE bool imap_set_parse(struct imap_parser *p, struct imap_set *ret);
// Puts `star` for "*", orders and joins the ranges in place. With `star` 0 (an empty mailbox) ranges with "*" vanish.
void imap_set_resolve(struct imap_set *s, uint32_t star);
// Both for resolved sets.
bool imap_set_contains(const struct imap_set *s, uint32_t number);
uint32_t imap_set_max(const struct imap_set *s);
// Only what lies above `number` stays.
void imap_set_skip_to(struct imap_set *s, uint32_t number);

// Sorted, each value once. Zeroed is empty.
struct uid_list {
    uint32_t *v;
    uint32_t n, cap;
};

void uid_list_done(struct uid_list *l); // frees; the list is empty then
// Takes over n ascending values from the heap.
void uid_list_take(struct uid_list *l, uint32_t *values, size_t n);
void uid_list_add(struct uid_list *l, uint32_t uid); // harmless when it is there
// Index of the first value >= uid; n when there is none.
uint32_t uid_list_lower(const struct uid_list *l, uint32_t uid);
bool uid_list_find(const struct uid_list *l, uint32_t uid, uint32_t *ret_index);
// Removes all values of `gone` in one pass.
void uid_list_subtract(struct uid_list *l, const struct uid_list *gone);
// The ranges that make up the list, on the heap (the caller frees ret->ranges).
void imap_set_from_list(const struct uid_list *l, struct imap_set *ret);
