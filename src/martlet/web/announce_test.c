// SPDX-License-Identifier: MIT
#include "martlet/web/announce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "config/config.h"

static const struct announce_place public_place = {false, true, 80, 443};
static const struct announce_place self_signed = {false, false, 80, 443};
static const struct announce_place moved = {false, true, 1080, 1443};
static const struct announce_place moved_self_signed = {false, false, 1080, 1443};
static const struct announce_place dev_public = {true, true, 10080, 10443};
static const struct announce_place dev = {true, false, 10080, 10443};

static void iroh(void **state) {
    static const struct {
        const char *domain, *set; // set: NULL: the key is absent
        const struct announce_place *place;
        const char *url;
        const char *served; // "s": on https, "p": on http
    } cases[] = {
        {"chat.example.org", NULL, &public_place, "https://chat.example.org", "s"},
        {"192.0.2.1", NULL, &public_place, "https://192.0.2.1", "s"},
        {"chat.example.org", NULL, &moved, "https://chat.example.org:1443", "s"},
        {"_chat.example.org", NULL, &self_signed, "http://_chat.example.org", "sp"},
        {"192.0.2.1", NULL, &self_signed, "http://192.0.2.1", "sp"},
        {"192.0.2.1", NULL, &moved_self_signed, "http://192.0.2.1:1080", "sp"},
        {"_martlet.test", NULL, &dev, "http://127.0.0.1:10080", "sp"},
        {"_martlet.test", NULL, &dev_public, "http://127.0.0.1:10080", "sp"},
        {"chat.example.org", NULL, &self_signed, "https://chat.example.org", "s"}, // the CA has not issued it yet
        // Nothing is announced, nothing is served.
        {"chat.example.org", "", &public_place, "", ""},
        {"_martlet.test", "", &dev, "", ""},
        // Somebody else's.
        {"chat.example.org", "https://iroh.example.net", &public_place, "https://iroh.example.net", ""},
        {"chat.example.org", "https://relay.chat.example.org/", &public_place, "https://relay.chat.example.org/", ""},
        {"192.0.2.1", "http://192.0.2.2:3340", &self_signed, "http://192.0.2.2:3340", ""},
        {"chat.example.org", "http://127.0.0.1:3340", &public_place, "http://127.0.0.1:3340", ""},
        // Ours, written out.
        {"chat.example.org", "https://Chat.example.org", &public_place, "https://Chat.example.org", "s"},
        {"chat.example.org", "https://chat.example.org:8443/relay", &public_place,
         "https://chat.example.org:8443/relay", "s"},
        {"chat.example.org", "http://chat.example.org", &public_place, "http://chat.example.org", "sp"},
        {"192.0.2.1", "http://192.0.2.1", &self_signed, "http://192.0.2.1", "sp"},
        {"_martlet.test", "http://127.0.0.1:10080", &dev, "http://127.0.0.1:10080", "sp"},
        {"_martlet.test", "https://localhost:10443", &dev, "https://localhost:10443", "s"},
        {"_martlet.test", "http://[::1]:10080", &dev, "http://[::1]:10080", "sp"},
        {"_martlet.test", "https://iroh.example.net", &dev, "https://iroh.example.net", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char domain[100], set[100];
        (void)snprintf(domain, sizeof(domain), "mail_domain=%s", cases[i].domain);
        (void)snprintf(set, sizeof(set), "iroh_relay=%s", cases[i].set != NULL ? cases[i].set : "");
        const char *overrides[] = {domain, cases[i].set != NULL ? set : NULL, NULL};
        struct config *c = config_parse(SLICE("[params]\n"), "test.ini", overrides, NULL, NULL);
        assert_non_null(c);
        struct announce_iroh got;
        announce_iroh(c, cases[i].place, &got);
        config_free(c);
        char served[3];
        (void)snprintf(served, sizeof(served), "%s%s", got.on_https ? "s" : "", got.on_http ? "p" : "");
        if (strcmp(got.url, cases[i].url) != 0 || strcmp(served, cases[i].served) != 0)
            fail_msg("case %zu: got \"%s\" %s, want \"%s\" %s", i, got.url, served, cases[i].url, cases[i].served);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(iroh)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
