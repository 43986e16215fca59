// SPDX-License-Identifier: MIT
// Reads the operator's folder of pages. Only what lies in it, and only so much of it.
#pragma once

#include "http/pages/sources.h"

enum {
    OVERLAY_FILE_MAX = 4 * 1024 * 1024,
    OVERLAY_TOTAL_MAX = 64 * 1024 * 1024,
    OVERLAY_FILES_MAX = 2000,
    OVERLAY_DEPTH_MAX = 8, // folders within each other, the first included
    OVERLAY_PATH_MAX = 500,
};

// Adds the files of the folder. Hidden files and backups of editors (name~) are passed over; whatever else
// cannot be used (a device, a link that leads out of the folder, a file that is too large, not readable, or text that
// is not UTF-8) is complained of, once each.
void overlay_read(const char *folder, struct page_sources *ret);
