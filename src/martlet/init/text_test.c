// SPDX-License-Identifier: MIT
#include "martlet/init/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

static size_t n_complaints;

static void on_complaint(void *arg, const struct config_complaint *c) {
    n_complaints++;
    print_message("%s\n", c->text);
}

// Without and with the comment signs before keys, it is a configuration without a warning.
static void texts_are_configurations(void **state) {
    static const struct init_text cases[] = {
        {"chat.example.org", "", ""},
        {"_chat.test", "/srv/martlet", ""},
        {"[192.0.2.1]", "/srv/martlet", "relay"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        const struct init_text *t = &cases[i / 2];
        struct buf text;
        buf_init(&text, INIT_TEXT_MAX);
        assert_true(init_text_write(t, &text));
        if (i % 2 == 1)
            for (size_t at = 1; at + 1 < text.len; at++) {
                char *c = text.mem + text.start + at;
                if (c[-1] == '\n' && c[0] == '#' && c[1] != ' ')
                    c[0] = '\n'; // an empty line, and the key
            }
        n_complaints = 0;
        struct config *c = config_parse(buf_slice(&text), "martlet.ini", NULL, on_complaint, NULL);
        assert_non_null(c);
        assert_int_equal(n_complaints, 0);
        assert_string_equal(c->mail_domain, t->domain);
        assert_string_equal(c->state_dir, t->state_dir[0] != '\0' ? t->state_dir : "/var/lib/martlet");
        assert_string_equal(c->user, t->user[0] != '\0' ? t->user : "martlet");
        config_free(c);
        buf_done(&text);
    }
}

// What stands there is the default: the file shows it, and changes nothing.
static void texts_are_defaults(void **state) {
    struct buf text;
    buf_init(&text, INIT_TEXT_MAX);
    assert_true(init_text_write(&(struct init_text){"a.org", "", ""}, &text));
    struct config *c = config_parse(buf_slice(&text), "martlet.ini", NULL, on_complaint, NULL);
    struct config *bare = config_parse(SLICE("[params]\nmail_domain = a.org\n"), "bare", NULL, on_complaint, NULL);
    assert_non_null(c);
    ASSERT(bare != NULL);
    assert_int_equal(c->registration, bare->registration);
    assert_int_equal(c->delete_mails_after, bare->delete_mails_after);
    assert_int_equal(c->delete_large_after, bare->delete_large_after);
    assert_int_equal(c->max_user_send_per_minute, bare->max_user_send_per_minute);
    assert_int_equal(c->delete_inactive_users_after, bare->delete_inactive_users_after);
    assert_int_equal(c->max_mailbox_size, bare->max_mailbox_size);
    assert_int_equal(c->min_free_disk_space, bare->min_free_disk_space);
    config_free(c);
    config_free(bare);
    buf_done(&text);
}

static void refusals(void **state) {
    static const struct {
        const char *word, *want; // a part of the sentence; NULL: it is taken
    } cases[] = {
        {"chat.example.org", NULL},
        {"Chat.Example.ORG", NULL},
        {"_martlet.test", NULL},
        {"192.0.2.1", NULL},
        {"[192.0.2.1]", NULL},
        {"10.0.0.7", NULL},
        {"https://chat.example.org", "web page"},
        {"chat.example.org/", "web page"},
        {"me@chat.example.org", "behind the @"},
        {"b\xc3\xbc"
         "cher.example",
         "xn--"},
        {"2001:db8::1", "IPv4"},
        {"[2001:db8::1]", "IPv4"},
        {"[IPv6:2001:db8::1]", "IPv4"},
        {"xn--bcher-kva.example", NULL},
        {"XN--BCHER-KVA.example", NULL},
        {"bcher-.example", "no domain"},
        {"chat.example.org\n", "no domain"},
        {"..", "no domain"},
        {"_", "no domain"},
        {"$(id)", "no domain"},
        {"--", "no domain"},
        {"0.0.0.0", "no machine"},
        {"224.0.0.1", "no machine"},
        {"255.255.255.255", "no machine"},
        {"192.0.2.256", "no domain"},
        {"192.0.2", "no domain"},
        {"my_chat.example.org", "\"_\""},
        {"chat..example.org", "no domain"},
        {"-chat.example.org", "no domain"},
        {"chat example.org", "no domain"},
        {"", "no domain"},
        {"localhost", "dot"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = init_text_refuse(cases[i].word), *want = cases[i].want;
        if ((got == NULL) != (want == NULL) || (got != NULL && strstr(got, want) == NULL))
            fail_msg("\"%s\": got \"%s\", want \"%s\"", cases[i].word, got != NULL ? got : "taken",
                     want != NULL ? want : "taken");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_configurations),
        cmocka_unit_test(texts_are_defaults),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
