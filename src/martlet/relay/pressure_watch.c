// SPDX-License-Identifier: MIT
#include "martlet/relay/pressure_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "admin/status.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "base/pressure.h"
#include "config/config.h"
#include "martlet/host/disk_reserve.h"
#include "martlet/host/memory_stats.h"
#include "martlet/host/trim.h"
#include "net/listener.h"
#include "store/store.h"

enum {
    // From one measurement to the next, while anything is on the way up and while nothing is.
    TICK_MS = 200,
    CALM_TICK_MS = 1000,
    // Between two measurements: the most, the least, and what one may cost while it shakes hands, twice: those that
    // were let in before have not taken all of it yet.
    CONNECTIONS_A_TICK = 500,
    CONNECTIONS_A_TICK_MIN = 25,
    CONNECTIONS_CALM = 50, // so many are no crowd
    CONNECTION_COST = 2 * 64 * 1024,
    // Descriptors that no connection gets: an eighth, but no more than this.
    RESERVE_PART = 8,
    RESERVE_MAX = 1024,
    // Inodes: accounts stop when a twentieth of them is left, mail at a hundredth, but not while there are thousands.
    INODES_FEW_PART = 20,
    INODES_FEW_MAX = 10000,
    INODES_FLOOR_PART = 100,
    INODES_FLOOR_MAX = 500,
    TRIM_EVERY_MS = 1000, // while memory is short
    SENTENCE_MAX = 128,
};

// Posted to a loop; the time until it runs is how long everything there waits.
struct probe {
    struct loop_task task;
    struct loop *loop;
    _Atomic uint64_t posted_ms; // 0: it has run
    _Atomic uint64_t lag_ms;
};

struct reading {
    uint64_t taken, limit;
    const char *of; // what it is about, for people
};

struct pressure_watch {
    struct config_holder *config;
    struct store *store;
    uint64_t ticked_ms;  // 0: never
    uint64_t wait_ms;    // from then to the next
    uint64_t lag_before; // of the tick before
    int64_t allowed;     // connections, since the tick before
    int64_t n_came;      // of them
    struct trim trim;
    struct disk_reserve reserve;
    uint64_t files_of_own; // descriptors before the first connection
    pthread_mutex_t lock;  // of the next three
    struct pressure_state states[PRESSURE_N_CAUSES];
    struct pressure_state octets, inodes; // of the disk, whose state has but the higher of the two levels
    struct reading readings[PRESSURE_N_CAUSES];
    size_t n_probes;
    struct probe probes[];
};

// Readings in a row that must be calm: load comes in waves, and memory is short again when those return who were sent
// away.
static const unsigned calm_of[PRESSURE_N_CAUSES] = {
    [PRESSURE_LOAD] = 5, [PRESSURE_MEMORY] = 15, [PRESSURE_DISK] = 2, [PRESSURE_FILES] = 2};

static struct metric_gauge pressure =
    METRIC_GAUGE_BY("martlet_pressure", "Level of overload by cause: 1 no new accounts, 2 connections, 3 messages",
                    "cause", pressure_cause_names);

static int64_t read_level(void *arg, size_t value) {
    return (int64_t)pressure_level((enum pressure_cause)value);
}

// ---- load ----

static void run_probe(struct loop_task *task) {
    struct probe *p = CONTAINER_OF(task, struct probe, task);
    atomic_store(&p->lag_ms, clock_mono_ms() - atomic_load(&p->posted_ms));
    atomic_store(&p->posted_ms, 0);
}

// The worst lag since the last time; sends the probes off again.
static uint64_t probe_loops(struct pressure_watch *w, uint64_t now) {
    uint64_t worst = 0;
    for (size_t i = 0; i < w->n_probes; i++) {
        struct probe *p = &w->probes[i];
        uint64_t posted = atomic_load(&p->posted_ms);
        uint64_t lag = posted != 0 ? now - posted : atomic_load(&p->lag_ms);
        worst = lag > worst ? lag : worst;
        if (posted == 0) {
            atomic_store(&p->posted_ms, now);
            loop_post(p->loop, &p->task);
        }
    }
    return worst;
}

