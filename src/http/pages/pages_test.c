// SPDX-License-Identifier: MIT
// Snapshots: of the built-in pages, and with a folder of the operator's in which much is wrong.
#include "http/pages/pages.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "config/config.h"
#include "http/pages/overlay.h"

#define LINK "DCACCOUNT:https://chat.example.org/new"

enum { COMPLAINTS_MAX = 16 };

static char folder[PATH_MAX];
static char complaints[COMPLAINTS_MAX][1024];
static size_t n_complaints;

static void on_complaint(void *arg, const char *sentence) {
    assert_ptr_equal(arg, folder);
    if (n_complaints < COMPLAINTS_MAX)
        (void)snprintf(complaints[n_complaints], sizeof(complaints[0]), "%s", sentence);
    n_complaints++;
}

static int make_folder(void **state) {
    (void)snprintf(folder, sizeof(folder), "/tmp/martlet-www-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *where) {
    return remove(path);
}

static int remove_folder(void **state) {
    return nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *path_of(const char *name) {
    static char path[PATH_MAX + 600];
    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void put_octets(const char *name, const char *octets, size_t len) {
    char path[PATH_MAX + 600];
    (void)snprintf(path, sizeof(path), "%s", path_of(name));
    for (char *slash = strchr(path + strlen(folder) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, len), len);
    (void)close(fd);
}

static void put(const char *name, const char *text) {
    put_octets(name, text, strlen(text));
}

static struct pages_parts parts; // in force for what is built

static struct pages *build_with(const char *www_folder, const char *setting, const char *link) {
    char folder_setting[PATH_MAX + 16];
    (void)snprintf(folder_setting, sizeof(folder_setting), "www_folder=%s", www_folder);
    const char *overrides[] = {"mail_domain=chat.example.org", folder_setting, setting, NULL};
    struct config *c = config_parse(SLICE_EMPTY, "test", overrides, NULL, NULL);
    assert_non_null(c);
    n_complaints = 0;
    struct pages *p = pages_build(&(struct pages_facts){c, link, true, parts}, on_complaint, folder);
    config_free(c);
    return p;
}

static struct pages *build(void) {
    return build_with(folder, NULL, LINK);
}

// "" for a path that leads nowhere. Until the next call.
static const char *body_of(const struct pages *p, const char *path, const char *wish) {
    static char body[256 * 1024];
    const struct page_file *f = pages_find(p, slice_from_cstr(path), slice_from_cstr(wish));
    (void)snprintf(body, sizeof(body), "%.*s", f != NULL ? (int)f->body.len : 0, f != NULL ? f->body.ptr : "");
    return body;
}

static void assert_complaint(size_t i, const char *want) {
    assert_true(i < n_complaints);
    char text[PATH_MAX + 600];
    (void)snprintf(text, sizeof(text), "%s", path_of(want));
    if (strcmp(complaints[i], text) != 0)
        fail_msg("got \"%s\"\nwant \"%s\"", complaints[i], text);
}

static void assert_no_complaint(void) {
    if (n_complaints > 0)
        fail_msg("complaint: %s", complaints[0]);
}

static void the_built_in_pages(void **state) {
    struct pages *p = build_with("", NULL, LINK);
    assert_no_complaint();
    static const char *const paths[] = {"/", "/info", "/privacy"};
    static const char *const codes[] = {"en", "de", "ru", "fa", "es", "fr", "pl"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            const struct page_file *f = pages_find(p, slice_from_cstr(paths[i]), slice_from_cstr(codes[k]));
            assert_non_null(f);
            assert_string_equal(f->language, codes[k]);
            assert_string_equal(f->content_type, "text/html; charset=utf-8");
            assert_true(f->by_language);
            assert_true(slice_find_slice(f->body, SLICE("{{")) == f->body.len);
            assert_true(slice_find_slice(f->body, SLICE("chat.example.org")) < f->body.len);
        }
    assert_non_null(strstr(body_of(p, "/", ""), "href=\"" LINK "\""));
    assert_non_null(strstr(body_of(p, "/fa/", ""), "dir=\"rtl\""));
    assert_string_equal(pages_find(p, SLICE("/style.css"), SLICE_EMPTY)->content_type, "text/css; charset=utf-8");
    pages_free(p);
}

// What a relay may be configured to: each has its page, and none shows a link that is not there.
static void every_kind_of_registration(void **state) {
    static const char *const settings[] = {"registration=open", "registration=invite", "registration=closed"};
    static const char *const contacts[] = {"privacy_mail=a@example.org", "privacy_postal=x",
                                           "donate_url=https://d.example"};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct pages *p = build_with("", settings[i], "");
        assert_no_complaint();
        assert_null(strstr(body_of(p, "/", ""), "<svg xmlns"));
        assert_null(strstr(body_of(p, "/", ""), "DCACCOUNT"));
        pages_free(p);
        p = build_with("", contacts[i], "");
        assert_no_complaint();
        pages_free(p);
    }
}

// What a page may say only while the part that keeps it is in force, and what it says instead.
static void promises_follow_the_parts(void **state) {
    static const struct {
        bool *part;
        const char *path, *promise, *instead; // instead "": nothing
    } cases[] = {
        {&parts.expiry, "/en/", "by itself after 90\u00a0days", ""},
        {&parts.expiry, "/en/", "20\u00a0days at most", "fetched and deleted them."},
        {&parts.expiry, "/en/info", "7\u00a0days after your app", "until your app deletes them"},
        {&parts.expiry, "/en/info", "the oldest messages make room", "nothing arrives until something is deleted"},
        {&parts.expiry, "/en/info", "messages delete themselves", ""},
        {&parts.expiry, "/en/info", "after 90\u00a0days without login", "until the operator deletes them"},
        {&parts.expiry, "/en/privacy", "after 90\u00a0days without login", "which you may ask for at any time"},
        {&parts.expiry, "/en/privacy", "20\u00a0days at most", "or the account is deleted"},
        {&parts.expiry, "/en/privacy", "90\u00a0days after the app last set it", "Until newer tokens take its place"},
        {&parts.push, "/en/info", "woken by push", ""},
        {&parts.push, "/en/privacy", "your encrypted token, and nothing", "nothing is sent to that service"},
        {&parts.federation, "/en/", "people on any relay", ""},
        {&parts.federation, "/en/info", "as long as both sides encrypt", "other relays included, comes back"},
        {&parts.federation, "/en/info", "All relays work together", ""},
        {&parts.federation, "/en/info", "IETF standards", ""},
        {&parts.federation, "/en/privacy", "Other relays and mail servers", ""},
        {&parts.calls, "/en/info", "streams and calls", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (unsigned is_there = 0; is_there <= 1; is_there++) {
            *cases[i].part = is_there == 1;
            struct pages *p = build_with("", NULL, LINK);
            const char *body = body_of(p, cases[i].path, "");
            bool promises = strstr(body, cases[i].promise) != NULL;
            bool says_other = strstr(body, cases[i].instead) != NULL;
            if (promises != (is_there == 1) || says_other != (is_there == 0 || cases[i].instead[0] == '\0'))
                fail_msg("%s, part %u: \"%s\" %d, \"%s\" %d", cases[i].path, is_there, cases[i].promise, promises,
                         cases[i].instead, says_other);
            pages_free(p);
            parts = (struct pages_parts){0};
        }
}

static void numbers_in_their_language(void **state) {
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/fa/info", "۳۰\u00a0مگابایت"},
        {"/fa/info", "حداکثر ۲۰\u00a0روز"},
        {"/fa/", "پس از ۹۰\u00a0روز بدون ورود"},
        {"/ru/info", "30\u00a0МБ"},
        {"/ru/info", "60\u00a0сообщений"},
        {"/ru/info", "не дольше 20\u00a0дней"},
        {"/ru/info", "через 90\u00a0дней"},
        {"/pl/privacy", "po 90\u00a0dniach bez logowania"},
        {"/de/privacy", "nach 90\u00a0Tagen ohne Anmeldung"},
        {"/fr/info", "30\u00a0Mo"},
    };
    parts.expiry = true;
    struct pages *p = build_with("", NULL, LINK);
    parts.expiry = false;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strstr(body_of(p, cases[i].path, ""), cases[i].want) == NULL)
            fail_msg("%s: no \"%s\"", cases[i].path, cases[i].want);
    pages_free(p);
}

// Whoever lets the log hold addresses does not promise the opposite.
static void what_the_log_holds(void **state) {
    static const char *const settings[] = {"log_addresses=false", "log_addresses=true"};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct pages *p = build_with("", settings[i], LINK);
        const char *body = body_of(p, "/en/privacy", "");
        assert_int_equal(strstr(body, "without mail addresses, IP addresses or content") != NULL, i == 0);
        assert_int_equal(strstr(body, "mail addresses may be among it") != NULL, i == 1);
        pages_free(p);
    }
}

static void paths(void **state) {
    put("own.html", "own {{lang}} {{page}} {{page_path}} {{root}}");
    put("about/index.html", "about {{page_path}}");
    put("about/us.html", "us");
    put("de/imprint.html", "Impressum {{lang}}");
    put("de/info.html", "only here");
    put("_own.html", "partial");
    put("strings/de.json", "{}");
    put("README.md", "read me");
    put("notes.txt", "notes");
    put(".hidden", "hidden");
    put("own.html~", "backup");
    struct pages *p = build();
    assert_no_complaint();
    static const struct {
        const char *path, *wish, *want; // want "": not found; "*": anything
    } cases[] = {
        {"/own", "", "own en own own /en/"},
        {"/own.html", "fr", "own fr own own /fr/"},
        {"/ru/own", "fr", "own ru own own /ru/"},
        {"/ru/own.html", "", "own ru own own /ru/"},
        {"/about/", "", "about about/"},
        {"/about/index.html", "", "about about/"},
        {"/pl/about/", "", "about about/"},
        {"/about", "", ""},
        {"/about/us", "", "us"},
        {"/de/imprint", "fr", "Impressum de"},
        {"/imprint", "de", ""},
        {"/fr/de/imprint", "de", ""},
        {"/de/info", "", "only here"},
        {"/info", "de", "*"},
        {"/notes.txt", "", "notes"},
        {"/de/notes.txt", "", ""},
        {"/de", "", "*"},
        {"/de/", "", "*"},
        {"/de/index.html", "", "*"},
        {"/index", "", "*"},
        {"/index.html", "", "*"},
        {"/404", "", ""},
        {"/404.html", "", ""},
        {"/de/404", "", ""},
        {"/_own", "", ""},
        {"/_own.html", "", ""},
        {"/strings/de.json", "", ""},
        {"/README.md", "", ""},
        {"/.hidden", "", ""},
        {"/own.html~", "", ""},
        {"/xx/", "", ""},
        {"/own/", "", ""},
        {"own", "", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = body_of(p, cases[i].path, cases[i].wish);
        bool ok = strcmp(cases[i].want, "*") == 0 ? got[0] != '\0' : strcmp(got, cases[i].want) == 0;
        if (!ok)
            fail_msg("%s: got \"%.60s\", want \"%s\"", cases[i].path, got, cases[i].want);
    }
    assert_null(pages_find(p, slice_make("/own\0x", 6), SLICE_EMPTY));
    char longest[2000];
    memset(longest, '/', sizeof(longest));
    assert_null(pages_find(p, slice_make(longest, sizeof(longest)), SLICE_EMPTY));
    assert_false(pages_find(p, SLICE("/de/own"), SLICE_EMPTY)->by_language);
    assert_false(pages_find(p, SLICE("/de/imprint"), SLICE_EMPTY)->by_language);
    assert_null(pages_find(p, SLICE("/notes.txt"), SLICE_EMPTY)->language);
    pages_free(p);
}

static void what_is_not_found(void **state) {
    struct pages *p = build_with("", NULL, LINK);
    assert_string_equal(pages_not_found(p, SLICE("/x"), SLICE("ru"))->language, "ru");
    assert_true(pages_not_found(p, SLICE("/x"), SLICE("ru"))->by_language);
    assert_string_equal(pages_not_found(p, SLICE("/fa/x"), SLICE("ru"))->language, "fa");
    assert_non_null(pages_not_found(p, SLICE_EMPTY, SLICE_EMPTY));
    pages_free(p);
}

static void etags_and_compression(void **state) {
    struct pages *p = build_with("", NULL, LINK), *again = build_with("", NULL, LINK);
    const struct page_file *a = pages_find(p, SLICE("/de/"), SLICE_EMPTY),
                           *b = pages_find(again, SLICE("/"), SLICE("de")),
                           *c = pages_find(p, SLICE("/fr/"), SLICE_EMPTY);
    assert_string_equal(a->etag, b->etag);
    assert_string_equal(a->gzip_etag, b->gzip_etag);
    assert_string_not_equal(a->etag, a->gzip_etag);
    assert_string_not_equal(a->etag, c->etag);
    assert_int_equal(a->etag[0], '"');
    assert_true(a->gzip.len > 0 && a->gzip.len < a->body.len);

    char *plain = mem_alloc(a->body.len + 1);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)a->gzip.ptr,
                  .avail_in = (uInt)a->gzip.len,
                  .next_out = (Bytef *)plain,
                  .avail_out = (uInt)a->body.len + 1};
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, a->body.len);
    assert_memory_equal(plain, a->body.ptr, a->body.len);
    (void)inflateEnd(&z);
    free(plain);
    pages_free(p);
    pages_free(again);
}

