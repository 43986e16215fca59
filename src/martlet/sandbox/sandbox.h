// SPDX-License-Identifier: MIT
// What the relay gives up before it starts a thread: new privileges, being read by a debugger, every file outside its
// state directory but the operator's pages and public certificates, every TCP connection but those to other relays,
// name servers and the push gateway (both Landlock), and every system call that it does not need (seccomp).
#pragma once

#include <stdbool.h>

#include "base/panic.h"

struct config;
enum { SANDBOX_REPORT_MAX = 200 };

// Enters as much of the sandbox as this kernel and this build have, for ever and for all threads to come. ret_report
// says what is in force: "landlock=7 connect=53,25,443 seccomp=on no_new_privs=on dumpable=off"; connect=any on a
// kernel that cannot tell ports apart. What a kernel does not have is no error; what it has and refuses is.
MUST_USE bool sandbox_enter(const struct config *c, char ret_report[SANDBOX_REPORT_MAX]);
// The same for a process that does nothing but ask the DNS (martlet/dns/run.c): the resolver as the relay has it, and
// any name server.
MUST_USE bool sandbox_enter_for_dns(const struct config *c, char ret_report[SANDBOX_REPORT_MAX]);

// Whether the sandbox that was entered with the configuration `entered` lets the relay reach the push gateway of
// `next`.
bool sandbox_lets_push(const struct config *entered, const struct config *next);

// What sandbox_enter() reported; "" before. It is called before there are threads.
const char *sandbox_report(void);

// What this kernel does not have of it, as a sentence; NULL when it is whole.
const char *sandbox_weakness(int landlock_abi, bool is_filtered);
// The same of the sandbox that was entered; NULL before.
const char *sandbox_weakness_in_force(void);

// The first thing that each of our processes does, whatever it is for: its memory may hold keys, addresses and
// messages. No core dump is written, not even by a handler that the system has for them, nor by a program that this one
// starts; and no debugger of the same user can look. A sanitizer needs the latter.
void sandbox_hide_memory(void);

// Built with a sanitizer, which needs to trace itself and to read its own program.
bool sandbox_is_sanitized(void);