// One long wait may have been anything; the second in a row is load.
static unsigned judge_load(struct pressure_watch *w, const struct config *c, struct reading *ret) {
    uint64_t now = clock_mono_ms(), lag = probe_loops(w, now), busy = store_writer_busy_ms(w->store);
    uint64_t due = w->ticked_ms + w->wait_ms, late = w->ticked_ms != 0 && now > due ? now - due : 0;
    w->ticked_ms = now;
    lag = busy > lag ? busy : lag;
    lag = late > lag ? late : lag;
    ret->taken = lag < w->lag_before ? lag : w->lag_before;
    ret->limit = c->busy_after_ms;
    w->lag_before = lag;
    struct pressure_bounds b = pressure_bounds_load(c->busy_after_ms);
    return pressure_step(&w->states[PRESSURE_LOAD], &b, ret->taken, calm_of[PRESSURE_LOAD]);
}

// ---- memory ----

static unsigned judge_memory(struct pressure_watch *w, const struct config *c, struct reading *ret) {
    struct memory_reading m;
    memory_stats_read(c->max_memory, &m);
    *ret = (struct reading){m.taken, m.limit, m.of};
    struct pressure_bounds b = pressure_bounds_memory(m.limit > 0 ? m.limit : UINT64_MAX);
    unsigned level = pressure_step(&w->states[PRESSURE_MEMORY], &b, m.taken, calm_of[PRESSURE_MEMORY]);
    if (level > 0) // what a storm has left in the heap is perhaps all of it
        trim_if_due(&w->trim, clock_mono_ms(), TRIM_EVERY_MS);
    return level;
}

// ---- disk ----

// Not every file system counts them.
static unsigned judge_inodes(struct pressure_watch *w, const struct statvfs *fs, struct reading *ret) {
    *ret = (struct reading){fs->f_files - fs->f_favail, fs->f_files, "inodes"};
    if (fs->f_files == 0)
        return 0;
    uint64_t few = fs->f_files / INODES_FEW_PART, floor = fs->f_files / INODES_FLOOR_PART;
    few = few < INODES_FEW_MAX ? few : INODES_FEW_MAX;
    floor = floor < INODES_FLOOR_MAX ? floor : INODES_FLOOR_MAX;
    struct pressure_bounds b = pressure_bounds_disk(fs->f_files, few, floor);
    return pressure_step(&w->inodes, &b, ret->taken, calm_of[PRESSURE_DISK]);
}

// Where it is not said how large the file system is, it will be found out by writing.
static unsigned judge_disk(struct pressure_watch *w, const struct config *c, struct reading *ret) {
    struct statvfs fs;
    if (statvfs(c->state_dir, &fs) != 0 || fs.f_blocks == 0)
        return w->states[PRESSURE_DISK].level;
    uint64_t total = (uint64_t)fs.f_blocks * fs.f_frsize, left = (uint64_t)fs.f_bavail * fs.f_frsize;
    struct pressure_bounds b = pressure_bounds_disk(total, c->min_free_disk_space, store_disk_floor(total));
    *ret = (struct reading){total - left, total, "octets"};
    struct reading of_inodes;
    unsigned level = pressure_step(&w->octets, &b, ret->taken, calm_of[PRESSURE_DISK]);
    disk_reserve_update(&w->reserve, level == PRESSURE_LEVEL_MAX ? DISK_IS_SHORT : DISK_HAS_ROOM, left);
    unsigned inodes = judge_inodes(w, &fs, &of_inodes);
    if (inodes > level) {
        *ret = of_inodes;
        level = inodes;
    }
    w->states[PRESSURE_DISK].level = level;
    return level;
}

static void open_reserve(struct pressure_watch *w, const struct config *c) {
    struct statvfs fs;
    bool known = statvfs(c->state_dir, &fs) == 0;
    disk_reserve_open(&w->reserve, c->state_dir, known ? (uint64_t)fs.f_blocks * fs.f_frsize : 0);
}

// ---- descriptors ----

// Those that connections may have, of all that the process may have open.
static uint64_t usable(uint64_t limit) {
    uint64_t reserve = limit / RESERVE_PART;
    return limit - (reserve < RESERVE_MAX ? reserve : RESERVE_MAX);
}

// How many connections fit below the level at which none is taken.
static int64_t allowance(const struct reading *memory) {
    uint64_t most = pressure_bounds_memory(memory->limit).enter[PRESSURE_CONNECTIONS];
    uint64_t fit = memory->taken < most ? (most - memory->taken) / CONNECTION_COST : 0;
    if (memory->limit == 0 || fit > CONNECTIONS_A_TICK)
        return CONNECTIONS_A_TICK;
    return fit > CONNECTIONS_A_TICK_MIN ? (int64_t)fit : CONNECTIONS_A_TICK_MIN;
}

