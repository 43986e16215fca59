// SPDX-License-Identifier: MIT
// What the load generators have in common.
#pragma once

#include <openssl/ssl.h>

// Ends the program with a line that says what failed and why.
_Noreturn void load_die(const char *what);
// Monotonic time in seconds.
double load_now_s(void);
// Seconds of processor time that the process has used.
double load_cpu_s(int pid);
// Its memory that is not shared with the page cache, in KiB.
long load_memory_kib(int pid);
// A connection to an IPv4 address; `from` may be NULL. Does not return without one.
int load_connect(const char *address, int port, const char *from);
// The same under TLS, with ctx; the server is not verified.
SSL *load_connect_tls(SSL_CTX *ctx, int fd, const char *host);
SSL_CTX *load_tls(void);
