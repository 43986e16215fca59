// SPDX-License-Identifier: MIT
// The file of app versions as the parent keeps it: read at the start and whenever it changes. What was good once stays
// until something good comes, or the file goes.
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "base/panic.h"
#include "martlet/handover/app_versions.h"
#include "martlet/host/files.h"

struct config;

struct app_versions_file {
    char *line;     // app_versions_parse(); owned; NULL: nothing is told
    struct stat as; // when it was read last; zeroed: it was not there
};
void app_versions_file_done(struct app_versions_file *f);

// Where it is: the key appversions_file, relative to the directory of the configuration, or appversions.json there.
void app_versions_file_path(const struct config *c, const char *config_path, char ret[PATH_MAX]);

// Whether it is another one than was read, or has changed.
bool app_versions_file_changed(const struct app_versions_file *f, const char *path);

enum { APP_VERSIONS_SENTENCE_MAX = FILES_ERROR_MAX + APP_VERSIONS_ERROR_MAX };
// Reads it. False with a sentence when it cannot be used: the line stays. A file that is not there is fine, but for
// one that the configuration names, and takes the line away.
MUST_USE bool app_versions_file_read(struct app_versions_file *f, const struct config *c, const char *path,
                                     char ret_error[APP_VERSIONS_SENTENCE_MAX]);