// A kernel that changes the limit under way (prlimit(1)) is obeyed.
static unsigned judge_files(struct pressure_watch *w, struct reading *ret) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return 0;
    int64_t calls = metrics_read("martlet_turn_allocations");
    uint64_t most = usable(files.rlim_cur);
    ret->taken = conn_count() + (uint64_t)(calls > 0 ? calls : 0);
    ret->limit = most > w->files_of_own ? most - w->files_of_own : 1;
    int64_t allow = allowance(&w->readings[PRESSURE_MEMORY]);
    w->n_came = w->allowed - listener_allow(allow, most);
    w->allowed = allow;
    struct pressure_bounds b = pressure_bounds_files(ret->limit);
    return pressure_step(&w->states[PRESSURE_FILES], &b, ret->taken, calm_of[PRESSURE_FILES]);
}

// Descriptors are given out from the lowest: that of a new one tells how many there are.
static uint64_t count_files(void) {
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return 0;
    (void)close(fd);
    return (uint64_t)fd;
}

// What the configuration allows and the system does not is said once, at the start.
static void compare_limits(const struct pressure_watch *w, const struct config *c) {
    struct rlimit files;
    uint64_t wanted = w->files_of_own + c->max_imap_connections + 3ULL * c->max_smtp_connections +
                      3ULL * c->max_http_connections + c->max_relay_sessions + c->max_iroh_connections +
                      (c->turn ? c->max_turn_allocations : 0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && usable(files.rlim_cur) < wanted)
        log_warning("relay.few_descriptors",
                    "reason=\"the limits of connections add up to %llu descriptors, and the system allows %llu: raise "
                    "LimitNOFILE, or lower max_imap_connections and its like\"",
                    (unsigned long long)wanted, (unsigned long long)files.rlim_cur);
}

// ---- pace ----

// A relay with little to do need not wake up five times a second. What becomes a crowd meanwhile is held up by the
// allowance, which is no larger for a longer wait.
static bool is_calm(const struct pressure_watch *w, const unsigned levels[PRESSURE_N_CAUSES]) {
    const struct reading *load = &w->readings[PRESSURE_LOAD], *memory = &w->readings[PRESSURE_MEMORY];
    for (size_t i = 0; i < PRESSURE_N_CAUSES; i++)
        if (levels[i] > 0)
            return false;
    return w->lag_before < load->limit / 2 && memory->taken <= memory->limit / 2 && w->n_came <= CONNECTIONS_CALM;
}

// ---- words ----

static void write_sentence(enum pressure_cause cause, const struct reading *r, char ret[SENTENCE_MAX]) {
    unsigned long long taken = r->taken, limit = r->limit, left = limit > taken ? limit - taken : 0;
    switch (cause) {
    case PRESSURE_LOAD:
        (void)snprintf(ret, SENTENCE_MAX, "work waits for %llu ms", taken);
        return;
    case PRESSURE_MEMORY:
        (void)snprintf(ret, SENTENCE_MAX, "%llu of %llu MB of memory are taken (%s)", taken >> 20, limit >> 20,
                       r->of != NULL ? r->of : "");
        return;
    case PRESSURE_DISK:
        if (r->of != NULL && strcmp(r->of, "inodes") == 0)
            (void)snprintf(ret, SENTENCE_MAX, "the disk has room for %llu more files", left);
        else
            (void)snprintf(ret, SENTENCE_MAX, "the disk has %llu MB left", left >> 20);
        return;
    case PRESSURE_FILES:
        (void)snprintf(ret, SENTENCE_MAX, "connections have %llu of the %llu descriptors that are for them", taken,
                       limit);
        return;
    case PRESSURE_N_CAUSES:
        break;
    }
    UNREACHABLE();
}

static const char *words_for(enum pressure_cause cause, unsigned level) {
    static const char *const words[1U << PRESSURE_N_DOORS] = {"nothing", "new accounts",
                                                              "",        "new accounts and connections",
                                                              "",        "new accounts and messages",
                                                              "",        "new accounts, connections and messages"};
    return words[pressure_doors(cause, level)];
}

