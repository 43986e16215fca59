// SPDX-License-Identifier: MIT
#include "martlet/handover/app_versions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/config.h"

static struct config *make_config(const char *domain) {
    const char *overrides[] = {domain, "appversions_hosts=apps.example.net, git.example.net/us/", NULL};
    struct config *c = config_parse(SLICE("[params]\n"), "test.ini", overrides, NULL, NULL);
    assert_non_null(c);
    return c;
}

// The line, or the sentence.
static void read_as(struct slice text, const char *domain, char *ret, size_t size) {
    struct config *c = make_config(domain);
    struct buf line;
    char error[APP_VERSIONS_ERROR_MAX] = "";
    buf_init(&line, APP_VERSIONS_MAX);
    if (app_versions_parse(text, c, &line, error))
        (void)snprintf(ret, size, "%.*s", SLICE_FMT(buf_slice(&line)));
    else
        (void)snprintf(ret, size, "%s", error);
    assert_true(error[0] == '\0' || line.len == 0);
    buf_done(&line);
    config_free(c);
}

#define SOURCE(id, n, version, url)                                                                                    \
    "{\"sourceId\":" id ",\"versionInteger\":" n ",\"versionString\":" version ",\"downloadUrl\":" url "}"
#define CLIENT(id, sources) "{\"clientId\":" id ",\"sources\":[" sources "]}"
#define CLIENTS(clients) "{\"clients\":[" clients "]}"
#define URL "\"https://github.com/deltachat/deltachat-android/releases/download/v2.62.0/app-2.62.0.apk\""
#define GOOD SOURCE("\"gplay\"", "758", "\"2.62.0\"", URL)
#define ONE(source) CLIENTS(CLIENT("\"deltachat\"", source))
#define AT "clients[0].sources[0]."

