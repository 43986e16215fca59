// SPDX-License-Identifier: MIT
// uacme shows the CA's problem document (RFC 8555 section 6.7, RFC 7807) as indented JSON between its own lines, which
// begin with "uacme: ". Lines of our hook begin with "martlet: ".
#include "martlet/acme/reason.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/printable.h"

enum { OBJECTS_MAX = 64 };

static const char TYPE_PREFIX[] = "urn:ietf:params:acme:error:";

// What the CA's error types mean to an operator; %s is the name asked for.
static const struct {
    const char *type;
    const char *sentence;
} meanings[] = {
    {"connection", "the CA cannot reach %s on port 80: let it through the firewall, and check that DNS leads here"},
    {"dns", "the CA finds no usable DNS record for %s or one of its names: check its A, AAAA and TXT records"},
    {"unauthorized", "the CA got another answer than martlet's for %s: something else answers there on port 80, or DNS "
                     "leads elsewhere"},
    {"incorrectResponse",
     "the CA got another answer than martlet's for %s: something else answers there on port 80, or "
     "DNS leads elsewhere"},
    {"caa", "a CAA record in DNS forbids this CA to issue for %s: allow it, or set acme_directory to another CA"},
    {"rateLimited", "the CA has issued or refused too often for %s and asks for patience; it is tried again later"},
    {"rejectedIdentifier",
     "the CA does not issue certificates for %s: set acme_directory to one that does, or certificate "
     "= self-signed"},
    {"unsupportedIdentifier", "the CA does not issue certificates for %s: set acme_directory to one that does, or "
                              "certificate = self-signed"},
    {"externalAccountRequired",
     "the CA wants an account that is made with it beforehand, for %s too: set acme_directory "
     "to one that does not"},
    {"invalidContact", "the CA does not accept acme_email for %s: set another one, or none"},
    {"unsupportedContact", "the CA does not accept acme_email for %s: set another one, or none"},
    {"userActionRequired", "the CA wants something done by hand for %s: see what it says in `martlet certificate`"},
    {"serverInternal", "the CA has trouble of its own and issued nothing for %s; it is tried again later"},
    {"badNonce", "the CA did not accept the client's nonces for %s; it is tried again later"},
};

