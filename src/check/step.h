// SPDX-License-Identifier: MIT
// What the steps of the self-test have in common. Private to this room.
#pragma once

#include "check/check.h"
#include "check/imap.h"
#include "check/link.h"
#include "check/smtp.h"

enum {
    CHECK_DOMAIN_SIZE = 260,
    CHECK_LOCAL_PART_LEN = 9, // what chatmail relays want
    CHECK_PASSWORD_LEN = 32,
    CHECK_LOCAL_PART_MAX = 64, // what username_min_length and
    CHECK_PASSWORD_MAX = 128,  // password_min_length can be (config/schema.c)
    CHECK_ADDRESS_SIZE = CHECK_LOCAL_PART_MAX + 1 + CHECK_DOMAIN_SIZE,
    CHECK_PASSWORD_SIZE = CHECK_PASSWORD_MAX + 1,
    CHECK_TURN_SIZE = 512,
    CHECK_IROH_SIZE = 2049,
};

struct check_account {
    char address[CHECK_ADDRESS_SIZE];
    char password[CHECK_PASSWORD_SIZE];
    bool may_exist; // somebody may have made it
    bool is_ready;  // and a login worked
};

// What a step can need; a step that works gives it.
enum check_need {
    CHECK_NEEDS_RELAY = 1 << 0,
    CHECK_NEEDS_ACCOUNTS = 1 << 1,
    CHECK_NEEDS_PEER = 1 << 2, // that one is named
};

struct check {
    const struct check_settings *settings;
    struct check_limit limit;
    unsigned has;                   // enum check_need
    char domain[CHECK_DOMAIN_SIZE]; // as in addresses: "[192.0.2.1]"
    char name[CHECK_DOMAIN_SIZE];   // for TLS and HTTP: "192.0.2.1"
    json_t *status;                 // what the relay says of itself; NULL: unknown
    struct net_address host;        // settings->host
    struct ssl_ctx_st *tls;
    struct check_account a, b;

    char peer[CHECK_DOMAIN_SIZE], peer_name[CHECK_DOMAIN_SIZE];
    struct net_address peer_host;
    struct check_account at_peer;

    char turn[CHECK_TURN_SIZE]; // what clients are told, "" until it is known
    char iroh[CHECK_IROH_SIZE];
};

// Each writes r->text, and r->ms where that is not the time of the whole step.
typedef enum check_verdict check_step_run(struct check *c, struct check_result *r);
check_step_run check_step_relay, check_step_configuration, check_step_clock, check_step_certificate;
check_step_run check_step_account_1, check_step_account_2;
check_step_run check_step_submission_465, check_step_submission_587, check_step_encryption, check_step_imap_143,
    check_step_mail_443;
check_step_run check_step_web, check_step_new, check_step_autoconfig;
check_step_run check_step_metadata, check_step_turn, check_step_iroh, check_step_push;
check_step_run check_step_peer_account, check_step_peer_to, check_step_peer_from;
check_step_run check_step_clean_up;

// One port of the table in martlet/handover/ports.c.
struct check_port {
    const char *name, *service, *what;
    uint16_t number;
    bool is_udp, is_tls;
    const char *greeting; // how the first line begins that the server says; NULL: it waits for the client's
};
extern const struct check_port check_ports[];
extern const size_t check_n_ports;
enum check_verdict check_step_port(struct check *c, const struct check_port *port, struct check_result *r);

// ---- for the steps ----

enum check_verdict check_ok(struct check_result *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum check_verdict check_fail(struct check_result *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
enum check_verdict check_skip(struct check_result *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

// Where a service is reached; false when the relay does not listen for it (in this family).
MUST_USE bool check_find(const struct check *c, const char *service, bool ipv6, struct net_address *ret);
// "192.0.2.1" or "[192.0.2.1]" or a name, as the operator wrote it. False when it is none of these.
MUST_USE bool check_set_domain(struct check *c, const char *domain);
// The same as check_find() in the family that there is, IPv4 first; where there is neither, an address that refuses.
struct net_address check_place(const struct check *c, const char *service);
// TLS with our relay: its certificate has a step of its own.
struct check_tls check_own_tls(const struct check *c, const char *alpn);
// Asks the relay; `request` is taken. False with a sentence.
MUST_USE bool check_ask(struct check *c, json_t *request, void (*on_row)(void *arg, const json_t *row), void *arg,
                        json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]);
// Members of the relay's status; NULL, "" and false when they are not known.
const json_t *check_status(const struct check *c, const char *part);
const char *check_status_text(const struct check *c, const char *part, const char *name);
bool check_status_true(const struct check *c, const char *part, const char *name);

// A random name, its local part of so many octets (at most CHECK_LOCAL_PART_MAX), and password (CHECK_PASSWORD_MAX).
void check_account_invent(struct check_account *a, const char *domain, size_t local_len, size_t password_len);
// One encrypted message by `smtp`, which is logged in, to `to`, whose `imap` is logged in: from the final dot to EXISTS
// within IDLE, then fetched, compared, deleted. False with what happened in ret_error.
struct check_delivery {
    const char *from, *to;
    struct check_smtp *smtp;
    struct check_imap *imap;
    double ret_ms, ret_accepted_ms; // from the final dot to EXISTS, and to 250
};
MUST_USE bool check_deliver(struct check_delivery *d, char ret_error[CHECK_ERROR_SIZE]);

// The first address of a host name (or of an address in text form). False with a few words.
MUST_USE bool check_resolve(const char *name, uint16_t port, struct net_address *ret, char ret_error[CHECK_ERROR_SIZE]);
