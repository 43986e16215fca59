// SPDX-License-Identifier: MIT
// For tests of connections: a session that does what it is told, a server for it on loopback, and a client that takes
// turns with the server in one thread.
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#include "net/listener.h"
#include "net/tls.h"

// Obeys lines, and answers each with itself: "pause", "close", "abort", "tls", "big" (300 KiB follow), "flood" (6 MiB
// follow, more than fits); any other line is only answered.
struct script {
    struct conn *c;
    struct tls_context *tls; // for "tls"
    int lines, drains, tls_done, timeouts, shutdowns, closes;
    enum conn_end why;
};

enum { SCRIPT_BIG = 300 * 1024 };

// Ends a test that hangs; on a busy machine all of this may take long.
enum { PATIENCE_MS = 60 * 1000 };

extern const struct conn_ops SCRIPT_OPS;

struct server {
    struct loop *loop;
    struct tls_context *tls;
    struct listener *listener;
    int fd;
    struct service svc;
    struct script script; // of the connection opened last
    int opened;
    uint32_t timeout_ms; // set on each new connection
};

// Starts to listen. `svc` gives the mode, limits and handshake time; `tls` the certificate settings; both may be NULL.
void server_start(struct server *s, const struct service *svc, struct tls_settings *tls);
// Frees all. Connections that are left end.
void server_stop(struct server *s);
// Runs what is ready; sleeps a little when `nothing` happened on the client's side.
void server_step(struct server *s, bool nothing);
// Steps until the script has so many lines (or fails) / its on_close was called / no connection is left. False after
// `ms`.
void server_until_lines(struct server *s, int lines);
bool server_until_closed(struct server *s, int ms);
bool server_until_empty(struct server *s, int ms);

struct client {
    struct server *server;
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

enum client_result { CLIENT_OK, CLIENT_EOF, CLIENT_RESET, CLIENT_STUCK };

// Connects; the server may not have seen it yet.
void client_call(struct client *c, struct server *s, int socket_buffer);
// The same, and steps until a session in clear text has been opened.
void client_connect(struct client *c, struct server *s, int socket_buffer);
// `alpn` is in wire form or NULL; `max_version` 0 for the newest. STUCK when it takes longer than PATIENCE_MS.
enum client_result client_handshake(struct client *c, const char *alpn, int max_version);
enum client_result client_send(struct client *c, const char *ptr, size_t len);
enum client_result client_send_text(struct client *c, const char *text);
// One attempt; *ret_len is 0 when nothing is there.
enum client_result client_try_read(struct client *c, char *ptr, size_t max, size_t *ret_len);
enum client_result client_try_write(struct client *c, const char *ptr, size_t len, size_t *ret_len);
enum client_result client_read(struct client *c, char *ptr, size_t len);
// Fails the test unless exactly this comes next.
void client_expect(struct client *c, const char *text);
// Reads to the end; how it ended, and how much there was.
enum client_result client_read_to_end(struct client *c, size_t *ret_len);
void client_close(struct client *c);
void client_reset(struct client *c);