// The first JSON object in the text that is a problem document; the caller's, or NULL. What nests may be read as often
// as it opens, so there is an end to it.
static json_t *find_problem(struct slice text) {
    for (size_t i = 0; i < OBJECTS_MAX && text.len > 0; i++) {
        size_t at = slice_find(text, '{');
        text = slice_sub(text, at, text.len);
        json_t *found = text.len > 0 ? json_loadb(text.ptr, text.len, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
        if (json_is_string(json_object_get(found, "type")))
            return found;
        json_decref(found);
        text = slice_sub(text, 1, text.len);
    }
    return NULL;
}

// The last line that begins with `prefix`, without it.
static struct slice last_line(struct slice text, struct slice prefix) {
    struct slice found = SLICE_EMPTY, line;
    while (text.len > 0) {
        (void)slice_cut(text, '\n', &line, &text);
        if (slice_starts_with(line, prefix))
            found = slice_trim(slice_sub(line, prefix.len, line.len));
    }
    return found;
}

static bool holds(struct slice text, const char *words) {
    return slice_find_slice(text, slice_from_cstr(words)) < text.len;
}

static void set_detail(struct acme_reason *r, struct slice text) {
    size_t n = 0;
    for (size_t i = 0; i < text.len && n + 1 < sizeof(r->detail); i++)
        r->detail[n++] = (unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f ? ' ' : text.ptr[i];
    r->detail[n] = '\0';
    printable_make(r->detail);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" // out of the table above
static void explain_type(struct acme_reason *r, const char *type, const char *identifier) {
    for (size_t i = 0; i < ARRAY_LEN(meanings); i++)
        if (strcmp(meanings[i].type, type) == 0) {
            (void)snprintf(r->sentence, sizeof(r->sentence), meanings[i].sentence, identifier);
            return;
        }
    (void)snprintf(r->sentence, sizeof(r->sentence),
                   "the CA refused the certificate for %s (%.60s); `martlet certificate` "
                   "shows its words",
                   identifier, type);
}
#pragma GCC diagnostic pop

// uacme passes on no Retry-After (RFC 8555 section 6.6); Let's Encrypt says it in words as well: "retry after
// 2026-01-31 12:00:00 UTC".
static int64_t find_retry(const char *detail) {
    static const char words[] = "retry after ";
    const char *at = strstr(detail, words);
    struct tm tm = {0};
    if (at == NULL)
        return 0;
    const char *end = strptime(at + sizeof(words) - 1, "%Y-%m-%d %H:%M:%S UTC", &tm);
    int64_t at_s = end != NULL ? (int64_t)timegm(&tm) : 0;
    return at_s > 0 ? at_s : 0;
}

static bool is_address(const char *identifier) {
    struct in_addr v4;
    struct in6_addr v6;
    return inet_pton(AF_INET, identifier, &v4) == 1 || inet_pton(AF_INET6, identifier, &v6) == 1;
}

static const char *name_of(const char *identifier) {
    return is_address(identifier) ? "the address of this relay" : identifier;
}

static bool explain_problem(struct acme_reason *r, struct slice output, const char *identifier, bool uses_dns) {
    json_t *problem = find_problem(output);
    if (problem == NULL)
        return false;
    const char *type = json_string_value(json_object_get(problem, "type"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    size_t prefix = sizeof(TYPE_PREFIX) - 1;
    if (strncmp(type, TYPE_PREFIX, prefix) == 0)
        type += prefix;
    r->is_rate_limited = strcmp(type, "rateLimited") == 0;
    r->has_no_account = strcmp(type, "accountDoesNotExist") == 0;
    const char *name = name_of(identifier);
    bool wrong_answer = strcmp(type, "unauthorized") == 0 || strcmp(type, "incorrectResponse") == 0;
    if (uses_dns && wrong_answer)
        (void)snprintf(r->sentence, sizeof(r->sentence),
                       "the CA did not find the record that acme_dns_hook should have made below _acme-challenge.%s",
                       identifier);
    else if (is_address(identifier) && strcmp(type, "malformed") == 0)
        explain_type(r, "unsupportedIdentifier", name);
    else
        explain_type(r, type, name);
    if (r->is_rate_limited && detail != NULL)
        r->retry_at_s = find_retry(detail);
    set_detail(r, slice_from_cstr(detail != NULL ? detail : ""));
    json_decref(problem);
    return true;
}

// What uacme says of its last transfer that failed, in libcurl's words: "curl_get: GET URL failed: Couldn't connect to
// server".
static struct slice transfer_error(struct slice output) {
    const struct slice words = SLICE(" failed: ");
    struct slice found = SLICE_EMPTY, line;
    while (output.len > 0) {
        (void)slice_cut(output, '\n', &line, &output);
        size_t at = slice_find_slice(line, words);
        if (slice_starts_with(line, SLICE("uacme: curl_get: ")) && at < line.len)
            found = slice_sub(line, at + words.len, line.len);
    }
    return found;
}

static void explain_directory(struct acme_reason *r, struct slice output, const char *url) {
    struct slice error = slice_sub(transfer_error(output), 0, 100);
    if (holds(output, "peer certificate"))
        (void)snprintf(r->sentence, sizeof(r->sentence),
                       "the CA at %.300s cannot be used: its certificate is not trusted here (apt-get install "
                       "ca-certificates)",
                       url);
    else if (error.len > 0)
        (void)snprintf(r->sentence, sizeof(r->sentence), "the CA at %.300s cannot be used: no answer (%.*s)", url,
                       SLICE_FMT(error));
    else
        (void)snprintf(r->sentence, sizeof(r->sentence),
                       "the CA at %.300s cannot be used: what it answers is no ACME directory", url);
}

static void explain_words(struct acme_reason *r, struct slice output, const char *identifier, const char *url) {
    struct slice ours = last_line(output, SLICE("martlet: "));
    struct slice theirs = last_line(output, SLICE("uacme: "));
    set_detail(r, ours.len > 0 ? ours : theirs);
    if (holds(output, "failed to fetch directory")) {
        explain_directory(r, output, url);
    } else if (holds(output, "no account associated")) {
        r->has_no_account = true;
        (void)snprintf(r->sentence, sizeof(r->sentence), "the CA does not know the account key");
    } else if (ours.len > 0 && ours.ptr[0] != '\0') {
        (void)snprintf(r->sentence, sizeof(r->sentence), "%.*s", SLICE_FMT(slice_sub(ours, 0, 500)));
    } else if (holds(output, "no challenge completed")) {
        (void)snprintf(r->sentence, sizeof(r->sentence), "the CA offers no challenge for %s that martlet can answer",
                       name_of(identifier));
    } else {
        (void)snprintf(r->sentence, sizeof(r->sentence), "uacme failed for %s; `martlet certificate` shows its words",
                       name_of(identifier));
    }
}

void acme_reason_find(struct slice output, const char *identifier, const char *url, bool uses_dns,
                      struct acme_reason *ret) {
    *ret = (struct acme_reason){0};
    if (!explain_problem(ret, output, identifier, uses_dns))
        explain_words(ret, output, identifier, url);
    printable_make(ret->sentence);
}

static bool is_url(struct slice s) {
    bool ok = slice_starts_with(s, SLICE("https://"));
    for (size_t i = 0; i < s.len; i++)
        ok = ok && s.ptr[i] > ' ' && s.ptr[i] <= '~' && strchr("\";\\", s.ptr[i]) == NULL;
    return ok;
}

void acme_reason_account(struct slice output, char *ret, size_t size) {
    static const char *const words[] = {"uacme: account location: ", "uacme: account created at "};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        struct slice url = last_line(output, slice_from_cstr(words[i]));
        if (is_url(url) && url.len < size) {
            (void)snprintf(ret, size, "%.*s", SLICE_FMT(url));
            return;
        }
    }
}
