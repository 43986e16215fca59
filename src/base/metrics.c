// SPDX-License-Identifier: MIT
// Every thread that counts has a page with a cell for each value; only that thread writes to it, so a plain load and
// store does where a shared cell would need a locked instruction. The page of a thread that ended goes, with its
// counts, to the next new thread. Pages are never freed: there are as many as threads at the busiest time.
#include "base/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/mem.h"

struct page {
    _Atomic uint64_t cells[METRIC_CELLS_MAX];
    struct page *next; // of all; written before the page is published
    bool is_taken;     // under the lock
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // of registration, of pages, and of gauges while they are read
static struct metric *_Atomic first_metric;
static uint32_t n_cells = 1; // cell 0 stands for "not registered"
static struct page *_Atomic first_page;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t ending; // its destructor gives the page back
static _Thread_local struct page *my_page;

// ---- pages ----

static void give_back(void *page) {
    my_page = NULL;
    ASSERT(pthread_mutex_lock(&lock) == 0);
    ((struct page *)page)->is_taken = false;
    ASSERT(pthread_mutex_unlock(&lock) == 0);
}

static void make_key(void) {
    ASSERT(pthread_key_create(&ending, give_back) == 0);
}

// Zeroed and on pages of memory of its own: no two threads meet in a cache line, and what is never counted takes
// nothing.
static struct page *new_page(void) {
    struct page *page = mem_map(sizeof(*page));
    page->next = atomic_load_explicit(&first_page, memory_order_relaxed);
    atomic_store_explicit(&first_page, page, memory_order_release);
    return page;
}

static struct page *take_page(void) {
    ASSERT(pthread_once(&once, make_key) == 0);
    ASSERT(pthread_mutex_lock(&lock) == 0);
    struct page *page = atomic_load_explicit(&first_page, memory_order_relaxed);
    while (page != NULL && page->is_taken)
        page = page->next;
    if (page == NULL)
        page = new_page();
    page->is_taken = true;
    ASSERT(pthread_mutex_unlock(&lock) == 0);
    ASSERT(pthread_setspecific(ending, page) == 0);
    my_page = page;
    return page;
}

static uint64_t sum_of(uint32_t cell) {
    uint64_t sum = 0;
    for (struct page *p = atomic_load_explicit(&first_page, memory_order_acquire); p != NULL; p = p->next)
        sum += atomic_load_explicit(&p->cells[cell], memory_order_relaxed);
    return sum;
}

// ---- registration ----

static const struct metric_histogram *histogram_of(const struct metric *m) {
    ASSERT(m->type == METRIC_TYPE_HISTOGRAM);
    return CONTAINER_OF(m, const struct metric_histogram, metric);
}

static struct metric_gauge *gauge_of(const struct metric *m) {
    ASSERT(m->type == METRIC_TYPE_GAUGE || m->type == METRIC_TYPE_TOTAL);
    return CONTAINER_OF(m, struct metric_gauge, metric);
}

// A histogram has its sum first, then its buckets.
static size_t cells_of(const struct metric *m) {
    return m->type == METRIC_TYPE_HISTOGRAM ? histogram_of(m)->n_bounds + 2 : m->n_values;
}

static void check(const struct metric *m) {
    ASSERT(m->name != NULL && m->help != NULL && m->n_values > 0 && (m->label == NULL) == (m->values == NULL));
    for (size_t i = 0; m->label != NULL && i < m->n_values; i++)
        ASSERT(m->values[i] != NULL);
    if (m->type == METRIC_TYPE_HISTOGRAM)
        ASSERT(m->label == NULL && histogram_of(m)->n_bounds <= METRIC_BOUNDS_MAX);
}

// Readers walk the list without the lock: what they see is whole, and nothing ever leaves it.
static void link_by_name(struct metric *m) {
    struct metric *before = NULL, *after = atomic_load_explicit(&first_metric, memory_order_relaxed);
    while (after != NULL && strcmp(after->name, m->name) < 0) {
        before = after;
        after = after->next;
    }
    ASSERT(after == NULL || strcmp(after->name, m->name) != 0);
    m->next = after;
    if (before == NULL)
        atomic_store_explicit(&first_metric, m, memory_order_release);
    else
        atomic_store_explicit(&before->next, m, memory_order_release);
}

static void register_locked(struct metric *m) {
    if (atomic_load_explicit(&m->first_cell, memory_order_relaxed) != 0)
        return;
    check(m);
    ASSERT(n_cells + cells_of(m) <= METRIC_CELLS_MAX);
    link_by_name(m);
    atomic_store_explicit(&m->first_cell, n_cells, memory_order_release);
    n_cells += (uint32_t)cells_of(m);
}

void metrics_register(struct metric *const *list, size_t n) {
    ASSERT(pthread_mutex_lock(&lock) == 0);
    for (size_t i = 0; i < n; i++)
        register_locked(list[i]);
    ASSERT(pthread_mutex_unlock(&lock) == 0);
}

// ---- counting ----

// The cell of this thread.
static _Atomic uint64_t *cell_of(struct metric *m, size_t index) {
    uint32_t first = atomic_load_explicit(&m->first_cell, memory_order_relaxed);
    struct page *page = my_page;
    if (__builtin_expect(first == 0, false)) {
        metrics_register(&m, 1);
        first = atomic_load_explicit(&m->first_cell, memory_order_relaxed);
    }
    if (__builtin_expect(page == NULL, false))
        page = take_page();
    return &page->cells[first + index];
}

static void add(_Atomic uint64_t *cell, uint64_t n) {
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + n, memory_order_relaxed);
}

