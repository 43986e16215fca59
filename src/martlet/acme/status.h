// SPDX-License-Identifier: MIT
// STATE/acme: what the ACME client (RFC 8555) keeps there, and `status`, a small JSON file in which the helper tells
// the parent and `martlet certificate` how the last attempt ended and when the next one is.
//
// The directory belongs to whoever started martlet. Below a state directory that belongs to the relay's user it could
// be exchanged by that user, so nothing is read from or written to one that is a link or somebody else's.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "martlet/host/files.h"

#define ACME_DIR_NAME "acme"

enum {
    ACME_OUTCOME_MAX = 640,
    ACME_DETAIL_MAX = 1024,
    ACME_NAMES_TEXT_MAX = 1100,
    ACME_URL_MAX = 512,
    ACME_EMAIL_MAX = 256
};

struct acme_status {
    int64_t last_attempt_s; // wall clock; 0: never
    int64_t next_attempt_s;
    unsigned failures;               // in a row
    bool ok;                         // the last attempt
    char outcome[ACME_OUTCOME_MAX];  // a sentence
    char detail[ACME_DETAIL_MAX];    // the CA's own words; may hold addresses, so it is not for the log
    char names[ACME_NAMES_TEXT_MAX]; // asked for, separated by blanks
    char directory[ACME_URL_MAX];    // the CA that the certificate in force is from; "" before the first
    char limited_by[ACME_URL_MAX];   // the CA that has asked for patience until the next attempt; "": none
    char email[ACME_EMAIL_MAX];      // the contact that the CA knows
    char account[ACME_URL_MAX];      // our account, for a CAA record (RFC 8657); "": not known
    char account_at[ACME_URL_MAX];   // the CA that it is at, which need not be that of the certificate
};

// Opens STATE/acme; `make`: makes it where it is missing. The descriptor, or -1 with errno ENOENT when it is missing,
// or with another errno and a sentence.
MUST_USE int acme_dir_open(const char *state_dir, bool make, char ret_error[FILES_ERROR_MAX]);

// The content of the file, the caller's.
json_t *acme_status_to_json(const struct acme_status *s);
// The other way; what is missing or damaged reads as zero.
void acme_status_parse(struct slice text, struct acme_status *ret);
// Zero is an attempt that is due.
void acme_status_read(int acme_fd, struct acme_status *ret);
MUST_USE bool acme_status_write(int acme_fd, const struct acme_status *s, char ret_error[FILES_ERROR_MAX]);

// The name that the certificate is filed under: the domain, or the bare address of a literal.
enum { ACME_IDENTIFIER_SIZE = 256 };
void acme_identifier(const char *mail_domain, char ret[ACME_IDENTIFIER_SIZE]);
// Paths below STATE/acme.
enum { ACME_PATH_SIZE = ACME_IDENTIFIER_SIZE + 32 };
void acme_cert_path(const char *mail_domain, char ret[ACME_PATH_SIZE]);
void acme_key_path(const char *mail_domain, char ret[ACME_PATH_SIZE]);
