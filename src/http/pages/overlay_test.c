// SPDX-License-Identifier: MIT
// Snapshots with a folder of the operator's in which much is wrong.
#include "http/pages/overlay.h"

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

#include "base/mem.h"
#include "http/pages/test_pages.h"

static void own_texts_win_key_by_key(void **state) {
    test_put("index.html", "{{@foot.software}}|{{@mine}}|{{delete_mails_after|wait}}");
    test_put("strings/en.json",
             "{\"mine\": \"my own\", \"wait.other\": \"{{n}} days\", \"foot.software\": \"Runs <b>{{domain}}</b>\"}");
    test_put("strings/ar.json", "{\"language.name\": \"العربية\", \"mine\": \"لي\"}");
    struct pages *p = test_build();
    test_no_complaint();
    assert_string_equal(test_body_of(p, "/", ""), "Runs <b>chat.example.org</b>|my own|20 days");
    assert_non_null(strstr(test_body_of(p, "/fa/", ""), "|my own|20 days"));
    assert_string_equal(test_body_of(p, "/", "ar-EG"), "Runs <b>chat.example.org</b>|لي|20 days");
    assert_non_null(strstr(test_body_of(p, "/ar/info", ""), "dir=\"rtl\""));
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
        test_put(cases[i].name, cases[i].text);
        struct pages *p = test_build();
        assert_int_equal(test_n_complaints, 1);
        test_complaint_is(0, cases[i].want);
        // The built-in pages are there as if nothing were.
        struct pages *without = test_build_with("", NULL, TEST_LINK);
        assert_string_equal(pages_find(p, SLICE("/de/info"), SLICE_EMPTY)->etag,
                            pages_find(without, SLICE("/de/info"), SLICE_EMPTY)->etag);
        assert_string_equal(pages_find(p, SLICE("/de/"), SLICE_EMPTY)->etag,
                            pages_find(without, SLICE("/de/"), SLICE_EMPTY)->etag);
        assert_string_equal(pages_find(p, SLICE("/style.css"), SLICE_EMPTY)->etag,
                            pages_find(without, SLICE("/style.css"), SLICE_EMPTY)->etag);
        pages_free(without);
        pages_free(p);
        assert_int_equal(unlink(test_path_of(cases[i].name)), 0);
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
        test_put_octets(names[i], garbage + i, sizeof(garbage) - i);
    test_put_octets("strings/fr.json", "{\"a\": \"\0\"}", 11);
    struct pages *p = test_build();
    assert_int_equal(test_n_complaints, ARRAY_LEN(names) + 1);
    struct pages *without = test_build_with("", NULL, TEST_LINK);
    static const char *const paths[] = {"/", "/de/", "/fr/", "/info", "/style.css"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        assert_string_equal(pages_find(p, slice_from_cstr(paths[i]), SLICE_EMPTY)->etag,
                            pages_find(without, slice_from_cstr(paths[i]), SLICE_EMPTY)->etag);
    pages_free(without);
    pages_free(p);
}

static void files_that_may_not_be_read(void **state) {
    test_put("index.html", "mine");
    test_put("secret/a.txt", "x");
    test_put("own.html", "own");
    assert_int_equal(chmod(test_path_of("index.html"), 0), 0);
    assert_int_equal(chmod(test_path_of("secret"), 0), 0);
    assert_int_equal(chmod(test_path_of("own.html"), 0644), 0);
    assert_int_equal(chmod(test_folder, 0755), 0);
    bool is_root = geteuid() == 0;
    if (is_root) // to whom nothing is forbidden
        assert_int_equal(seteuid(65534), 0);
    struct pages *p = test_build();
    if (is_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(test_path_of("secret"), 0700), 0);
    assert_int_equal(test_n_complaints, 2);
    test_complaint_is(0, "index.html: Permission denied; it is left out");
    test_complaint_is(1, "secret: Permission denied; it is left out");
    assert_string_equal(test_body_of(p, "/own", ""), "own");
    assert_non_null(strstr(test_body_of(p, "/", ""), TEST_LINK));
    pages_free(p);
}

// As editors of another system save it.
static void byte_order_marks(void **state) {
    test_put("own.html", "\xef\xbb\xbf<p>own</p>");
    test_put("strings/de.json", "\xef\xbb\xbf{\"nav.info\": \"Frag!\"}");
    struct pages *p = test_build();
    test_no_complaint();
    assert_string_equal(test_body_of(p, "/own", ""), "<p>own</p>");
    assert_non_null(strstr(test_body_of(p, "/de/", ""), "Frag!"));
    pages_free(p);
}

static void a_language_without_texts(void **state) {
    test_put("strings/ar.json", "{}");
    struct pages *p = test_build();
    test_no_complaint();
    assert_non_null(strstr(test_body_of(p, "/ar/", ""), "dir=\"rtl\""));
    assert_non_null(strstr(test_body_of(p, "/ar/", ""), "Get an account"));
    pages_free(p);
}

static void several_broken_files(void **state) {
    test_put("index.html", "{{>mine}}");
    test_put("_mine.html", "{{x}}");
    test_put("own.html", "fine");
    test_put("bad.html", "{{y}}");
    struct pages *p = test_build();
    assert_int_equal(test_n_complaints, 3);
    test_complaint_is(0, "bad.html:1: there is no value {{y}}; the file is left out");
    test_complaint_is(1, "_mine.html:1: there is no value {{x}}; the file is left out");
    test_complaint_is(2, "index.html:1: there is no file _mine.html; the built-in index.html is used instead");
    assert_string_equal(test_body_of(p, "/own", ""), "fine");
    assert_string_equal(test_body_of(p, "/bad", ""), "");
    assert_non_null(strstr(test_body_of(p, "/", ""), TEST_LINK));
    pages_free(p);
}

static void what_does_not_belong_in_the_folder(void **state) {
    char *large = mem_zalloc(OVERLAY_FILE_MAX + 1, 1);
    test_put_octets("a.bin", large, OVERLAY_FILE_MAX);
    test_put_octets("b.bin", large, OVERLAY_FILE_MAX + 1);
    free(large);
    assert_int_equal(symlink("/etc/passwd", test_path_of("c.txt")), 0);
    assert_int_equal(symlink("nowhere", test_path_of("d.txt")), 0);
    assert_int_equal(symlink("a.bin", test_path_of("e.bin")), 0);
    assert_int_equal(symlink(".", test_path_of("f")), 0);
    assert_int_equal(mkfifo(test_path_of("g"), 0600), 0);
    test_put("h/1/2/3/4/5/6/7/deep.txt", "x");
    test_put("h/1/2/3/4/5/6/deepest.txt", "y");
    test_put("i\033.txt", "x");
    test_put("j\xff.txt", "x");
    struct pages *p = test_build();
    assert_int_equal(test_n_complaints, 8);
    test_complaint_is(0, "b.bin: it is larger than 4 MB; it is left out");
    test_complaint_is(1, "c.txt: it is a link that leads out of the folder: copy the file into it; it is left out");
    test_complaint_is(2, "d.txt: it is a link that leads nowhere; it is left out");
    test_complaint_is(3, "f: it is not a regular file; it is left out");
    test_complaint_is(4, "g: it is not a regular file; it is left out");
    test_complaint_is(5, "h/1/2/3/4/5/6/7: its folders are too deep within each other; it is left out");
    test_complaint_is(6, "i?.txt: its name holds what no address of a page can hold; it is left out");
    assert_int_equal(pages_find(p, SLICE("/a.bin"), SLICE_EMPTY)->body.len, OVERLAY_FILE_MAX);
    assert_int_equal(pages_find(p, SLICE("/e.bin"), SLICE_EMPTY)->body.len, OVERLAY_FILE_MAX);
    assert_string_equal(test_body_of(p, "/h/1/2/3/4/5/6/deepest.txt", ""), "y");
    assert_null(pages_find(p, SLICE("/c.txt"), SLICE_EMPTY));
    assert_null(pages_find(p, SLICE("/b.bin"), SLICE_EMPTY));
    pages_free(p);
}

static void too_many_files(void **state) {
    for (int i = 0; i <= OVERLAY_FILES_MAX; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "%04d.txt", i);
        test_put(name, "x");
    }
    struct pages *p = test_build();
    assert_int_equal(test_n_complaints, 1);
    assert_non_null(strstr(test_complaints[0], ": more than 2000 files or 64 MB; what follows 2000.txt is left out"));
    assert_string_equal(test_body_of(p, "/1999.txt", ""), "x");
    assert_string_equal(test_body_of(p, "/2000.txt", ""), "");
    pages_free(p);
}

static void a_folder_that_is_not_there(void **state) {
    struct pages *p = test_build_with("/nonexistent/www", NULL, TEST_LINK);
    assert_int_equal(test_n_complaints, 1);
    assert_string_equal(test_complaints[0],
                        "www_folder /nonexistent/www: No such file or directory; the built-in pages are used");
    assert_non_null(pages_find(p, SLICE("/"), SLICE_EMPTY));
    pages_free(p);
    p = test_build_with("/etc/passwd", NULL, TEST_LINK);
    assert_string_equal(test_complaints[0], "www_folder /etc/passwd: Not a directory; the built-in pages are used");
    pages_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(own_texts_win_key_by_key), WITH_FOLDER(broken_files_are_told),
        WITH_FOLDER(binary_garbage),           WITH_FOLDER(files_that_may_not_be_read),
        WITH_FOLDER(byte_order_marks),         WITH_FOLDER(a_language_without_texts),
        WITH_FOLDER(several_broken_files),     WITH_FOLDER(what_does_not_belong_in_the_folder),
        WITH_FOLDER(too_many_files),           cmocka_unit_test(a_folder_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