static void whole_files(void **state) {
    static const struct {
        const char *text, *want; // want NULL: the text itself
    } cases[] = {
        {ONE(GOOD), NULL},
        {CLIENTS(""), NULL},
        {CLIENTS(CLIENT("\"a\"", "")), NULL},
        {ONE(GOOD "," SOURCE("\"desktop\"", "0", "\"\xc3\xa4 1\"", "\"https://get.delta.chat/\"")), NULL},
        {CLIENTS(CLIENT("\"a\"", GOOD) "," CLIENT("\"b\"", GOOD)), NULL},
        {ONE(SOURCE("\"x\"", "4294967295", "\"1\"", URL)), NULL},
        // Written by people, in several lines and with more than is known.
        {"\n{ \"comment\": [1, {}],\r\n\t\"clients\" : [ {\"clientId\":\"a\", \"sources\":[], \"note\":null} ]\n}\n",
         "{\"clients\":[{\"clientId\":\"a\",\"sources\":[]}]}"},
        {ONE("{\"size\":3,"
             "\"sourceId\":\"s\",\"versionInteger\":1,\"versionString\":\"\\u00e4\",\"downloadUrl\":" URL "}"),
         ONE(SOURCE("\"s\"", "1", "\"\xc3\xa4\"", URL))},
        {"", "line 1, column 0: '[' or '{' expected near end of file"},
        {"[]", "must be an object"},
        {"{}", "clients: is missing"},
        {"{\"clients\":{}}", "clients: must be an array of at most 50"},
        {"{\"clients\":[1]}", "clients[0]: must be an object"},
        {CLIENTS("{\"sources\":[]}"), "clients[0].clientId: is missing"},
        {CLIENTS("{\"clientId\":\"a\"}"), "clients[0].sources: is missing"},
        {CLIENTS("{\"clientId\":\"a\",\"sources\":7}"), "clients[0].sources: must be an array of at most 50"},
        {CLIENTS(CLIENT("\"a\"", "") "," CLIENT("\"a\"", "")), "clients[1].clientId: \"a\" is there twice"},
        {CLIENTS(CLIENT("7", "")), "clients[0].clientId: must be a string"},
        {CLIENTS(CLIENT("\"\"", "")), "clients[0].clientId: must have 1 to 64 octets"},
        {CLIENTS(CLIENT("\"a b\"", "")), "clients[0].clientId: may hold letters, digits, \"-\", \"_\" and \".\" only"},
        {ONE(GOOD "," GOOD), "clients[0].sources[1].sourceId: \"gplay\" is there twice"},
        {ONE("7"), "clients[0].sources[0]: must be an object"},
        {ONE("{\"sourceId\":\"a\"}"), AT "versionInteger: is missing"},
        {"{\"clients\":[],\"clients\":[]}", "line 1, column 23: duplicate object key near '\"clients\"'"},
        {ONE(GOOD) "x", "line 1, column 222: end of file expected near 'x'"},
        {ONE(GOOD "\n,,"), "line 2, column 2: unexpected token near ','"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        static char got[APP_VERSIONS_MAX];
        read_as(slice_from_cstr(cases[i].text), "mail_domain=chat.example.org", got, sizeof(got));
        const char *want = cases[i].want != NULL ? cases[i].want : cases[i].text;
        if (strcmp(got, want) != 0)
            fail_msg("case %zu %s:\n got %s\nwant %s", i, cases[i].text, got, want);
    }
}

static void members(void **state) {
    static const char number[] = AT "versionInteger: must be a whole number from 0 to 4294967295";
    static const struct {
        const char *source, *want;
    } cases[] = {
        {SOURCE("\"x\"", "-1", "\"1\"", URL), number},
        {SOURCE("\"x\"", "4294967296", "\"1\"", URL), number},
        {SOURCE("\"x\"", "1.0", "\"1\"", URL), number},
        {SOURCE("\"x\"", "\"758\"", "\"1\"", URL), number},
        {SOURCE("\"x\"", "true", "\"1\"", URL), number},
        {SOURCE("\"x\"", "null", "\"1\"", URL), number},
        {SOURCE("\"x\"", "1", "2", URL), AT "versionString: must be a string"},
        {SOURCE("\"x\"", "1", "\"\"", URL), AT "versionString: must have 1 to 64 octets"},
        {SOURCE("\"x\"", "1", "\"1\\n2\"", URL), AT "versionString: holds a control character"},
        {SOURCE("\"x/y\"", "1", "\"1\"", URL), AT "sourceId: may hold letters, digits, \"-\", \"_\" and \".\" only"},
        {SOURCE("\"x\"", "1", "\"1\"", "7"), AT "downloadUrl: must be a string"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024], got[1024];
        (void)snprintf(text, sizeof(text), CLIENTS(CLIENT("\"a\"", "%s")), cases[i].source);
        read_as(slice_from_cstr(text), "mail_domain=chat.example.org", got, sizeof(got));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: got %s, want %s", i, got, cases[i].want);
    }
    char got[1024];
    read_as(SLICE(ONE("{\"sourceId\":\"a\\u0000b\"}")), "mail_domain=a.org", got, sizeof(got));
    assert_non_null(strstr(got, "\\u0000 is not allowed"));
    read_as(SLICE(ONE("\0")), "mail_domain=a.org", got, sizeof(got));
    assert_string_equal(got, "line 1, column 48: invalid token near end of file");
    read_as(SLICE("{\"clients\":[],\"\xff\":1}"), "mail_domain=a.org", got, sizeof(got));
    assert_non_null(strstr(got, "unable to decode byte 0xff"));
}

static void download_urls(void **state) {
    static const char *const good[] = {
        "https://github.com/deltachat/deltachat-desktop/releases",
        "https://github.com/chatmail/x",
        "https://play.google.com/store/apps/details?id=com.b44t.messenger",
        "https://apps.apple.com/app/delta-chat/id1459523234",
        "https://f-droid.org/packages/com.b44t.messenger/",
        "https://delta.chat/en/download",
        "https://download.delta.chat/android/x.apk",
        "https://chat.example.org/app.apk",
        "https://CHAT.example.org",
        "https://files.chat.example.org/app.apk",
        "https://apps.example.net/any/thing",
        "https://git.example.net/us/x",
    };
    static const char *const bad[] = {
        "https://example.org/app.apk",
        "https://evilchat.example.org/app.apk",
        "https://chat.example.org.evil.net/app.apk",
        "https://chat.example.org:8443/app.apk",
        "https://github.com/evil/deltachat/",
        "https://github.com/deltachat",
        "https://github.com/deltachat/../evil/x",
        "https://github.com/deltachat/%2E%2e/evil/x",
        "https://www.github.com/deltachat/x",
        "https://play.google.com/books",
        "https://git.example.net/them/x",
        "https://evil.net/?https://delta.chat/",
    };
    static const char *const no_url[] = {
        "http://delta.chat/x",    "delta.chat/x",          "javascript:alert(1)",   "https://delta.chat@evil.net/x",
        "https://delta.chat/a b", "https://delta.chat/#x", "intent://delta.chat/x", "https://",
    };
    char text[1024], got[1024], want[1024];
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        (void)snprintf(text, sizeof(text), ONE(SOURCE("\"x\"", "1", "\"1\"", "\"%s\"")), good[i]);
        read_as(slice_from_cstr(text), "mail_domain=chat.example.org", got, sizeof(got));
        if (strcmp(got, text) != 0)
            fail_msg("%s: got %s", good[i], got);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), ONE(SOURCE("\"x\"", "1", "\"1\"", "\"%s\"")), bad[i]);
        (void)snprintf(want, sizeof(want),
                       AT "downloadUrl: %.100s is not allowed; appversions_hosts may name more hosts", bad[i]);
        read_as(slice_from_cstr(text), "mail_domain=chat.example.org", got, sizeof(got));
        if (strcmp(got, want) != 0)
            fail_msg("%s: got %s", bad[i], got);
    }
    for (size_t i = 0; i < ARRAY_LEN(no_url); i++) {
        (void)snprintf(text, sizeof(text), ONE(SOURCE("\"x\"", "1", "\"1\"", "\"%s\"")), no_url[i]);
        read_as(slice_from_cstr(text), "mail_domain=chat.example.org", got, sizeof(got));
        if (strcmp(got, AT "downloadUrl: must be a URL that begins with https://") != 0)
            fail_msg("%s: got %s", no_url[i], got);
    }
    // A relay on an address.
    static const char at_address[] = ONE(SOURCE("\"x\"", "1", "\"1\"", "\"https://192.0.2.1/x\""));
    read_as(slice_from_cstr(at_address), "mail_domain=192.0.2.1", got, sizeof(got));
    assert_string_equal(got, at_address);
    read_as(slice_from_cstr(at_address), "mail_domain=192.0.2.2", got, sizeof(got));
    assert_non_null(strstr(got, "is not allowed"));
}

