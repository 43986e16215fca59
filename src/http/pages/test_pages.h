// SPDX-License-Identifier: MIT
// For tests of snapshots: a folder of the operator's, pages built with it, and what was complained of.
#pragma once

#include <limits.h>
#include <stddef.h>

#include "http/pages/pages.h"

#define TEST_LINK "DCACCOUNT:https://chat.example.org/new"

enum { TEST_COMPLAINTS_MAX = 16 };

extern char test_folder[PATH_MAX];
extern char test_complaints[TEST_COMPLAINTS_MAX][1024]; // of the last build, as many as there is room for
extern size_t test_n_complaints;
extern struct pages_parts test_parts; // in force for what is built

int test_make_folder(void **state);
int test_remove_folder(void **state);
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, test_make_folder, test_remove_folder)

// A file of the folder; until the next call.
const char *test_path_of(const char *name);
void test_put_octets(const char *name, const char *octets, size_t len);
void test_put(const char *name, const char *text);

// `setting` is one "key=value" or NULL.
struct pages *test_build_with(const char *www_folder, const char *setting, const char *link);
struct pages *test_build(void);
// "" for a path that leads nowhere. Until the next call.
const char *test_body_of(const struct pages *p, const char *path, const char *wish);

// `want` begins with the path within the folder.
void test_complaint_is(size_t i, const char *want);
void test_no_complaint(void);
