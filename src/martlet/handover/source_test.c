// SPDX-License-Identifier: MIT
// A bundle is made of the very text that was looked at, whatever becomes of the file meanwhile.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/ports.h"
#include "martlet/handover/source.h"

static char dir[] = "/tmp/martlet-source-XXXXXX", path[64];

static void write_config(const char *text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
}

static void expect_text(const struct bundle *b, const char *text) {
    assert_non_null(b);
    assert_string_equal(b->config_text, text);
}

static void test_one_reading(void **state) {
    static const char first[] = "[params]\nmail_domain = _one.test\n",
                      second[] = "[params]\nmail_domain = _one.test\nmax_message_size = 1000000\n",
                      third[] = "[params]\nmail_domain = _two.test\n";
    char setting[64];
    (void)snprintf(setting, sizeof(setting), "state_dir=%s", dir);
    const char *overrides[] = {setting, "turn=false", NULL};
    struct source s = {.config_path = path, .overrides = overrides, .is_dev = true};
    struct ports ports = {0};

    write_config(first);
    assert_true(source_load_config(&s));
    write_config(third);
    struct bundle *b = source_make_bundle(&s, &ports);
    expect_text(b, first);
    bundle_free(b);

    // What is refused leaves no trace either.
    assert_null(source_reload(&s, &ports));
    assert_string_equal(s.config->mail_domain, "_one.test");
    b = source_make_bundle(&s, &ports);
    expect_text(b, first);
    bundle_free(b);

    write_config(second);
    b = source_reload(&s, &ports);
    expect_text(b, second);
    bundle_free(b);
    source_done(&s);
}

static int make_dir(void **state) {
    if (mkdtemp(dir) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/martlet.ini", dir);
    return 0;
}

static int remove_dir(void **state) {
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_one_reading)};
    return cmocka_run_group_tests_name("martlet/source", tests, make_dir, remove_dir);
}