static void log_change(enum pressure_cause cause, unsigned before, unsigned level, const struct reading *r) {
    char sentence[SENTENCE_MAX];
    write_sentence(cause, r, sentence);
    if (level > before)
        log_warning("pressure.rises", "cause=%s level=%u reason=\"%s\" refused=\"%s\"", pressure_cause_names[cause],
                    level, sentence, words_for(cause, level));
    else
        log_info("pressure.falls", "cause=%s level=%u reason=\"%s\" refused=\"%s\"", pressure_cause_names[cause], level,
                 sentence, words_for(cause, level));
}

// ---- life ----

struct pressure_watch *pressure_watch_new(struct config_holder *config, struct store *store, struct loop *const *loops,
                                          size_t n_loops) {
    struct pressure_watch *w = mem_zalloc(1, sizeof(*w) + n_loops * sizeof(struct probe));
    w->config = config;
    w->store = store;
    w->n_probes = n_loops;
    for (size_t i = 0; i < n_loops; i++)
        w->probes[i] = (struct probe){.task = {NULL, run_probe}, .loop = loops[i]};
    ASSERT(pthread_mutex_init(&w->lock, NULL) == 0);
    w->files_of_own = count_files();
    metric_gauge_open(&pressure, read_level, w);
    pressure_metrics_register();
    const struct config *c = config_acquire(config);
    compare_limits(w, c);
    open_reserve(w, c);
    config_release(config, c);
    return w;
}

void pressure_watch_tick(struct pressure_watch *w) {
    const struct config *c = config_acquire(w->config);
    unsigned before[PRESSURE_N_CAUSES], levels[PRESSURE_N_CAUSES];
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    for (size_t i = 0; i < PRESSURE_N_CAUSES; i++)
        before[i] = w->states[i].level;
    levels[PRESSURE_LOAD] = judge_load(w, c, &w->readings[PRESSURE_LOAD]);
    levels[PRESSURE_MEMORY] = judge_memory(w, c, &w->readings[PRESSURE_MEMORY]);
    levels[PRESSURE_DISK] = judge_disk(w, c, &w->readings[PRESSURE_DISK]);
    levels[PRESSURE_FILES] = judge_files(w, &w->readings[PRESSURE_FILES]);
    w->wait_ms = is_calm(w, levels) ? CALM_TICK_MS : TICK_MS;
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    config_release(w->config, c);
    pressure_publish(levels);
    for (size_t i = 0; i < PRESSURE_N_CAUSES; i++)
        if (levels[i] != before[i])
            log_change((enum pressure_cause)i, before[i], levels[i], &w->readings[i]);
}

uint64_t pressure_watch_wait_ms(const struct pressure_watch *w, uint64_t now_ms) {
    uint64_t due = w->ticked_ms + w->wait_ms;
    return due > now_ms ? due - now_ms : 0;
}

// That the first level of the disk shuts out new accounts is said where the disk is described, in terms of what is
// configured (admin/status_commands.c); not so when inodes are few, or when it is the floor that is near.
static bool is_told_elsewhere(enum pressure_cause cause, unsigned level, const struct reading *r, uint64_t least) {
    return cause == PRESSURE_DISK && level == 1 && strcmp(r->of, "octets") == 0 && r->limit - r->taken < least;
}

json_t *pressure_watch_describe(void *watch, json_t *attention) {
    struct pressure_watch *w = watch;
    json_t *causes = json_object();
    const struct config *c = config_acquire(w->config);
    uint64_t least = c->min_free_disk_space;
    config_release(w->config, c);
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    for (size_t i = 0; i < PRESSURE_N_CAUSES; i++) {
        const struct reading *r = &w->readings[i];
        unsigned level = w->states[i].level;
        char sentence[SENTENCE_MAX];
        write_sentence((enum pressure_cause)i, r, sentence);
        if (level > 0 && !is_told_elsewhere((enum pressure_cause)i, level, r, least + least / 4))
            control_attention(attention, "%s: %s are refused", sentence, words_for((enum pressure_cause)i, level));
        ASSERT(json_object_set_new(causes, pressure_cause_names[i],
                                   json_pack("{s:i, s:I, s:I}", "level", (int)level, "taken", (json_int_t)r->taken,
                                             "limit", (json_int_t)r->limit)) == 0);
    }
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    return causes;
}

void pressure_watch_free(struct pressure_watch *w) {
    if (w == NULL)
        return;
    static const unsigned none[PRESSURE_N_CAUSES];
    pressure_publish(none);
    metric_gauge_close(&pressure, w);
    disk_reserve_close(&w->reserve);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}
