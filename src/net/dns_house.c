// SPDX-License-Identifier: MIT
// What an unattended host needs. The engine is made with the first lookup, made anew when the clock was set (what it
// remembers ends by the wall clock), and given up when it was idle for long. Once a day the root's keys are looked at,
// so that RFC 5011 sees each change also when nobody asks for anything. What is wrong is said once.
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "net/dns_alive.h"
#include "net/dns_anchor.h"
#include "net/dns_engine.h"
#include "net/dns_internal.h"

enum {
    CLOCK_STEP_MAX_S = 60,
    RETRY_MS = 10 * 1000, // an engine that cannot be made is not tried more often
    HOUR_MS = 3600 * 1000,
    DAY_MS = 24 * HOUR_MS,
    TYPE_DNSKEY = 48,
};

struct dns_house {
    struct dns_resolver *resolver;
    struct dns_engine *engine; // NULL: not needed now
    int64_t clock_offset_s;    // wall clock minus monotonic, when the engine was made
    uint64_t retry_at_ms;      // no engine is made before
    bool has_reset_anchor;     // the anchor file was made anew, and no lookup has begun since
    struct loop_timer idle_timer, probe_timer;

    struct dns_alive alive;
    uint64_t by_tcp_since_ms; // when the engine by TCP was made

    // Notices that were given and have not ended.
    bool told_root, told_silence, told_tcp, told_start;
};

struct probe {
    struct dns_lookup lookup;
    struct dns_house *house;
};

// ---- notices ----

static void tell(struct dns_house *h, bool *told, const char *sentence) {
    if (*told)
        return;
    *told = true;
    const struct dns_settings *s = &h->resolver->settings;
    if (s->on_notice != NULL)
        s->on_notice(s->notice_arg, sentence);
}

// libunbound's words when the keys at the top of the chain do not validate.
static bool is_about_root(const char *why) {
    return strstr(why, "failed to prime trust anchor") != NULL || strstr(why, "for trust anchor .") != NULL;
}

void dns_house_note(struct dns_house *h, const struct dns_finding *f) {
    h->has_reset_anchor = false;
    h->told_start = false;
    dns_alive_note(&h->alive, f);
    if (f->kind == DNS_FINDING_BOGUS && is_about_root(f->why))
        tell(
            h, &h->told_root,
            "the keys of the DNS root do not validate: the clock of this host is wrong, or its DNS traffic is altered");
    else if (f->secure)
        h->told_root = false;
}

static void on_life(void *arg) {
    struct dns_house *h = arg;
    h->told_silence = false;
    if (h->alive.by_tcp)
        tell(h, &h->told_tcp, "name servers are reached by TCP only; UDP to port 53 should be open");
    else
        h->told_tcp = false;
}

static void on_silence(void *arg) {
    struct dns_house *h = arg;
    tell(h, &h->told_silence, "no name server answers, neither by UDP nor by TCP");
}

// ---- the engine ----

static int64_t clock_offset_s(void) {
    return clock_wall_s() - (int64_t)(clock_mono_ms() / 1000);
}

static void drop_engine(struct dns_house *h) {
    if (h->engine == NULL)
        return;
    dns_queue_rewind(h->resolver);
    struct dns_engine *e = h->engine;
    h->engine = NULL;
    dns_engine_free(e);
}

static void on_idle_long(struct loop_timer *timer) {
    struct dns_house *h = CONTAINER_OF(timer, struct dns_house, idle_timer);
    if (h->resolver->n_lookups > 0)
        return;
    drop_engine(h);
    h->alive.by_tcp = false;
}

void dns_house_on_idle(struct dns_house *h) {
    if (h->engine == NULL)
        return;
    if (h->idle_timer.loop == NULL)
        loop_timer_init(&h->idle_timer, h->resolver->settings.loop, on_idle_long);
    loop_timer_start(&h->idle_timer, h->resolver->settings.idle_ms);
}

// What the engine remembers ends by the wall clock; and UDP is tried again after a while.
static bool is_outdated(const struct dns_house *h) {
    int64_t step = clock_offset_s() - h->clock_offset_s;
    if (step > CLOCK_STEP_MAX_S || step < -CLOCK_STEP_MAX_S)
        return true;
    return h->alive.by_tcp && h->resolver->n_lookups == 0 && clock_mono_ms() - h->by_tcp_since_ms >= HOUR_MS;
}

