// SPDX-License-Identifier: MIT
// Small files, read and written whole by the parent: configuration, certificates. Errors are sentences that name the
// path.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

enum { FILES_ERROR_MAX = 512 };

// Reads `name` (relative to the directory dir_fd, or AT_FDCWD) into ret, whose maximum is the largest size accepted.
// With `no_follow` a symbolic link is refused.
MUST_USE bool files_read(int dir_fd, const char *name, bool no_follow, struct buf *ret,
                         char ret_error[FILES_ERROR_MAX]);
// Writes a file that only its owner, who is the owner of the directory, may read; it appears whole or not at all, and
// durably.
MUST_USE bool files_write(int dir_fd, const char *name, struct slice content, char ret_error[FILES_ERROR_MAX]);
// Done by root, gives the file to the owner of the directory.
MUST_USE bool files_inherit_owner(int fd, int dir_fd);
// Makes the directory (and its parents) where it is missing, for its owner alone, opens it and returns the descriptor,
// or -1.
MUST_USE int files_make_dir(const char *path, char ret_error[FILES_ERROR_MAX]);
