// SPDX-License-Identifier: MIT
// The creation rules one by one, with a /proc and a state directory of the test's own.
#include "account/rules.h"

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

#include "account/resources.h"
#include "base/clock.h"
#include "base/pressure.h"

static char dir[64];
static uint64_t now_us;

static const char *path_of(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text) {
    FILE *f = fopen(path_of(name), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

// What the kernel says from now on; time goes on so that nothing remembered is used.
static void machine_has(const char *loadavg, const char *meminfo) {
    write_file("loadavg", loadavg);
    write_file("meminfo", meminfo);
    now_us += 2000000;
    clock_set_fake(now_us, 1700000000);
}

static int setup(void **state) {
    (void)snprintf(dir, sizeof(dir), "/tmp/martlet-rules-XXXXXX");
    now_us = 1000000;
    if (mkdtemp(dir) == NULL)
        return 1;
    machine_has("0.10 0.20 0.30 1/80 4242\n", "MemTotal: 9999999 kB\nMemAvailable: 1024000 kB\n");
    return 0;
}

static int teardown(void **state) {
    static const char *const names[] = {"loadavg", "meminfo", "nocreate"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(path_of(names[i]));
    clock_use_real();
    return rmdir(dir);
}

// "" when the account may be created, else the reason.
static const char *try_as(const char *address, const char *password, const char *setting) {
    static struct account_refusal refusal;
    char state_dir[128], nocreate[128];
    (void)snprintf(state_dir, sizeof(state_dir), "state_dir=%s", dir);
    (void)snprintf(nocreate, sizeof(nocreate), "nocreate_path=%s/nocreate", dir);
    const char *const overrides[] = {"mail_domain=a.org", state_dir, nocreate, setting, NULL};
    struct config *config = config_parse(SLICE_EMPTY, "test", overrides, NULL, NULL);
    assert_non_null(config);
    struct account_resources *resources = account_resources_new(dir);
    static const uint8_t secret[STORE_SECRET_LEN] = {7};
    struct account_creation c = {.address = slice_from_cstr(address),
                                 .password = slice_from_cstr(password),
                                 .config = config,
                                 .resources = resources,
                                 .secret = secret};
    bool ok = account_rules_allow(&c, &refusal);
    assert_int_equal(ok, refusal.reason[0] == '\0');
    account_resources_free(resources);
    config_free(config);
    return refusal.reason;
}

static const char name[] = "bob.12_-9@a.org", password[] = "123456789";

static void names_and_passwords(void **state) {
    static const struct {
        const char *address, *password, *setting, *want;
    } cases[] = {
        {"bob.12_-9@a.org", "123456789", NULL, ""},
        {"bob.12_-9@a.org", "12345678", NULL, "password shorter than 9"},
        {"bob.12_-9@a.org", "admin", NULL, "password shorter than 9"},
        {"bob.12_-9@a.org", "admin", "password_min_length=5", ""},
        {"bob12345@a.org", "123456789", NULL, "local part length not within 9 to 9"},
        {"bob1234567@a.org", "123456789", NULL, "local part length not within 9 to 9"},
        {"bob12@a.org", "123456789", "username_min_length=5", ""},
        {"bob1234567@a.org", "123456789", "username_max_length=10", ""},
        {"bob1234@5@a.org", "123456789", NULL, "local part has other characters than a-z 0-9 . _ -"},
        {"bob+12345@a.org", "123456789", NULL, "local part has other characters than a-z 0-9 . _ -"},
        {"bob\xc3\xa4"
         "1234@a.org",
         "123456789", NULL, "local part has other characters than a-z 0-9 . _ -"},
        {"bob 12345@a.org", "123456789", NULL, "local part has other characters than a-z 0-9 . _ -"},
        {"bob.12_-9@a.org", "123456789", "registration=closed", "registration is closed"},
        {"bob.12_-9@a.org", "123456789", "registration=invite", "the password proves no invitation"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(try_as(cases[i].address, cases[i].password, cases[i].setting), cases[i].want);
    char long_password[512];
    memset(long_password, 'p', sizeof(long_password) - 1);
    long_password[sizeof(long_password) - 1] = '\0';
    assert_string_equal(try_as(name, long_password, "password_min_length=128"), "");
}

static void the_nocreate_file(void **state) {
    write_file("nocreate", "");
    assert_string_equal(try_as(name, password, NULL), "the nocreate file exists");
    assert_string_equal(try_as(name, password, "nocreate_path="), "");
    assert_int_equal(unlink(path_of("nocreate")), 0);
    assert_string_equal(try_as(name, password, NULL), "");
}

static void shortages(void **state) {
    static const struct {
        const char *loadavg, *meminfo, *want;
    } cases[] = {
        {"5.00 1 1", "MemAvailable:  204800 kB\n", ""},
        {"5.01 1 1", "MemAvailable:  204800 kB\n", "load avg 5.01 > 5.00"},
        {"6.10 1 1", "MemAvailable:  204800 kB\n", "load avg 6.10 > 5.00"},
        {"0.10 1 1", "MemTotal: 1 kB\nMemAvailable: 122880 kB\nBuffers: 9 kB\n", "available memory 120MB < 200MB"},
        {"0.10 1 1", "MemAvailable: 204799 kB\n", "available memory 199MB < 200MB"},
        // What cannot be read is no reason.
        {"", "", ""},
        {"high", "MemAvailable: much kB\n", ""},
        {"-1.0 1 1", "MemAvailable: 1\n", ""},
        {"0.10", "MemAvailable: 1 MB\n", ""},
        {"0.10", "SomeMemAvailable: 1 kB\n", ""},
        {"0.10", "MemAvailable: 1 k", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        machine_has(cases[i].loadavg, cases[i].meminfo);
        assert_string_equal(try_as(name, password, NULL), cases[i].want);
    }
    machine_has("0.75 1 1", "");
    assert_string_equal(try_as(name, password, "max_load_1m=0.5"), "load avg 0.75 > 0.50");
    (void)unlink(path_of("loadavg"));
    (void)unlink(path_of("meminfo"));
    assert_string_equal(try_as(name, password, "max_load_1m=0.5"), "");
}

static void under_pressure(void **state) {
    static const unsigned of_disk[PRESSURE_N_CAUSES] = {[PRESSURE_DISK] = 1}, of_all[PRESSURE_N_CAUSES] = {1, 3, 3, 2},
                          none[PRESSURE_N_CAUSES] = {0};
    pressure_publish(of_disk);
    assert_string_equal(try_as(name, password, NULL), "the relay is overloaded: disk");
    pressure_publish(of_all);
    assert_string_equal(try_as(name, password, NULL), "the relay is overloaded: load");
    pressure_publish(none);
    assert_string_equal(try_as(name, password, NULL), "");
}

static void values_are_kept_for_a_second(void **state) {
    struct account_resources *r = account_resources_new(dir);
    struct account_resource_values v;
    account_resources_read(r, &v);
    assert_true(v.has_load && v.has_memory);
    assert_int_equal(v.memory_mb, 1000);
    write_file("meminfo", "MemAvailable: 2048 kB\n");
    clock_set_fake(now_us + 999999, 1800000000); // a jump of the wall clock is nothing
    account_resources_read(r, &v);
    assert_int_equal(v.memory_mb, 1000);
    clock_set_fake(now_us + 1000000, 1600000000);
    account_resources_read(r, &v);
    assert_int_equal(v.memory_mb, 2);
    account_resources_free(r);
    account_resources_free(NULL);
}

static void the_real_machine_can_be_read(void **state) {
    struct account_resources *r = account_resources_new("/proc");
    struct account_resource_values v;
    account_resources_read(r, &v);
    assert_true(v.has_load && v.has_memory);
    assert_true(v.memory_mb > 0);
    account_resources_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_and_passwords, setup, teardown),
        cmocka_unit_test_setup_teardown(the_nocreate_file, setup, teardown),
        cmocka_unit_test_setup_teardown(shortages, setup, teardown),
        cmocka_unit_test_setup_teardown(under_pressure, setup, teardown),
        cmocka_unit_test_setup_teardown(values_are_kept_for_a_second, setup, teardown),
        cmocka_unit_test(the_real_machine_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
