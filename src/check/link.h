// SPDX-License-Identifier: MIT
// A connection of the self-test, blocking for whoever calls and bounded in time: plain TCP, then TLS when asked for.
// What went wrong stands in `error`, in a few words for a sentence ("the connection was refused").
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"

struct ssl_st;
struct ssl_ctx_st;

// Until when things may last, and what ends them before that. Shared by all connections of a self-test.
struct check_limit {
    uint64_t until_ms;                 // monotonic
    const volatile sig_atomic_t *stop; // set by a signal
};

enum { CHECK_ERROR_SIZE = 256, CHECK_INPUT_MAX = 1024 * 1024 };

struct check_link {
    const struct check_limit *limit;
    int fd; // -1: not open
    struct ssl_st *ssl;
    struct buf in;
    size_t taken; // octets at the front of `in` that the caller has been given
    char error[CHECK_ERROR_SIZE];
};

// How TLS is spoken.
struct check_tls {
    struct ssl_ctx_st *context; // trusts what clients trust
    const char *name;           // what the certificate must be for, and SNI when it is no address
    const char *alpn;           // "imap"; NULL: none
    bool any_certificate;       // of a relay that clients know by its key
};

// Before anything else; the limit outlives the link.
void check_link_init(struct check_link *l, const struct check_limit *limit);
MUST_USE bool check_link_connect(struct check_link *l, const struct net_address *to);
MUST_USE bool check_link_secure(struct check_link *l, const struct check_tls *how);
MUST_USE bool check_link_write(struct check_link *l, struct slice octets);
// One line without its end. What is returned is valid until the next read.
MUST_USE bool check_link_read_line(struct check_link *l, struct slice *ret);
// Exactly so many octets, at most CHECK_INPUT_MAX.
MUST_USE bool check_link_read(struct check_link *l, size_t len, struct slice *ret);
// Until the peer closes.
MUST_USE bool check_link_read_all(struct check_link *l, struct slice *ret);
// May be called again, and on one that was never opened.
void check_link_close(struct check_link *l);

// Waits for a descriptor as long as the limit allows. False with a few words, also when the self-test is to stop.
MUST_USE bool check_limit_wait(const struct check_limit *limit, int fd, short events, char ret_error[CHECK_ERROR_SIZE]);
// Formats into `error` and returns false.
bool check_error(char error[CHECK_ERROR_SIZE], const char *fmt, ...) PRINTF_LIKE(2, 3);
