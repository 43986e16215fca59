// SPDX-License-Identifier: MIT
// The keys of the configuration: one table that gives each its type, place, default and range, and the only code that
// writes a value into struct config.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "config/config.h"

enum config_type {
    CONFIG_TYPE_STRING,           // one line, char *
    CONFIG_TYPE_TEXT,             // may have several lines, char *
    CONFIG_TYPE_DOMAIN,           // normalised by config_domain_parse(), char *
    CONFIG_TYPE_SELECTOR,         // normalised by config_selector_parse(), char *
    CONFIG_TYPE_FORWARDERS,       // checked with config_forwarder_next(), char *
    CONFIG_TYPE_TLS_PAIR,         // "CERT KEY" or nothing, two char *: tls_cert_path and tls_key_path
    CONFIG_TYPE_URL,              // checked with config_url_parse(), or nothing; char *
    CONFIG_TYPE_PRIVATE_ENDPOINT, // checked with config_endpoint_parse() and is_private(), or nothing; char *
    CONFIG_TYPE_NETWORKS,         // checked with config_network_next(), char *
    CONFIG_TYPE_PLACES,           // checked with config_place_next(), char *
    CONFIG_TYPE_ADDRESSES, // an IPv4 and an IPv6 address at most, two char *: turn_external_ipv4 and turn_external_ipv6
    CONFIG_TYPE_PORTS,     // "FIRST-LAST", two uint16_t: turn_port_min and turn_port_max
    CONFIG_TYPE_BOOL,      // bool
    CONFIG_TYPE_U32,       // uint32_t
    CONFIG_TYPE_SIZE,      // uint64_t octets; a bare number is octets
    CONFIG_TYPE_SIZE_MB,   // uint64_t octets; a bare number is MB
    CONFIG_TYPE_NUMBER,    // double
    CONFIG_TYPE_REGISTRATION, // enum config_registration
    CONFIG_TYPE_CERTIFICATE,  // enum config_certificate
};

struct config_field {
    const char *key;
    enum config_type type;
    size_t offset;            // of the (first) member in struct config
    const char *default_text; // NULL: none; read by the same code as the operator's text
    uint64_t min, max;        // of numbers and sizes (in octets)
};

enum { CONFIG_N_FIELDS = 69 };
extern const struct config_field config_fields[CONFIG_N_FIELDS];

// NULL for a key that is not ours. A key's older name finds it, too.
const struct config_field *config_field_find(const char *key);
// A key of the programs that an existing installation is made of (port numbers between filter and mail server): it
// means nothing here and deserves no warning.
bool config_key_is_foreign(const char *key);

enum { CONFIG_REASON_SIZE = 240 };
// Writes the value. False, with the reason and nothing changed, when it is not acceptable.
MUST_USE bool config_field_set(const struct config_field *f, struct config *c, struct slice value,
                               char ret_reason[CONFIG_REASON_SIZE]);
// Frees what the field holds.
void config_field_clear(const struct config_field *f, struct config *c);
