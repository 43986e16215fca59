// SPDX-License-Identifier: MIT
#include "martlet/sandbox.h"

#include <stdio.h>
#include <sys/prctl.h>

#include "martlet/landlock.h"
#include "martlet/seccomp.h"

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

void sandbox_hide_memory(void) {
    if (!IS_SANITIZED)
        (void)prctl(PR_SET_DUMPABLE, 0);
}

bool sandbox_enter(const char *state_dir, const char *readable_dir, char ret_report[SANDBOX_REPORT_MAX]) {
    // Both Landlock and seccomp ask for this first when we are not root.
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "the kernel refuses no_new_privs");
        return false;
    }
    sandbox_hide_memory();
    int abi = 0;
    struct landlock_paths paths = {state_dir, readable_dir, IS_SANITIZED};
    if (!landlock_restrict(&paths, &abi)) {
        (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "Landlock (version %d) refuses the rules", abi);
        return false;
    }
    bool filtered = false;
    if (!IS_SANITIZED && !seccomp_restrict(&filtered)) {
        (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "the kernel refuses the seccomp filter");
        return false;
    }
    (void)snprintf(ret_report, SANDBOX_REPORT_MAX, "landlock=%d seccomp=%s no_new_privs=on dumpable=%s%s", abi,
                   filtered ? "on" : "off", IS_SANITIZED ? "on" : "off",
                   IS_SANITIZED ? " sanitizer=on reading=everywhere" : "");
    return true;
}