static void sizes(void **state) {
    static char text[APP_VERSIONS_MAX * 2], got[APP_VERSIONS_MAX * 2];
    memset(text, ' ', sizeof(text));
    memcpy(text, CLIENTS(""), strlen(CLIENTS("")));
    read_as(slice_make(text, APP_VERSIONS_MAX), "mail_domain=a.org", got, sizeof(got));
    assert_string_equal(got, CLIENTS(""));
    read_as(slice_make(text, APP_VERSIONS_MAX + 1), "mail_domain=a.org", got, sizeof(got));
    assert_string_equal(got, "is larger than 32768 octets");

    // One client more than is taken, one source more.
    for (int n = APP_VERSIONS_CLIENTS_MAX; n <= APP_VERSIONS_CLIENTS_MAX + 1; n++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "{\"clients\":[");
        for (int i = 0; i < n; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s" CLIENT("\"c%d\"", ""), i > 0 ? "," : "", i);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "]}");
        read_as(slice_make(text, len), "mail_domain=a.org", got, sizeof(got));
        assert_string_equal(got, n > APP_VERSIONS_CLIENTS_MAX ? "clients: must be an array of at most 50" : text);
    }
    for (int n = APP_VERSIONS_SOURCES_MAX; n <= APP_VERSIONS_SOURCES_MAX + 1; n++) {
        size_t len = (size_t)snprintf(text, sizeof(text), "{\"clients\":[{\"clientId\":\"a\",\"sources\":[");
        for (int i = 0; i < n; i++)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s" SOURCE("\"s%d\"", "1", "\"1\"", URL),
                                    i > 0 ? "," : "", i);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "]}]}");
        read_as(slice_make(text, len), "mail_domain=a.org", got, sizeof(got));
        assert_string_equal(got,
                            n > APP_VERSIONS_SOURCES_MAX ? "clients[0].sources: must be an array of at most 50" : text);
    }
    // Nesting that would exhaust a careless reader.
    memset(text, '[', APP_VERSIONS_MAX);
    read_as(slice_make(text, APP_VERSIONS_MAX), "mail_domain=a.org", got, sizeof(got));
    assert_non_null(strstr(got, "maximum parsing depth reached"));
}

static void what_is_repeated_is_harmless(void **state) {
    char got[1024];
    read_as(SLICE("{\"clients\":[\x1b[31m"), "mail_domain=a.org", got, sizeof(got));
    assert_null(strchr(got, '\x1b'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files),
        cmocka_unit_test(members),
        cmocka_unit_test(download_urls),
        cmocka_unit_test(sizes),
        cmocka_unit_test(what_is_repeated_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
