// SPDX-License-Identifier: MIT
// Gives memory back to the kernel: free memory of the heap after storms of logins and connections (the C library does
// it only at the top of the heap), and what only the start needed.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct trim {
    uint64_t looked_ms;
    size_t free_then; // octets free in the heap after the last trim
};

// At most every `every_ms`: trims when the free memory has changed much since the last time.
void trim_if_due(struct trim *t, uint64_t now_ms, uint64_t every_ms);

// Once, when the start is over: free memory, and the pages of program and libraries that were read for linking and
// setting up. Most of these belong to libraries behind libcurl that are never called.
void trim_after_start(void);
