// SPDX-License-Identifier: MIT
#include "martlet/sandbox/sandbox.h"

#include <openssl/x509.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/slice.h"
#include "config/config.h"
#include "config/url.h"
#include "config/value.h"
#include "martlet/sandbox/landlock.h"
#include "martlet/sandbox/seccomp.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

bool sandbox_is_sanitized(void) {
    return IS_SANITIZED;
}

// The limit is inherited for good; the flag is cleared by execve(2), and by a change of user set to what the system
// wants (proc(5), fs.suid_dumpable). A handler behind a pipe in core_pattern regards the flag alone.
void sandbox_hide_memory(void) {
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    if (!IS_SANITIZED)
        (void)prctl(PR_SET_DUMPABLE, 0);
}

// ---- what is needed from outside ----

enum { READABLE_MAX = 10, PORTS_MAX = CONFIG_FORWARDERS_MAX + 3, NAME_SERVER_PORT = 53 };

struct needs {
    const char *readable[READABLE_MAX];
    uint16_t ports[PORTS_MAX];
    size_t n_readable, n_ports;
};

static void need_file(struct needs *n, const char *path) {
    ASSERT(n->n_readable < READABLE_MAX);
    n->readable[n->n_readable++] = path;
}

static void need_port(struct needs *n, uint32_t port) {
    for (size_t i = 0; i < n->n_ports; i++)
        if (n->ports[i] == port)
            return;
    ASSERT(n->n_ports < PORTS_MAX);
    n->ports[n->n_ports++] = (uint16_t)port;
}

// The folder of certification authorities holds links into the others.
static void need_system_authorities(struct needs *n) {
    need_file(n, X509_get_default_cert_dir());
    need_file(n, X509_get_default_cert_file());
    need_file(n, "/etc/ssl/certs");
    need_file(n, "/usr/share/ca-certificates");
    need_file(n, "/usr/local/share/ca-certificates");
}

// 0: there is no gateway.
static uint16_t push_port(const struct config *c) {
    struct config_url url;
    return config_url_parse(slice_from_cstr(c->push_gateway), &url) ? url.port : 0;
}

// Name servers themselves, or those that are asked in their place.
static void need_resolver(struct needs *n, const struct config *c) {
    need_file(n, c->dns_root_hints);
    need_file(n, c->dns_trust_anchor);
    struct slice rest = slice_from_cstr(c->dns_forward);
    struct config_forwarder forwarder;
    while (config_forwarder_next(&rest, &forwarder))
        need_port(n, forwarder.port);
    if (n->n_ports == 0)
        need_port(n, NAME_SERVER_PORT);
}

static struct needs needs_of_relay(const struct config *c) {
    struct needs n = {.n_readable = 0};
    need_resolver(&n, c);
    need_file(&n, c->www_folder);
    if (c->ca_file[0] != '\0')
        need_file(&n, c->ca_file);
    else
        need_system_authorities(&n);
    need_port(&n, c->outbound_smtp_port);
    need_port(&n, c->outbound_https_port);
    if (push_port(c) != 0)
        need_port(&n, push_port(c));
    return n;
}

static struct needs needs_of_dns_look(const struct config *c) {
    struct needs n = {.n_readable = 0};
    need_resolver(&n, c);
    need_port(&n, NAME_SERVER_PORT);
    return n;
}

bool sandbox_lets_push(const struct config *entered, const struct config *next) {
    const struct needs n = needs_of_relay(entered);
    uint16_t port = push_port(next);
    for (size_t i = 0; i < n.n_ports; i++)
        if (n.ports[i] == port)
            return true;
    return port == 0;
}

static void write_ports(const struct needs *n, int abi, char *text, size_t size) {
    if (abi < LANDLOCK_ABI_TCP) {
        (void)snprintf(text, size, "any");
        return;
    }
    for (size_t i = 0, len = 0; i < n->n_ports && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%u", i > 0 ? "," : "", n->ports[i]);
}

// ---- the door ----

static char report_in_force[SANDBOX_REPORT_MAX];
static const char *weakness_in_force;

const char *sandbox_report(void) {
    return report_in_force;
}

const char *sandbox_weakness_in_force(void) {
    return weakness_in_force;
}

const char *sandbox_weakness(int landlock_abi, bool is_filtered) {
    if (landlock_abi <= 0 && !is_filtered)
        return "this kernel has neither Landlock nor seccomp: the relay is not confined; use one that has them";
    if (landlock_abi <= 0)
        return "this kernel has no Landlock (or lsm= of its command line leaves it out): the relay could read every "
               "file that its user may read";
    if (!is_filtered)
        return "this kernel has no seccomp: the relay could use every system call";
    return NULL;
}

static bool enter(const struct config *c, const struct needs *needs, char ret_report[SANDBOX_REPORT_MAX]) {
    // Both Landlock and seccomp ask for this first when we are not root.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "the kernel refuses no_new_privs");
        return false;
    }
    sandbox_hide_memory();
    int abi = 0;
    struct landlock_rules rules = {c->state_dir, needs->readable, needs->n_readable,
                                   needs->ports, needs->n_ports,  IS_SANITIZED};
    if (!landlock_restrict(&rules, &abi)) {
        (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "Landlock (version %d) refuses the rules", abi);
        return false;
    }
    bool filtered = false;
    if (!IS_SANITIZED && !seccomp_restrict(&filtered)) {
        (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "the kernel refuses the seccomp filter");
        return false;
    }
    char ports[PORTS_MAX * sizeof("65535,")];
    write_ports(needs, abi, ports, sizeof(ports));
    (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "landlock=%d connect=%s seccomp=%s no_new_privs=on dumpable=%s%s",
                   abi, ports, filtered ? "on" : "off", IS_SANITIZED ? "on" : "off",
                   IS_SANITIZED ? " sanitizer=on reading=everywhere" : "");
    (void)snprintf(report_in_force, sizeof(report_in_force), "%s", ret_report);
    weakness_in_force = sandbox_weakness(abi, filtered || IS_SANITIZED);
    return true;
}

bool sandbox_enter(const struct config *c, char ret_report[SANDBOX_REPORT_MAX]) {
    const struct needs n = needs_of_relay(c);
    return enter(c, &n, ret_report);
}

bool sandbox_enter_for_dns(const struct config *c, char ret_report[SANDBOX_REPORT_MAX]) {
    const struct needs n = needs_of_dns_look(c);
    return enter(c, &n, ret_report);
}