static void a_home_of_ones_own(void **state) {
    struct pages *p = build_with("", NULL, "");
    assert_true(pages_is_home(p, SLICE("/")));
    assert_true(pages_is_home(p, SLICE("/index.html")));
    assert_true(pages_is_home(p, SLICE("/de/")));
    assert_false(pages_is_home(p, SLICE("/info")));
    assert_false(pages_is_home(p, SLICE("/de/info")));
    assert_false(pages_is_home(p, SLICE("/nothing/")));
    assert_false(pages_is_home(p, SLICE_EMPTY));
    size_t len = 0;
    char *body = pages_render_home(p, SLICE("/"), SLICE("ru"), "dclogin:a@b?p=x&v=1", "?t=A-B_c", &len);
    assert_non_null(body);
    assert_int_equal(strlen(body), len);
    assert_non_null(strstr(body, "href=\"dclogin:a@b?p=x&amp;v=1\""));
    assert_non_null(strstr(body, "<svg xmlns"));
    assert_non_null(strstr(body, "href=\"/de/?t=A-B_c\"")); // the invitation is not lost with the language
    assert_non_null(strstr(body, "lang=\"ru\""));
    free(body);
    assert_null(pages_render_home(p, SLICE("/info"), SLICE_EMPTY, "x", "", &len));
    pages_free(p);
}

