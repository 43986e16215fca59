// SPDX-License-Identifier: MIT
// The directory of body files: <dir>/bodies/<two hex digits>/<30 hex digits>, the name being 128 random bits. A file is
// written unnamed (O_TMPFILE) and gets its name when it is complete; where the file system cannot do that it has its
// name from the start. In both cases a crash leaves at worst a file that no row knows, and the sweep at the next start
// removes it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

struct body_name {
    uint8_t octets[16];
};

// Shared by the store and its living bodies, counted.
struct body_dir;

// Opens or creates `<dir>/bodies`. NULL with errno.
MUST_USE struct body_dir *body_dir_open(const char *dir);
struct body_dir *body_dir_ref(struct body_dir *d);
// NULL is accepted.
void body_dir_unref(struct body_dir *d);

// A new file under a name drawn here, open for writing; -1 with errno.
MUST_USE int body_dir_create(struct body_dir *d, struct body_name *ret_name, bool *ret_named);
// Syncs the file, gives it its name unless it has it, and syncs the directory. False with errno.
MUST_USE bool body_dir_publish(struct body_dir *d, int fd, const struct body_name *name, bool named);

// Octets that are kept free on a file system of this size.
uint64_t body_dir_reserve(uint64_t total_octets);
// Is there room for new messages? The last of the disk is kept for the log of what removes some. False with ENOSPC.
MUST_USE bool body_dir_has_room(struct body_dir *d);
// Octets that are free on its file system; UINT64_MAX when it does not say.
uint64_t body_dir_free_octets(struct body_dir *d);

// Open for reading; -1 with errno.
MUST_USE int body_dir_open_file(struct body_dir *d, const struct body_name *name);
// A file that is not there is as good as removed.
void body_dir_unlink(struct body_dir *d, const struct body_name *name);

// Calls on_file for each body file. False with errno when the directory cannot be read. Names that are none of ours are
// given to on_stray, with the path below `bodies`; it may be NULL.
MUST_USE bool body_dir_walk(struct body_dir *d, void (*on_file)(void *arg, const struct body_name *name),
                            void (*on_stray)(void *arg, const char *path), void *arg);

// For tests: from now on as on a file system without O_TMPFILE.
void body_dir_test_without_tmpfile(struct body_dir *d);
