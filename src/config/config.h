// SPDX-License-Identifier: MIT
// The configuration: the keys of an existing chatmail.ini, typed, with defaults. A loaded configuration is immutable; a
// reload makes a new one. Sizes are octets, times are in the unit of the name.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

// No message is kept longer, whatever is configured: a larger delete_mails_after counts as this, with a warning.
enum { CONFIG_MAIL_DAYS_MAX = 40 };

struct config {
    // Owned NUL-terminated strings; "" when unset.
    char *mail_domain;                  // lower case; an IPv4 address stands here in brackets: "[192.0.2.1]"
    char *state_dir;                    // /var/lib/martlet
    char *tls_cert_path, *tls_key_path; // of tls_external_cert_and_key; both "" when unset
    char *www_folder, *donate_url;
    char *acme_email, *acme_directory, *acme_dns_hook;
    char *iroh_relay;      // URL; see iroh_relay_set
    char *metrics_address; // see config_endpoint_parse(); mtail_address is an older name of the key
    char *privacy_postal, *privacy_mail, *privacy_pdo, *privacy_supervisor;
    char *mailboxes_dir;
    char *nocreate_path; // /etc/chatmail-nocreate: while this file exists, no account is created
    char *user;          // system user of the relay process when started as root: "martlet"
    // One DNS label sequence, lower case; "opendkim". Safe as a file name.
    char *dkim_selector;
    // Resolvers to ask in our place, see config_forwarder_next(); "": we resolve ourselves.
    char *dns_forward;
    char *dns_root_hints, *dns_trust_anchor; // files; "": what is built in
    char *ca_file;                           // PEM; "": the system's

    uint32_t max_user_send_per_minute, max_user_send_burst_size;                  // 60, 10
    uint64_t max_mailbox_size;                                                    // 500 MB
    uint64_t max_message_size;                                                    // 31457280
    uint32_t delete_mails_after, delete_large_after, delete_inactive_users_after; // days: 20 (at most 40), 7, 90
    uint32_t username_min_length, username_max_length, password_min_length;       // 9, 9, 9
    double max_load_1m;                                                           // 5
    uint64_t min_available_memory, min_free_disk_space;                           // 200M, 1G
    uint64_t max_memory;    // octets that the relay may take; 0: what the system allows
    uint32_t busy_after_ms; // work that waits so long makes the relay refuse new accounts first: 500
    uint32_t max_imap_connections, max_smtp_connections; // 10000, 1000
    uint32_t max_new_accounts_per_hour;                  // per client address; 0: no limit; 100
    bool iroh_relay_set; // false: the key is absent (own relay); true with "" announces nothing
    bool disable_ipv6, imap_rawlog, imap_compress, log_addresses;
    uint32_t max_http_connections; // 2000
    uint32_t max_relay_sessions;   // of other mail servers on port 25, and messages by HTTPS: 100
    // How long a message for elsewhere is tried: hours, and seconds between attempts; 48, 300, 4000.
    uint32_t queue_lifetime_hours, queue_retry_min, queue_retry_max;
    uint32_t outbound_smtp_port, outbound_https_port; // of other relays: 25, 443
    enum config_certificate { CERTIFICATE_AUTO, CERTIFICATE_ACME, CERTIFICATE_SELF_SIGNED } certificate;
    enum config_registration { REGISTRATION_OPEN, REGISTRATION_INVITE, REGISTRATION_CLOSED } registration;

    // Real time: notifications, TURN, iroh.
    char *push_gateway;    // URL, https://notifications.delta.chat/notify; "": no notifications
    bool push_gateway_set; // false: the key is absent, and push_gateway the default
    bool turn;             // true
    // What the world sees of us behind a NAT, as inet_pton() takes it; each "" when it is the socket's own.
    char *turn_external_ipv4, *turn_external_ipv6;
    char *turn_allowed_peers;                                         // see config_network_next(); "": none
    uint16_t turn_port_min, turn_port_max;                            // of relayed addresses: 49152-65535
    uint32_t max_turn_allocations;                                    // 1000
    uint32_t turn_allocations_per_user, turn_allocations_per_address; // 10, 20
    uint64_t turn_bandwidth;       // octets a second, each way, of one allocation; 1M
    uint64_t turn_total_bandwidth; // octets a second, of all allocations together; 0, the default: no limit
    uint32_t max_iroh_connections, iroh_connections_per_address; // 10000, 64
    uint64_t iroh_bandwidth;                                     // octets a second that are read from one client; 2M
    bool iroh_relay_only;    // drops discovery packets, so that nothing goes past the relay: for tests; false
    char *appversions_file;  // "": appversions.json in the directory of the configuration
    char *appversions_hosts; // see config_place_next(); "": those alone that are built in
};

// One complaint, e.g. "chatmail.ini:12: max_mailbox_size: not a size: 5x". For unknown keys and foreign sections
// `is_warning` is set and loading goes on; after anything else config_parse() returns NULL, once all complaints are
// made.
struct config_complaint {
    bool is_warning;
    char text[512];
};
typedef void config_on_complaint(void *arg, const struct config_complaint *c);

// Parses INI text (section [params]). `name` stands in complaints. `overrides` are NULL-terminated "key=value" strings
// that win over the text (complaints name them "--set key"). NULL when something is wrong.
MUST_USE struct config *config_parse(struct slice ini, const char *name, const char *const *overrides,
                                     config_on_complaint *on_complaint, void *arg);
void config_free(struct config *c);

// Where the certificate comes from (never CERTIFICATE_AUTO): files that the operator names win, then the key
// `certificate`; by itself a domain that is an IP literal or starts with "_" gets a self-signed one, any other ACME.
enum config_certificate_source { CERTIFICATE_FROM_FILES, CERTIFICATE_FROM_ACME, CERTIFICATE_FROM_SELF };
enum config_certificate_source config_certificate_source(const struct config *c);
// True when clients cannot verify the certificate.
bool config_is_self_signed(const struct config *c);
// "[192.0.2.1]"
bool config_domain_is_literal(const struct config *c);

// The current configuration, shared by threads. Holders own it; acquire/release count references.
struct config_holder;
struct config_holder *config_holder_new(struct config *first);
void config_holder_replace(struct config_holder *h, struct config *next);
const struct config *config_acquire(struct config_holder *h);
void config_release(struct config_holder *h, const struct config *c);
void config_holder_free(struct config_holder *h);