static void own_texts_win_key_by_key(void **state) {
    put("index.html", "{{@foot.software}}|{{@mine}}|{{delete_mails_after|wait}}");
    put("strings/en.json",
        "{\"mine\": \"my own\", \"wait.other\": \"{{n}} days\", \"foot.software\": \"Runs <b>{{domain}}</b>\"}");
    put("strings/ar.json", "{\"language.name\": \"العربية\", \"mine\": \"لي\"}");
    struct pages *p = build();
    assert_no_complaint();
    assert_string_equal(body_of(p, "/", ""), "Runs <b>chat.example.org</b>|my own|20 days");
    assert_non_null(strstr(body_of(p, "/fa/", ""), "|my own|20 days"));
    assert_string_equal(body_of(p, "/", "ar-EG"), "Runs <b>chat.example.org</b>|لي|20 days");
    assert_non_null(strstr(body_of(p, "/ar/info", ""), "dir=\"rtl\""));
    pages_free(p);
}

static void broken_files_are_told(void **state) {
    static const struct {
        const char *name, *text, *want; // want: after the folder
    } cases[] = {
        {"info.html", "a\n{{domian}}",
         "info.html:2: there is no value {{domian}}; the built-in info.html is used instead"},
        {"info.html", "{{#yes}}",
         "info.html:1: the section yes is not closed: {{/yes}} is missing; the built-in info.html is used instead"},
        {"own.html", "{{@nothing}}", "own.html:1: there is no text nothing in strings/en.json; the file is left out"},
        {"_head.html", "\n\n{{x}}", "_head.html:3: there is no value {{x}}; the built-in _head.html is used instead"},
        {"_head.html", "{{>head}}",
         "_head.html:1: {{>head}} is more than 12 deep: does a file or text hold itself?; the built-in _head.html is "
         "used instead"},
        {"index.html", "{{#has_own_link}}\n{{x}}{{/has_own_link}}",
         "index.html:2: there is no value {{x}}; the built-in index.html is used instead"},
        {"info.html", "{{#is_closed}}\n{{^is_open}}{{x}}{{/is_open}}{{/is_closed}}",
         "info.html:2: there is no value {{x}}; the built-in info.html is used instead"},
        {"strings/de.json", "{\"a\": \"b\",\n}",
         "strings/de.json:2: not JSON: string or '}' expected near '}'; the built-in strings/de.json is used instead"},
        {"strings/de.json", "{\"home.title\": \"{{x}}\"}",
         "strings/de.json: home.title: there is no value {{x}}; the built-in strings/de.json is used instead"},
        {"strings/ar.json", "[]", "strings/ar.json:1: wants one JSON object of keys and texts; the file is left out"},
        {"style.css", "a {}\n\xff", "style.css: line 2 is not UTF-8: save the file as UTF-8; it is left out"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(cases[i].name, cases[i].text);
        struct pages *p = build();
        assert_int_equal(n_complaints, 1);
        assert_complaint(0, cases[i].want);
        // The built-in pages are there as if nothing were.
        struct pages *without = build_with("", NULL, LINK);
        assert_string_equal(pages_find(p, SLICE("/de/info"), SLICE_EMPTY)->etag,
                            pages_find(without, SLICE("/de/info"), SLICE_EMPTY)->etag);
        assert_string_equal(pages_find(p, SLICE("/de/"), SLICE_EMPTY)->etag,
                            pages_find(without, SLICE("/de/"), SLICE_EMPTY)->etag);
        assert_string_equal(pages_find(p, SLICE("/style.css"), SLICE_EMPTY)->etag,
                            pages_find(without, SLICE("/style.css"), SLICE_EMPTY)->etag);
        pages_free(without);
        pages_free(p);
        assert_int_equal(unlink(path_of(cases[i].name)), 0);
    }
}

// Octets of no sense in the place of each kind of file: told, and the built-in one is served.
static void binary_garbage(void **state) {
    static const char *const names[] = {"404.html", "_head.html", "index.html", "strings/de.json", "style.css"};
    char garbage[64 * 1024];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(garbage); i++) {
        x = x * 1664525 + 1013904223;
        garbage[i] = (char)(x >> 24);
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_octets(names[i], garbage + i, sizeof(garbage) - i);
    put_octets("strings/fr.json", "{\"a\": \"\0\"}", 11);
    struct pages *p = build();
    assert_int_equal(n_complaints, ARRAY_LEN(names) + 1);
    struct pages *without = build_with("", NULL, LINK);
    static const char *const paths[] = {"/", "/de/", "/fr/", "/info", "/style.css"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_string_equal(pages_find(p, slice_from_cstr(paths[i]), SLICE_EMPTY)->etag,
                            pages_find(without, slice_from_cstr(paths[i]), SLICE_EMPTY)->etag);
    pages_free(without);
    pages_free(p);
}

static void files_that_may_not_be_read(void **state) {
    put("index.html", "mine");
    put("secret/a.txt", "x");
    put("own.html", "own");
    assert_int_equal(chmod(path_of("index.html"), 0), 0);
    assert_int_equal(chmod(path_of("secret"), 0), 0);
    assert_int_equal(chmod(path_of("own.html"), 0644), 0);
    assert_int_equal(chmod(folder, 0755), 0);
    bool is_root = geteuid() == 0;
    if (is_root) // to whom nothing is forbidden
        assert_int_equal(seteuid(65534), 0);
    struct pages *p = build();
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(path_of("secret"), 0700), 0);
    assert_int_equal(n_complaints, 2);
    assert_complaint(0, "index.html: Permission denied; it is left out");
    assert_complaint(1, "secret: Permission denied; it is left out");
    assert_string_equal(body_of(p, "/own", ""), "own");
    assert_non_null(strstr(body_of(p, "/", ""), LINK));
    pages_free(p);
}

// As editors of another system save it.
static void byte_order_marks(void **state) {
    put("own.html", "\xef\xbb\xbf<p>own</p>");
    put("strings/de.json", "\xef\xbb\xbf{\"nav.info\": \"Frag!\"}");
    struct pages *p = build();
    assert_no_complaint();
    assert_string_equal(body_of(p, "/own", ""), "<p>own</p>");
    assert_non_null(strstr(body_of(p, "/de/", ""), "Frag!"));
    pages_free(p);
}

static void a_language_without_texts(void **state) {
    put("strings/ar.json", "{}");
    struct pages *p = build();
    assert_no_complaint();
    assert_non_null(strstr(body_of(p, "/ar/", ""), "dir=\"rtl\""));
    assert_non_null(strstr(body_of(p, "/ar/", ""), "Get an account"));
    pages_free(p);
}

static void several_broken_files(void **state) {
    put("index.html", "{{>mine}}");
    put("_mine.html", "{{x}}");
    put("own.html", "fine");
    put("bad.html", "{{y}}");
    struct pages *p = build();
    assert_int_equal(n_complaints, 3);
    assert_complaint(0, "bad.html:1: there is no value {{y}}; the file is left out");
    assert_complaint(1, "_mine.html:1: there is no value {{x}}; the file is left out");
    assert_complaint(2, "index.html:1: there is no file _mine.html; the built-in index.html is used instead");
    assert_string_equal(body_of(p, "/own", ""), "fine");
    assert_string_equal(body_of(p, "/bad", ""), "");
    assert_non_null(strstr(body_of(p, "/", ""), LINK));
    pages_free(p);
}

static void what_does_not_belong_in_the_folder(void **state) {
    char *large = mem_zalloc(OVERLAY_FILE_MAX + 1, 1);
    put_octets("a.bin", large, OVERLAY_FILE_MAX);
    put_octets("b.bin", large, OVERLAY_FILE_MAX + 1);
    free(large);
    assert_int_equal(symlink("/etc/passwd", path_of("c.txt")), 0);
    assert_int_equal(symlink("nowhere", path_of("d.txt")), 0);
    assert_int_equal(symlink("a.bin", path_of("e.bin")), 0);
    assert_int_equal(symlink(".", path_of("f")), 0);
    assert_int_equal(mkfifo(path_of("g"), 0600), 0);
    put("h/1/2/3/4/5/6/7/deep.txt", "x");
    put("h/1/2/3/4/5/6/deepest.txt", "y");
    put("i\033.txt", "x");
    put("j\xff.txt", "x");
    struct pages *p = build();
    assert_int_equal(n_complaints, 8);
    assert_complaint(0, "b.bin: it is larger than 4 MB; it is left out");
    assert_complaint(1, "c.txt: it is a link that leads out of the folder: copy the file into it; it is left out");
    assert_complaint(2, "d.txt: it is a link that leads nowhere; it is left out");
    assert_complaint(3, "f: it is not a regular file; it is left out");
    assert_complaint(4, "g: it is not a regular file; it is left out");
    assert_complaint(5, "h/1/2/3/4/5/6/7: its folders are too deep within each other; it is left out");
    assert_complaint(6, "i?.txt: its name holds what no address of a page can hold; it is left out");
    assert_int_equal(pages_find(p, SLICE("/a.bin"), SLICE_EMPTY)->body.len, OVERLAY_FILE_MAX);
    assert_int_equal(pages_find(p, SLICE("/e.bin"), SLICE_EMPTY)->body.len, OVERLAY_FILE_MAX);
    assert_string_equal(body_of(p, "/h/1/2/3/4/5/6/deepest.txt", ""), "y");
    assert_null(pages_find(p, SLICE("/c.txt"), SLICE_EMPTY));
    assert_null(pages_find(p, SLICE("/b.bin"), SLICE_EMPTY));
    pages_free(p);
}

static void too_many_files(void **state) {
    for (int i = 0; i <= OVERLAY_FILES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%04d.txt", i);
        put(name, "x");
    }
    struct pages *p = build();
    assert_int_equal(n_complaints, 1);
    assert_non_null(strstr(complaints[0], ": more than 2000 files or 64 MB; what follows 2000.txt is left out"));
    assert_string_equal(body_of(p, "/1999.txt", ""), "x");
    assert_string_equal(body_of(p, "/2000.txt", ""), "");
    pages_free(p);
}

static void a_folder_that_is_not_there(void **state) {
    struct pages *p = build_with("/nonexistent/www", NULL, LINK);
    assert_int_equal(n_complaints, 1);
    assert_string_equal(complaints[0],
                        "www_folder /nonexistent/www: No such file or directory; the built-in pages are used");
    assert_non_null(pages_find(p, SLICE("/"), SLICE_EMPTY));
    pages_free(p);
    p = build_with("/etc/passwd", NULL, LINK);
    assert_string_equal(complaints[0], "www_folder /etc/passwd: Not a directory; the built-in pages are used");
    pages_free(p);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_pages),
        cmocka_unit_test(every_kind_of_registration),
        cmocka_unit_test(promises_follow_the_parts),
        cmocka_unit_test(numbers_in_their_language),
        cmocka_unit_test(what_the_log_holds),
        WITH_FOLDER(paths),
        cmocka_unit_test(what_is_not_found),
        cmocka_unit_test(etags_and_compression),
        cmocka_unit_test(a_home_of_ones_own),
        WITH_FOLDER(own_texts_win_key_by_key),
        WITH_FOLDER(broken_files_are_told),
        WITH_FOLDER(binary_garbage),
        WITH_FOLDER(files_that_may_not_be_read),
        WITH_FOLDER(byte_order_marks),
        WITH_FOLDER(a_language_without_texts),
        WITH_FOLDER(several_broken_files),
        WITH_FOLDER(what_does_not_belong_in_the_folder),
        WITH_FOLDER(too_many_files),
        cmocka_unit_test(a_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
