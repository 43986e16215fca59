// SPDX-License-Identifier: MIT
#include "config/meaning.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"

static void every_key_is_described(void **state) {
    const char *keys[CONFIG_N_FIELDS + 1];
    if (config_meaning_keys(keys, ARRAY_LEN(keys)) != CONFIG_N_FIELDS)
        fail_msg("%zu keys are described, there are %d", config_meaning_keys(keys, ARRAY_LEN(keys)), CONFIG_N_FIELDS);
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++) {
        const struct config_meaning *m = config_meaning_find(config_fields[i].key);
        if (m == NULL)
            fail_msg("%s is not described", config_fields[i].key);
        size_t len = strlen(m->text);
        if (len < 10 || len > 100 || m->text[len - 1] != '.')
            fail_msg("%s: not one line with a full stop: %s", m->key, m->text);
        char wanted[CONFIG_WANTED_SIZE], text[CONFIG_EXPLANATION_SIZE];
        config_meaning_wanted(&config_fields[i], wanted);
        config_meaning_explain(m, text);
        if (strlen(wanted) > CONFIG_WANTED_SIZE - 10 || strlen(text) > CONFIG_EXPLANATION_SIZE - 10)
            fail_msg("%s: hardly room: %s", m->key, text);
    }
    assert_null(config_meaning_find("no_such_key"));
}

static void explanations(void **state) {
    static const struct {
        const char *key, *want;
    } cases[] = {
        {"delete_mails_after", "delete_mails_after: How long a message is kept.\n\n"
                               "  takes    a whole number of days from 1 to 36500\n  default  20\n\n"
                               "Manual: man martlet.ini"},
        {"mail_domain", "mail_domain: The domain of all addresses; the one key that is required.\n\n"
                        "  takes    a domain name such as chat.example.org, or an IPv4 address\n  default  none\n\n"
                        "Manual: man martlet.ini"},
        {"turn_bandwidth", "turn_bandwidth: Octets a second that are relayed for one port, each way.\n\n"
                           "  takes    a size such as 30M, from 4K to 1G\n  default  1M\n\n"
                           "Manual: man martlet.ini"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[CONFIG_EXPLANATION_SIZE];
        config_meaning_explain(config_meaning_find(cases[i].key), got);
        assert_string_equal(got, cases[i].want);
    }
}

// Is refused with one sentence that ends neither open nor cut off, and changes nothing.
static void refuses(const struct config_field *f, const char *value) {
    struct config c, before;
    memset(&c, 0, sizeof(c));
    before = c;
    char reason[CONFIG_REASON_SIZE] = "";
    if (config_field_set(f, &c, slice_from_cstr(value), reason))
        fail_msg("%s: \"%s\" is taken", f->key, value);
    if (strlen(reason) < 10 || strlen(reason) > CONFIG_REASON_SIZE - 10 || strchr(reason, '\n') != NULL)
        fail_msg("%s: \"%s\": %s", f->key, value, reason);
    assert_memory_equal(&c, &before, sizeof(c));
}

static void refuses_number(const struct config_field *f, uint64_t number) {
    char text[32];
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    refuses(f, text);
}

static void every_key_refuses_what_it_is_not(void **state) {
    for (size_t i = 0; i < CONFIG_N_FIELDS; i++) {
        const struct config_field *f = &config_fields[i];
        refuses(f, "\x01");
        switch (f->type) {
        case CONFIG_TYPE_STRING:
            refuses(f, "two\nlines");
            refuses(f, "Latin-1: \xe4");
            if (f->min > 0)
                refuses(f, "");
            break;
        case CONFIG_TYPE_TEXT:
            refuses(f, "Latin-1: \xe4");
            break;
        case CONFIG_TYPE_U32:
        case CONFIG_TYPE_NUMBER:
            refuses_number(f, f->max + 1);
            if (f->min > 0)
                refuses_number(f, f->min - 1);
            refuses(f, "-1");
            refuses(f, "");
            break;
        case CONFIG_TYPE_SIZE:
            refuses_number(f, f->max + 1);
            if (f->min > 0)
                refuses_number(f, f->min - 1);
            refuses(f, "5x");
            break;
        default:
            refuses(f, "?");
            break;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_described),
        cmocka_unit_test(explanations),
        cmocka_unit_test(every_key_refuses_what_it_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
