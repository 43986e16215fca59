// SPDX-License-Identifier: MIT
// Drives the resolver from a script: settings as "key=value" arguments, questions as lines "NAME TYPE" on standard
// input, each answered by a line on standard output, in the order of the answers:
//     NAME TYPE STATUS secure|insecure TTL CANONICAL-NAME RDATA...      (rdata in hex)
// and notices as lines "notice: ...". With sandbox=DIRECTORY it goes into the relay's sandbox first. The line "wait"
// waits until all that was asked is answered. Ends with the input.
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/mem.h"
#include "martlet/sandbox/landlock.h"
#include "martlet/sandbox/sandbox.h"
#include "martlet/sandbox/seccomp.h"
#include "net/dns.h"

struct question {
    struct dns_query query;
    char text[512];
};

static struct loop *loop;
static struct dns_resolver *resolver;
static size_t n_open;
static bool is_waiting, has_ended;
static struct event *input;

static void go_on_reading(void) {
    if (is_waiting && n_open == 0) {
        is_waiting = false;
        (void)event_add(input, NULL);
        event_active(input, EV_READ, 0);
    }
    if (has_ended && n_open == 0)
        loop_stop(loop);
}

static void on_answer(void *arg, const struct dns_answer *a) {
    static const char *const status[] = {"OK", "NODATA", "NXDOMAIN", "FAILED", "BOGUS"};
    struct question *q = arg;
    printf("%s %s %s %u %s", q->text, status[a->status], a->secure ? "secure" : "insecure", a->ttl, a->name);
    for (size_t i = 0; i < a->n_records; i++) {
        printf(" ");
        for (size_t j = 0; j < a->records[i].len; j++)
            printf("%02x", (unsigned char)a->records[i].ptr[j]);
    }
    printf("\n");
    (void)fflush(stdout);
    free(q);
    n_open--;
    go_on_reading();
}

static void ask(struct slice line) {
    struct question *q = MEM_NEW(struct question);
    struct slice rest = line, name = slice_next_word(&rest), type = slice_next_word(&rest);
    uint32_t number = 0;
    if (!slice_to_u32(type, &number) || line.len >= sizeof(q->text)) {
        fprintf(stderr, "dns_ask: not NAME TYPE\n");
        exit(2);
    }
    memcpy(q->text, line.ptr, line.len);
    n_open++;
    dns_query_submit(resolver, loop, &q->query, name, (uint16_t)number, on_answer, q);
}

// Line by line without a buffer of stdio, which poll would not see.
static void on_input(evutil_socket_t fd, short what, void *arg) {
    static char line[512];
    static size_t len;
    char c;
    while (!is_waiting) {
        ssize_t n = read(fd, &c, 1);
        if (n <= 0) {
            if (n == 0) {
                has_ended = true;
                (void)event_del(input);
                go_on_reading();
            }
            return;
        }
        if (c != '\n') {
            if (len < sizeof(line) - 1)
                line[len++] = c;
            continue;
        }
        struct slice s = slice_make(line, len);
        len = 0;
        if (!slice_eq(s, SLICE("wait"))) {
            ask(s);
        } else if (n_open > 0) {
            is_waiting = true;
            (void)event_del(input);
        }
    }
}

static void on_notice(void *arg, const char *sentence) {
    printf("notice: %s\n", sentence);
    (void)fflush(stdout);
}

static const char *value(int argc, char **argv, const char *key) {
    size_t len = strlen(key);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], key, len) == 0 && argv[i][len] == '=')
            return argv[i] + len + 1;
    return "";
}

// As the relay does it, before anything is opened.
static void enter_sandbox(const char *state_dir, const struct dns_settings *s) {
    static const uint16_t ports[] = {53};
    const char *const readable[] = {s->root_hints_file, s->trust_anchor_file};
    const struct landlock_rules rules = {state_dir, readable, ARRAY_LEN(readable), ports, 1, sandbox_is_sanitized()};
    int abi;
    bool on = true;
    ASSERT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    ASSERT(landlock_restrict(&rules, &abi) && (sandbox_is_sanitized() || seccomp_restrict(&on)));
    printf("sandbox: landlock=%d seccomp=%s\n", abi, on && !sandbox_is_sanitized() ? "on" : "off");
    (void)fflush(stdout);
}

int main(int argc, char **argv) {
    const char *forward = value(argc, argv, "forward"), *timeout = value(argc, argv, "timeout_ms");
    struct dns_settings s = {
        .anchor_file = value(argc, argv, "anchor"),
        .trust_anchor_file = value(argc, argv, "trust"),
        .root_hints_file = value(argc, argv, "hints"),
        .forwarders = (const char *const[]){forward[0] != '\0' ? forward : NULL, NULL},
        .use_ipv4 = strcmp(value(argc, argv, "ipv4"), "no") != 0,
        .use_ipv6 = strcmp(value(argc, argv, "ipv6"), "no") != 0,
        .timeout_ms = (uint32_t)strtoul(timeout, NULL, 10),
        .on_notice = on_notice,
    };
    const char *state_dir = value(argc, argv, "sandbox");
    if (state_dir[0] != '\0')
        enter_sandbox(state_dir, &s);
    s.loop = loop = loop_new();
    const char *error = "";
    resolver = dns_resolver_new(&s, &error);
    if (resolver == NULL) {
        printf("error: %s\n", error);
        return 1;
    }
    (void)evutil_make_socket_nonblocking(STDIN_FILENO);
    input = event_new(loop_base(loop), STDIN_FILENO, EV_READ | EV_PERSIST, on_input, NULL);
    (void)event_add(input, NULL);
    loop_run(loop);
    dns_resolver_stop(resolver);
    event_free(input);
    loop_free(loop);
    dns_resolver_free(resolver);
    return 0;
}
