// SPDX-License-Identifier: MIT
// What the relay gives up before it starts a thread: new privileges, being read by a debugger, every file outside its
// state directory and the operator's pages (Landlock), TCP connections of its own, and every system call that it does
// not need (seccomp).
#pragma once

#include <stdbool.h>

#include "base/panic.h"

enum { SANDBOX_REPORT_MAX = 160 };

// Enters as much of the sandbox as this kernel and this build have, for ever and for all threads to come. ret_report
// says what is in force: "landlock=7 seccomp=on no_new_privs=on dumpable=off". What a kernel does not have is no error;
// what it has and refuses is. readable_dir ("": none) may be read besides the state directory.
MUST_USE bool sandbox_enter(const char *state_dir, const char *readable_dir, char ret_report[SANDBOX_REPORT_MAX]);

// No core dump and no debugger of the same user sees this process's memory, which holds a private key.
void sandbox_hide_memory(void);

// Built with a sanitizer, which needs to trace itself and to read its own program.
bool sandbox_is_sanitized(void);
