// SPDX-License-Identifier: MIT
// Loading: defaults, then the text, then the overrides, then what concerns several keys. Every problem is told before
// loading fails, so that an operator can mend them all at once.
#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/suggest.h"
#include "config/reader.h"
#include "config/schema.h"

enum {
    PATH_SHOWN_MAX = 200,
    CONFIG_PLACE_MAX = PATH_SHOWN_MAX + 80,
};

struct loading {
    struct config *config;
    const char *name;
    config_on_complaint *on_complaint;
    void *arg;
    int seen_at[CONFIG_N_FIELDS]; // line of the key; 0: not seen
    char told_section[64];        // the section that was complained of last; "?": none
    bool is_domain_elsewhere;     // mail_domain stands outside of [params], which has been told
    bool is_ini;                  // the file could be read as such
    bool failed;
};

PRINTF_LIKE(4, 5)
static void complain(struct loading *l, bool is_warning, const char *where, const char *fmt, ...) {
    struct config_complaint c = {.is_warning = is_warning};
    int n = snprintf(c.text, sizeof(c.text), "%s: ", where);
    ASSERT(n > 0 && (size_t)n < sizeof(c.text));
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(c.text + n, sizeof(c.text) - (size_t)n, fmt, args);
    va_end(args);
    // What is repeated from the text must not act on the terminal that shows it.
    for (char *p = c.text; *p != '\0'; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    if (!is_warning)
        l->failed = true;
    if (l->on_complaint != NULL)
        l->on_complaint(l->arg, &c);
}

// A path so long that it would leave no room for the complaint is shown by its end.
static const char *end_of_path(const char *path) {
    size_t len = strlen(path);
    return len > PATH_SHOWN_MAX ? path + len - PATH_SHOWN_MAX : path;
}

// Where a problem is: "chatmail.ini", "chatmail.ini:12", "chatmail.ini:12: key" or "--set key".
struct place {
    char text[CONFIG_PLACE_MAX];
};

static struct place place_of_file(const struct loading *l) {
    struct place p;
    (void)snprintf(p.text, sizeof(p.text), "%s", end_of_path(l->name));
    return p;
}

static struct place place_of_line(const struct loading *l, int line) {
    struct place p;
    (void)snprintf(p.text, sizeof(p.text), "%s:%d", end_of_path(l->name), line);
    return p;
}

static struct place place_of_key(const struct loading *l, int line, const char *key) {
    struct place p;
    (void)snprintf(p.text, sizeof(p.text), "%s:%d: %.50s", end_of_path(l->name), line, key);
    return p;
}

static struct place place_of_override(const char *key) {
    struct place p;
    (void)snprintf(p.text, sizeof(p.text), "--set %.50s", key);
    return p;
}

static void set_field(struct loading *l, const struct place *where, const struct config_field *f, struct slice value) {
    char reason[CONFIG_REASON_SIZE];
    if (!config_field_set(f, l->config, value, reason))
        complain(l, false, where->text, "%s", reason);
}

static void ignore_key(struct loading *l, const struct place *where, const char *key) {
    if (config_key_is_foreign(key))
        return;
    const char *keys[CONFIG_N_FIELDS];
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++)
        keys[i] = config_fields[i].key;
    const char *near = suggest(key, keys, CONFIG_N_FIELDS);
    if (near != NULL)
        complain(l, true, where->text, "unknown key, ignored; did you mean %s?", near);
    else
        complain(l, true, where->text, "unknown key, ignored");
}

// Keys outside of [params]: one complaint for each section.
static void ignore_section(struct loading *l, int line, const char *section, const char *key) {
    bool is_told = strcmp(l->told_section, section[0] != '\0' ? section : "?") == 0;
    (void)snprintf(l->told_section, sizeof(l->told_section), "%s", section[0] != '\0' ? section : "?");
    bool is_domain = strcmp(key, "mail_domain") == 0;
    if (is_domain)
        l->is_domain_elsewhere = true;
    if (section[0] == '\0' && !is_told)
        complain(l, false, place_of_line(l, line).text, "the line [params] is missing above this one");
    else if (section[0] != '\0' && is_domain)
        complain(l, false, place_of_key(l, line, key).text, "stands in [%.60s]; only section [params] is read",
                 section);
    else if (!is_told)
        complain(l, true, place_of_line(l, line).text, "only section [params] is read, not [%.60s]", section);
}

static void on_pair(void *arg, int line, const char *section, const char *key, struct slice value) {
    struct loading *l = arg;
    if (strcmp(section, "params") != 0) {
        ignore_section(l, line, section, key);
        return;
    }
    struct place where = place_of_key(l, line, key);
    const struct config_field *f = config_field_find(key);
    if (f == NULL) {
        ignore_key(l, &where, key);
        return;
    }
    int *seen_at = &l->seen_at[f - config_fields];
    if (*seen_at != 0) {
        complain(l, false, where.text, "is set twice, first in line %d; remove one of them", *seen_at);
        return;
    }
    *seen_at = line;
    set_field(l, &where, f, value);
}