void metric_add(struct metric_counter *c, size_t value, uint64_t n) {
    ASSERT(value < c->metric.n_values);
    add(cell_of(&c->metric, value), n);
}

void metric_raise(struct metric_level *l, size_t value, int64_t by) {
    ASSERT(value < l->metric.n_values);
    add(cell_of(&l->metric, value), (uint64_t)by); // wraps, and so does the sum
}

void metric_observe(struct metric_histogram *h, uint64_t amount) {
    size_t bucket = 0;
    while (bucket < h->n_bounds && amount > h->bounds[bucket])
        bucket++;
    _Atomic uint64_t *cells = cell_of(&h->metric, 0);
    add(&cells[0], amount);
    add(&cells[1 + bucket], 1);
}

void metric_gauge_open(struct metric_gauge *g, int64_t (*read)(void *arg, size_t value), void *arg) {
    ASSERT(pthread_mutex_lock(&lock) == 0);
    register_locked(&g->metric);
    g->read = read;
    g->arg = arg;
    ASSERT(pthread_mutex_unlock(&lock) == 0);
}

void metric_gauge_close(struct metric_gauge *g, const void *arg) {
    ASSERT(pthread_mutex_lock(&lock) == 0);
    if (g->arg == arg)
        g->read = NULL;
    ASSERT(pthread_mutex_unlock(&lock) == 0);
}

// ---- reading ----

const struct metric *metrics_first(void) {
    return atomic_load_explicit(&first_metric, memory_order_acquire);
}

const struct metric *metrics_after(const struct metric *m) {
    return atomic_load_explicit(&m->next, memory_order_acquire);
}

const struct metric *metrics_find(const char *name) {
    for (const struct metric *m = metrics_first(); m != NULL; m = metrics_after(m))
        if (strcmp(m->name, name) == 0)
            return m;
    return NULL;
}

uint64_t metric_per_unit(const struct metric *m) {
    uint64_t n = 1;
    if (m->type == METRIC_TYPE_HISTOGRAM)
        n = histogram_of(m)->per_unit;
    else if (m->type == METRIC_TYPE_GAUGE || m->type == METRIC_TYPE_TOTAL)
        n = gauge_of(m)->per_unit;
    return n > 0 ? n : 1;
}

static bool read_gauge(const struct metric *m, size_t value, int64_t *ret) {
    const struct metric_gauge *g = gauge_of(m);
    ASSERT(pthread_mutex_lock(&lock) == 0);
    int64_t now = g->read != NULL ? g->read(g->arg, value) : METRIC_NO_VALUE;
    ASSERT(pthread_mutex_unlock(&lock) == 0);
    if (now == METRIC_NO_VALUE)
        return false;
    *ret = now;
    return true;
}

bool metric_read(const struct metric *m, size_t value, int64_t *ret) {
    ASSERT(value < m->n_values && m->type != METRIC_TYPE_HISTOGRAM);
    if (m->type == METRIC_TYPE_GAUGE || m->type == METRIC_TYPE_TOTAL)
        return read_gauge(m, value, ret);
    uint32_t first = atomic_load_explicit(&m->first_cell, memory_order_acquire);
    *ret = first == 0 ? 0 : (int64_t)sum_of(first + (uint32_t)value);
    return true;
}

int64_t metrics_read_sum(const char *name) {
    const struct metric *m = metrics_find(name);
    int64_t sum = 0, one;
    for (size_t i = 0; m != NULL && i < m->n_values; i++)
        if (metric_read(m, i, &one))
            sum += one;
    return sum;
}

int64_t metrics_read(const char *name) {
    const struct metric *m = metrics_find(name);
    int64_t value;
    return m != NULL && metric_read(m, 0, &value) ? value : 0;
}

void metric_read_histogram(const struct metric *m, struct metric_distribution *ret) {
    size_t n_bounds = histogram_of(m)->n_bounds;
    uint32_t first = atomic_load_explicit(&m->first_cell, memory_order_acquire);
    *ret = (struct metric_distribution){.n = 0};
    if (first == 0)
        return;
    ret->sum = sum_of(first);
    for (uint32_t i = 0; i <= n_bounds; i++) {
        ret->counts[i] = sum_of(first + 1 + i);
        ret->n += ret->counts[i];
    }
}
