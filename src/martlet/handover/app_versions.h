// SPDX-License-Identifier: MIT
// The newest versions of client apps and where they are to be had, which clients learn from METADATA and show to
// people: a JSON file of the operator. A download that is offered to everybody is worth an attack, so the file is
// checked, and leads to known places only. Pure.
//
//     {"clients": [{"clientId": "deltachat",
//                   "sources": [{"sourceId": "gplay", "versionInteger": 758, "versionString": "2.62.0",
//                                "downloadUrl": "https://..."}]}]}
#pragma once

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

struct config;

enum {
    APP_VERSIONS_MAX = 32 * 1024, // octets of the file; the line made from it is never longer
    APP_VERSIONS_ERROR_MAX = 384,
    APP_VERSIONS_CLIENTS_MAX = 50,
    APP_VERSIONS_SOURCES_MAX = 50, // of each client
    APP_VERSIONS_ID_MAX = 64,      // octets of an id, and of a version in words
    APP_VERSIONS_URL_MAX = 1024,
};

// Appends the content of the file as one line of JSON, with the members above alone: every one must be there, others
// are left out. No two clients, and no two sources of a client, have the same id. Download URLs are https, on port 443,
// and lead to the mail domain or a host below it, to a place of app_versions_places, or to one of the key
// appversions_hosts. False, with nothing appended and a sentence such as "clients[0].sources[1].versionInteger: must be
// a whole number from 0 to 4294967295", when something is wrong.
MUST_USE bool app_versions_parse(struct slice text, const struct config *c, struct buf *ret,
                                 char ret_error[APP_VERSIONS_ERROR_MAX]);

// What is allowed whatever the configuration says: "host/path/" each, ends with NULL.
extern const char *const app_versions_places[];
