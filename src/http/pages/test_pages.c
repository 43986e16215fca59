// SPDX-License-Identifier: MIT
#include "http/pages/test_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

#include "config/config.h"

char test_folder[PATH_MAX];
char test_complaints[TEST_COMPLAINTS_MAX][1024];
size_t test_n_complaints;

static void on_complaint(void *arg, const char *sentence) {
    assert_ptr_equal(arg, test_folder);
    if (test_n_complaints < TEST_COMPLAINTS_MAX)
        (void)snprintf(test_complaints[test_n_complaints], sizeof(test_complaints[0]), "%s", sentence);
    test_n_complaints++;
}

int test_make_folder(void **state) {
    (void)snprintf(test_folder, sizeof(test_folder), "/tmp/martlet-www-XXXXXX");
    return mkdtemp(test_folder) == NULL;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *where) {
    return remove(path);
}

int test_remove_folder(void **state) {
    return nftw(test_folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_path_of(const char *name) {
    static char path[PATH_MAX + 600];
    (void)snprintf(path, sizeof(path), "%s/%s", test_folder, name);
    return path;
}

void test_put_octets(const char *name, const char *octets, size_t len) {
    char path[PATH_MAX + 600];
    (void)snprintf(path, sizeof(path), "%s", test_path_of(name));
    for (char *slash = strchr(path + strlen(test_folder) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
        *slash = '/';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, octets, len), len);
    (void)close(fd);
}

void test_put(const char *name, const char *text) {
    test_put_octets(name, text, strlen(text));
}

struct pages_parts test_parts;

struct pages *test_build_with(const char *www_folder, const char *setting, const char *link) {
    char folder_setting[PATH_MAX + 16];
    (void)snprintf(folder_setting, sizeof(folder_setting), "www_folder=%s", www_folder);
    const char *overrides[] = {"mail_domain=chat.example.org", folder_setting, setting, NULL};
    struct config *c = config_parse(SLICE_EMPTY, "test", overrides, NULL, NULL);
    assert_non_null(c);
    test_n_complaints = 0;
    struct pages *p = pages_build(&(struct pages_facts){c, link, true, test_parts}, on_complaint, test_folder);
    config_free(c);
    return p;
}

struct pages *test_build(void) {
    return test_build_with(test_folder, NULL, TEST_LINK);
}

// "" for a path that leads nowhere. Until the next call.
const char *test_body_of(const struct pages *p, const char *path, const char *wish) {
    static char body[256 * 1024];
    const struct page_file *f = pages_find(p, slice_from_cstr(path), slice_from_cstr(wish));
    (void)snprintf(body, sizeof(body), "%.*s", f != NULL ? (int)f->body.len : 0, f != NULL ? f->body.ptr : "");
    return body;
}

void test_complaint_is(size_t i, const char *want) {
    assert_true(i < test_n_complaints);
    char text[PATH_MAX + 600];
    (void)snprintf(text, sizeof(text), "%s", test_path_of(want));
    if (strcmp(test_complaints[i], text) != 0)
        fail_msg("got \"%s\"\nwant \"%s\"", test_complaints[i], text);
}

void test_no_complaint(void) {
    if (test_n_complaints > 0)
        fail_msg("complaint: %s", test_complaints[0]);
}
