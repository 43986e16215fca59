// SPDX-License-Identifier: MIT
#include "martlet/host/user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

bool user_find(const char *name, uid_t *ret_uid, gid_t *ret_gid) {
    struct passwd entry, *found = NULL;
    char space[4096];
    if (getpwnam_r(name, &entry, space, sizeof(space), &found) != 0 || found == NULL)
        return false;
    *ret_uid = entry.pw_uid;
    *ret_gid = entry.pw_gid;
    return true;
}

// setresuid() does this too, unless the user remains root.
static int drop_capabilities(void) {
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
    return syscall(SYS_capset, &head, none) == 0 ? 0 : errno;
}

int user_become(uid_t uid, gid_t gid) {
    // Whoever is root in a namespace of his own making may not drop groups (user_namespaces(7)), nor needs to, because
    // he remains who he is.
    bool remains = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid;
    if (setgroups(0, NULL) != 0 && !(remains && errno == EPERM))
        return errno;
    if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0)
        return errno;
    int error = drop_capabilities();
    if (uid != 0)
        ASSERT(setuid(0) != 0);
    return error;
}
