// SPDX-License-Identifier: MIT
// The system calls have no wrapper in the C library, and the constants of later versions are not in every system
// header: what is needed stands here, as the kernel's documentation (userspace-api/landlock) defines it.
#include "martlet/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYS_CREATE_RULESET = 444, SYS_ADD_RULE = 445, SYS_RESTRICT_SELF = 446 };
enum { CREATE_RULESET_VERSION = 1, RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };

enum {
    FS_EXECUTE = 1 << 0,
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_ALL_V1 = (1 << 13) - 1,
    FS_REFER = 1 << 13,     // version 2: link and rename between directories
    FS_TRUNCATE = 1 << 14,  // version 3
    FS_IOCTL_DEV = 1 << 15, // version 5
};
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };            // version 4
enum { SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 }; // version 6

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
    uint64_t scoped;
};
struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));
struct net_port_attr {
    uint64_t allowed_access;
    uint64_t port;
};

// What this version of the kernel can restrict, and how much of the struct it knows.
static struct ruleset_attr handled_by(int abi, size_t *ret_size) {
    struct ruleset_attr attr = {.handled_access_fs = FS_ALL_V1};
    if (abi >= 2)
        attr.handled_access_fs |= FS_REFER;
    if (abi >= 3)
        attr.handled_access_fs |= FS_TRUNCATE;
    if (abi >= LANDLOCK_ABI_TCP)
        attr.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
    if (abi >= 5)
        attr.handled_access_fs |= FS_IOCTL_DEV;
    if (abi >= 6)
        attr.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
    *ret_size = abi >= 6 ? sizeof(attr) : abi >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
    return attr;
}

// A path that is not there needs no rule.
static bool allow(int ruleset, const char *path, uint64_t access) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return true;
    struct stat st;
    bool ok = fstat(fd, &st) == 0;
    // The kernel refuses rights of directories in a rule about a file.
    if (ok && !S_ISDIR(st.st_mode))
        access &= FS_EXECUTE | FS_WRITE_FILE | FS_READ_FILE | FS_TRUNCATE | FS_IOCTL_DEV;
    struct path_beneath_attr rule = {.allowed_access = access, .parent_fd = fd};
    ok = ok && syscall(SYS_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0;
    (void)close(fd);
    return ok;
}

static bool allow_files(int ruleset, const struct landlock_rules *rules, uint64_t handled) {
    static const char *const readable[] = {
        "/proc/loadavg",
        "/proc/meminfo", // limits on new accounts
        "/dev/urandom",
        "/etc/localtime",      // SQLite's seed; dates in messages
        "/usr/share/zoneinfo", // what localtime points to
        "/sys/devices/system/cpu/online",
        "/dev/null",
    };
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        if (!allow(ruleset, readable[i], FS_READ_FILE))
            return false;
    if (rules->read_everywhere && !allow(ruleset, "/", FS_READ_FILE | FS_READ_DIR))
        return false;
    for (size_t i = 0; i < rules->n_readable; i++)
        if (rules->readable[i][0] != '\0' && !allow(ruleset, rules->readable[i], FS_READ_FILE | FS_READ_DIR))
            return false;
    return allow(ruleset, rules->state_dir, handled & ~(uint64_t)(FS_EXECUTE | FS_IOCTL_DEV));
}

static bool allow_ports(int ruleset, const struct landlock_rules *rules) {
    for (size_t i = 0; i < rules->n_ports; i++) {
        struct net_port_attr rule = {.allowed_access = NET_CONNECT_TCP, .port = rules->ports[i]};
        if (syscall(SYS_ADD_RULE, ruleset, RULE_NET_PORT, &rule, 0) != 0)
            return false;
    }
    return true;
}

bool landlock_restrict(const struct landlock_rules *rules, int *ret_abi) {
    long abi = syscall(SYS_CREATE_RULESET, NULL, (size_t)0, CREATE_RULESET_VERSION);
    *ret_abi = abi > 0 ? (int)abi : 0;
    if (abi <= 0)
        return true;
    size_t size;
    struct ruleset_attr attr = handled_by(*ret_abi, &size);
    int ruleset = (int)syscall(SYS_CREATE_RULESET, &attr, size, 0);
    if (ruleset < 0)
        return false;
    bool ok = allow_files(ruleset, rules, attr.handled_access_fs) &&
              (attr.handled_access_net == 0 || allow_ports(ruleset, rules)) &&
              syscall(SYS_RESTRICT_SELF, ruleset, 0) == 0;
    (void)close(ruleset);
    return ok;
}
