// SPDX-License-Identifier: MIT
#include "iroh/backlog.h"

#include "base/mem.h"

enum { PIECE_SIZE = 16 * 1024 };

struct iroh_backlog_piece {
    struct iroh_backlog_piece *next;
    uint32_t begin, end, size; // of what is in use in `data`
    char data[];               // each string behind its length (u32)
};

static struct iroh_backlog_piece *add_piece(struct iroh_backlog *q, uint32_t need) {
    uint32_t size = need > PIECE_SIZE ? need : PIECE_SIZE;
    struct iroh_backlog_piece *p = mem_alloc(sizeof(*p) + size);
    *p = (struct iroh_backlog_piece){.size = size};
    if (q->last != NULL)
        q->last->next = p;
    else
        q->first = p;
    q->last = p;
    q->memory += sizeof(*p) + size;
    return p;
}

char *iroh_backlog_push(struct iroh_backlog *q, uint32_t len) {
    uint32_t need = (uint32_t)sizeof(len) + len;
    ASSERT(need > len);
    struct iroh_backlog_piece *p = q->last;
    if (p == NULL || p->size - p->end < need)
        p = add_piece(q, need);
    char *at = p->data + p->end;
    memcpy(at, &len, sizeof(len));
    p->end += need;
    q->count++;
    q->octets += len;
    return at + sizeof(len);
}

struct slice iroh_backlog_first(const struct iroh_backlog *q) {
    if (q->count == 0)
        return SLICE_EMPTY;
    uint32_t len;
    const char *at = q->first->data + q->first->begin;
    memcpy(&len, at, sizeof(len));
    return slice_make(at + sizeof(len), len);
}

static void drop_first_piece(struct iroh_backlog *q) {
    struct iroh_backlog_piece *p = q->first;
    q->first = p->next;
    if (q->first == NULL)
        q->last = NULL;
    q->memory -= sizeof(*p) + p->size;
    free(p);
}

void iroh_backlog_pop(struct iroh_backlog *q) {
    ASSERT(q->count > 0);
    uint32_t len = (uint32_t)iroh_backlog_first(q).len;
    struct iroh_backlog_piece *p = q->first;
    p->begin += (uint32_t)sizeof(len) + len;
    q->count--;
    q->octets -= len;
    if (p->begin == p->end)
        drop_first_piece(q);
}

void iroh_backlog_done(struct iroh_backlog *q) {
    while (q->first != NULL)
        drop_first_piece(q);
    *q = (struct iroh_backlog){0};
}
