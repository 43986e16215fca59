// SPDX-License-Identifier: MIT
#include "martlet/host/port_holder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"

// As the kernel numbers them, for both protocols: a UDP socket that is bound to a port and to no peer is "closed".
enum { STATE_CLOSE = 0x07, STATE_LISTEN = 0x0a, INODES_MAX = 32 };

struct inodes {
    uint64_t inode[INODES_MAX];
    size_t n;
};

// As the kernel writes them: upper case, no sign. ULONG_MAX is nothing.
static unsigned long from_hex(struct slice digits) {
    static const char all[] = "0123456789ABCDEF";
    unsigned long n = 0;
    for (size_t i = 0; i < digits.len; i++) {
        const char *digit = memchr(all, digits.ptr[i], sizeof(all) - 1);
        if (digit == NULL || i == 8)
            return ULONG_MAX;
        n = n << 4 | (unsigned long)(digit - all);
    }
    return digits.len > 0 ? n : ULONG_MAX;
}

// "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode ...", numbers in hexadecimal but for the
// last three.
bool port_holder_parse_line(struct slice line, uint16_t port, bool is_udp, uint64_t *ret_inode) {
    struct slice word[10];
    for (size_t i = 0; i < ARRAY_LEN(word); i++)
        word[i] = slice_next_word(&line);
    size_t colon = slice_rfind(word[1], ':');
    return colon < word[1].len && from_hex(slice_sub(word[1], colon + 1, word[1].len)) == port &&
           from_hex(word[3]) == (is_udp ? STATE_CLOSE : STATE_LISTEN) && slice_to_u64(word[9], ret_inode);
}

static void read_table(const char *path, uint16_t port, bool is_udp, struct inodes *found) {
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return;
    char line[512];
    while (found->n < INODES_MAX && fgets(line, sizeof(line), f) != NULL)
        found->n += port_holder_parse_line(slice_trim(slice_from_cstr(line)), port, is_udp, &found->inode[found->n]);
    (void)fclose(f);
}

static bool is_wanted(const char *link, const struct inodes *wanted) {
    for (size_t i = 0; i < wanted->n; i++) {
        char name[48];
        (void)snprintf(name, sizeof(name), "socket:[%llu]", (unsigned long long)wanted->inode[i]);
        if (strcmp(name, link) == 0)
            return true;
    }
    return false;
}

static bool process_holds(const char *pid, const struct inodes *wanted) {
    char path[320];
    (void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return false;
    bool found = false;
    struct dirent *entry;
    while (!found && (entry = readdir(dir)) != NULL) {
        char link[64];
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
        if (n <= 0)
            continue;
        link[n] = '\0';
        found = is_wanted(link, wanted);
    }
    (void)closedir(dir);
    return found;
}

static void describe(const char *pid, char ret[PORT_HOLDER_MAX]) {
    char path[320], name[32] = "";
    (void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *f = fopen(path, "re");
    if (f != NULL) {
        if (fgets(name, sizeof(name), f) != NULL)
            name[strcspn(name, "\n")] = '\0';
        (void)fclose(f);
    }
    (void)snprintf(ret, PORT_HOLDER_MAX, "%s (pid %.10s)", name[0] != '\0' ? name : "a process", pid);
}

bool port_holder_find(uint16_t port, bool is_udp, char ret[PORT_HOLDER_MAX]) {
    struct inodes wanted = {0};
    read_table(is_udp ? "/proc/net/udp" : "/proc/net/tcp", port, is_udp, &wanted);
    read_table(is_udp ? "/proc/net/udp6" : "/proc/net/tcp6", port, is_udp, &wanted);
    DIR *proc = wanted.n > 0 ? opendir("/proc") : NULL;
    if (proc == NULL)
        return false;
    bool found = false;
    struct dirent *entry;
    while (!found && (entry = readdir(proc)) != NULL)
        if (ascii_is_digit(entry->d_name[0]) && process_holds(entry->d_name, &wanted)) {
            describe(entry->d_name, ret);
            found = true;
        }
    (void)closedir(proc);
    return found;
}

const char *port_holder_advice(const char *holder) {
    static const struct {
        const char *name, *advice;
    } known[] = {
        {"master", "probably Postfix: systemctl disable --now postfix"},
        {"exim4", "Exim: systemctl disable --now exim4"},
        {"smtpd", "probably OpenSMTPD: systemctl disable --now opensmtpd"},
        {"sendmail-mta", "Sendmail: systemctl disable --now sendmail"},
        {"dovecot", "Dovecot: systemctl disable --now dovecot.socket dovecot"},
        {"nginx", "systemctl disable --now nginx"},
        {"apache2", "systemctl disable --now apache2"},
        {"lighttpd", "systemctl disable --now lighttpd"},
        {"caddy", "systemctl disable --now caddy"},
        {"haproxy", "systemctl disable --now haproxy"},
        {"turnserver", "coturn: systemctl disable --now coturn"},
        {"systemd", "a socket unit: systemctl list-sockets shows which"},
        {"martlet", "another martlet runs: systemctl stop martlet, or give this one --port-offset"},
    };
    struct slice name, rest;
    if (!slice_cut(slice_from_cstr(holder), ' ', &name, &rest))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (slice_eq(name, slice_from_cstr(known[i].name)))
            return known[i].advice;
    return NULL;
}
