// SPDX-License-Identifier: MIT
// The file from which mail clients configure themselves: clientConfig, version 1.1, as Thunderbird defined it. The
// first server that works is taken, so the fastest ways in stand first.
#pragma once

#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"

struct web_place;

// Appends the file. False when the buffer is too small.
MUST_USE bool autoconfig_write(struct slice host, const struct web_place *place, struct buf *ret);