static void make_engine(struct dns_house *h) {
    const char *reason;
    h->clock_offset_s = clock_offset_s();
    h->by_tcp_since_ms = clock_mono_ms();
    h->engine = dns_engine_new(&h->resolver->settings, h->alive.by_tcp, &reason);
    if (h->engine == NULL) {
        h->retry_at_ms = clock_mono_ms() + RETRY_MS;
        tell(h, &h->told_start, reason);
    }
}

struct dns_engine *dns_house_engine(struct dns_house *h) {
    if (h->engine != NULL && is_outdated(h)) {
        drop_engine(h);
        h->alive.by_tcp = false;
    }
    if (h->engine == NULL && clock_mono_ms() >= h->retry_at_ms)
        make_engine(h);
    if (h->engine != NULL)
        dns_alive_watch(&h->alive);
    return h->engine;
}

static struct dns_engine *engine_that_is_there(void *arg) {
    return ((struct dns_house *)arg)->engine;
}

static bool is_wanted(void *arg) {
    const struct dns_resolver *r = ((struct dns_house *)arg)->resolver;
    return r->n_running + r->n_waiting > 0;
}

static void on_switch(void *arg) {
    struct dns_house *h = arg;
    drop_engine(h);
    dns_queue_pump(h->resolver);
}

bool dns_house_on_dead_engine(struct dns_house *h) {
    drop_engine(h);
    const struct dns_settings *s = &h->resolver->settings;
    if (s->trust_anchor_file[0] == '\0' && !h->has_reset_anchor && dns_anchor_reset(s->anchor_file)) {
        h->has_reset_anchor = true;
        return true;
    }
    h->retry_at_ms = clock_mono_ms() + RETRY_MS;
    tell(h, &h->told_start, "the resolver cannot start: root keys, root hints or trust anchor cannot be read");
    return false;
}

// ---- the root's keys ----

static void probe_in(struct dns_house *h, uint64_t ms) {
    if (!h->resolver->is_stopped)
        loop_timer_start(&h->probe_timer, ms + random_u64() % HOUR_MS);
}

// RFC 5011 2.3: after a failure sooner.
static void on_probed(struct dns_lookup *lookup, const struct dns_finding *f) {
    struct probe *p = CONTAINER_OF(lookup, struct probe, lookup);
    struct dns_house *h = p->house;
    h->resolver->n_lookups--;
    if (f->kind != DNS_FINDING_DROPPED)
        dns_house_note(h, f);
    probe_in(h, f->kind == DNS_FINDING_ANSWER ? DAY_MS : HOUR_MS);
    if (h->resolver->n_lookups == 0 && !h->resolver->is_stopped)
        dns_house_on_idle(h);
    free(p);
}

static void on_probe_due(struct loop_timer *timer) {
    struct dns_house *h = CONTAINER_OF(timer, struct dns_house, probe_timer);
    struct dns_engine *e = dns_house_engine(h);
    if (e == NULL) {
        probe_in(h, HOUR_MS);
        return;
    }
    struct probe *p = MEM_NEW(struct probe);
    p->lookup.done = on_probed;
    p->house = h;
    h->resolver->n_lookups++;
    if (dns_engine_ask(e, ".", TYPE_DNSKEY, &p->lookup))
        return;
    h->resolver->n_lookups--;
    free(p);
    (void)dns_house_on_dead_engine(h);
    probe_in(h, HOUR_MS);
}

static void start_probing(struct dns_house *h) {
    if (h->resolver->settings.trust_anchor_file[0] != '\0' || h->resolver->settings.is_passive)
        return;
    loop_timer_init(&h->probe_timer, h->resolver->settings.loop, on_probe_due);
    probe_in(h, HOUR_MS);
}

// ---- life ----

struct dns_house *dns_house_new(struct dns_resolver *r) {
    struct dns_house *h = MEM_NEW(struct dns_house);
    h->resolver = r;
    h->alive = (struct dns_alive){
        .loop = r->settings.loop,
        .is_wanted = is_wanted,
        .engine = engine_that_is_there,
        .on_switch = on_switch,
        .on_life = on_life,
        .on_silence = on_silence,
        .arg = h,
    };
    start_probing(h);
    return h;
}

void dns_house_close(struct dns_house *h) {
    struct dns_engine *e = h->engine;
    h->engine = NULL;
    dns_engine_free(e);
    dns_alive_done(&h->alive);
    loop_timer_done(&h->idle_timer);
    loop_timer_done(&h->probe_timer);
}

void dns_house_free(struct dns_house *h) {
    free(h);
}
