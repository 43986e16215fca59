// SPDX-License-Identifier: MIT
// STATE/dns/verdict: what the relay's last look at its own DNS has found, a small JSON file of times, counts and the
// names of records. Written by the helper (martlet/dns/run.c), read by the relay for `martlet status`.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "martlet/host/files.h"
#include "zone/compare.h"
#include "zone/record.h"

#define DNS_VERDICT_DIR "dns" // in the state directory; the relay's user's alone

enum { DNS_LABEL_SIZE = 96, DNS_LIST_SIZE = 1024 };

struct dns_verdict_record {
    char label[DNS_LABEL_SIZE]; // "MX", "DKIM opendkim", "www CNAME"
    char name[ZONE_OWNER_SIZE];
    enum zone_verdict verdict;
    bool is_trouble; // zone_is_trouble()
};

struct dns_verdict {
    int64_t looked_at_s; // wall clock; 0: name servers have never answered, and nothing below is known
    int64_t tried_at_s;  // 0: never; later than looked_at_s: nobody could be asked
    unsigned counts[ZONE_N_VERDICTS];
    struct dns_verdict_record records[ZONE_RECORDS_MAX]; // those that are not right
    size_t n;
};

// Counts one more record.
void dns_verdict_add(struct dns_verdict *v, const struct zone_record *r, enum zone_verdict verdict);
// Whether both have found the same, whenever that was.
bool dns_verdict_same(const struct dns_verdict *a, const struct dns_verdict *b);
bool dns_verdict_has_trouble(const struct dns_verdict *v);
// The labels of the records with that verdict, "MX, TLSA"; shortened with "..." when they are too many.
void dns_verdict_list(const struct dns_verdict *v, enum zone_verdict verdict, char ret[DNS_LIST_SIZE]);

// The content of the file, the caller's.
json_t *dns_verdict_to_json(const struct dns_verdict *v);
// False when it is none; what is odd in it is left out.
MUST_USE bool dns_verdict_from_json(const json_t *from, struct dns_verdict *ret);
// The same of its text, which the relay's user writes and root shows: a name that is not printable ASCII is left out.
MUST_USE bool dns_verdict_parse(struct slice text, struct dns_verdict *ret);
// A missing or damaged file reads as zero.
void dns_verdict_read(const char *state_dir, struct dns_verdict *ret);
// dir_fd: of DNS_VERDICT_DIR.
MUST_USE bool dns_verdict_write(int dir_fd, const struct dns_verdict *v, char ret_error[FILES_ERROR_MAX]);
// Whether there is a file.
bool dns_verdict_exists(const char *state_dir);
