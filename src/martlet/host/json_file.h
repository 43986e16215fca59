// SPDX-License-Identifier: MIT
// A small file of JSON in which one process of this program leaves word for another: an object with times and texts.
// What is missing or damaged reads as nothing.
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/panic.h"
#include "martlet/host/files.h"

// The caller's; NULL when there is no such file, or it is a link, too large, or no JSON.
MUST_USE json_t *json_file_read(int dir_fd, const char *name);
// As files_write(). Takes `content`.
MUST_USE bool json_file_write(int dir_fd, const char *name, json_t *content, char ret_error[FILES_ERROR_MAX]);
// A time since the epoch; 0 when there is none, or one before it.
int64_t json_file_time(const json_t *from, const char *key);