static void on_bad_line(void *arg, int line, const char *reason) {
    struct loading *l = arg;
    complain(l, false, place_of_line(l, line).text, "%s", reason);
}

// "key=value" from the command line; of two for one key the later wins, as options do.
static void apply_override(struct loading *l, const char *text) {
    struct slice key, value;
    if (!slice_cut(slice_from_cstr(text), '=', &key, &value)) {
        complain(l, false, "--set", "not key=value: %.60s", text);
        return;
    }
    char *name = slice_dup(slice_trim(key));
    struct place where = place_of_override(name);
    const struct config_field *f = config_field_find(name);
    if (f != NULL) {
        l->seen_at[f - config_fields] = -1;
        set_field(l, &where, f, slice_trim(value));
    } else {
        ignore_key(l, &where, name);
    }
    free(name);
}

static void set_defaults(struct config *c) {
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++) {
        const struct config_field *f = &config_fields[i];
        char reason[CONFIG_REASON_SIZE];
        if (f->default_text != NULL)
            ASSERT(config_field_set(f, c, slice_from_cstr(f->default_text), reason));
    }
    c->mail_domain = slice_dup(SLICE_EMPTY);
    c->mailboxes_dir = slice_dup(SLICE_EMPTY);
}

// "/home/vmail/mail/D", where an address literal loses its brackets.
static void derive_mailboxes_dir(struct config *c) {
    struct slice domain = slice_from_cstr(c->mail_domain);
    if (slice_starts_with(domain, SLICE("[")))
        domain = slice_sub(domain, 1, domain.len - 1);
    char path[512];
    (void)snprintf(path, sizeof(path), "/home/vmail/mail/%.*s", SLICE_FMT(domain));
    free(c->mailboxes_dir);
    c->mailboxes_dir = slice_dup(slice_from_cstr(path));
}

static bool is_set(const struct loading *l, const char *key) {
    return l->seen_at[config_field_find(key) - config_fields] != 0;
}

static void check_whole(struct loading *l) {
    struct config *c = l->config;
    struct place file = place_of_file(l);
    c->iroh_relay_set = is_set(l, "iroh_relay");
    c->push_gateway_set = is_set(l, "push_gateway");
    if (!is_set(l, "mail_domain") && !l->is_domain_elsewhere && l->is_ini)
        complain(l, false, file.text, "mail_domain: is required; it names the domain of the addresses");
    if (c->username_min_length > c->username_max_length)
        complain(l, false, file.text, "username_min_length: is above username_max_length (%u > %u)",
                 c->username_min_length, c->username_max_length);
    if (c->queue_retry_min > c->queue_retry_max)
        complain(l, false, file.text, "queue_retry_min: is above queue_retry_max (%u > %u)", c->queue_retry_min,
                 c->queue_retry_max);
    if (c->delete_mails_after > CONFIG_MAIL_DAYS_MAX) {
        complain(l, true, file.text, "delete_mails_after: %u days are too many; messages are deleted after %d days",
                 c->delete_mails_after, CONFIG_MAIL_DAYS_MAX);
        c->delete_mails_after = CONFIG_MAIL_DAYS_MAX;
    }
    if (c->mailboxes_dir[0] == '\0')
        derive_mailboxes_dir(c);
}

struct config *config_parse(struct slice ini, const char *name, const char *const *overrides,
                            config_on_complaint *on_complaint, void *arg) {
    struct loading l = {.config = MEM_NEW(struct config), .name = name, .on_complaint = on_complaint, .arg = arg};
    set_defaults(l.config);
    struct config_reader reader = {.on_pair = on_pair, .on_bad_line = on_bad_line, .arg = &l};
    l.is_ini = config_read(ini, &reader);
    for (; overrides != NULL && *overrides != NULL; overrides++)
        apply_override(&l, *overrides);
    check_whole(&l);
    if (l.failed) {
        config_free(l.config);
        return NULL;
    }
    return l.config;
}

void config_free(struct config *c) {
    if (c == NULL)
        return;
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++)
        config_field_clear(&config_fields[i], c);
    free(c);
}

bool config_domain_is_literal(const struct config *c) {
    return c->mail_domain[0] == '[';
}

enum config_certificate_source config_certificate_source(const struct config *c) {
    if (c->tls_cert_path[0] != '\0')
        return CERTIFICATE_FROM_FILES;
    if (c->certificate == CERTIFICATE_ACME)
        return CERTIFICATE_FROM_ACME;
    bool has_no_public_name = c->mail_domain[0] == '_' || config_domain_is_literal(c);
    return c->certificate == CERTIFICATE_SELF_SIGNED || has_no_public_name ? CERTIFICATE_FROM_SELF
                                                                           : CERTIFICATE_FROM_ACME;
}

bool config_is_self_signed(const struct config *c) {
    return config_certificate_source(c) == CERTIFICATE_FROM_SELF;
}
