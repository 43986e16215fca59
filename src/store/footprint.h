// SPDX-License-Identifier: MIT
// How much room the store takes, and how much its disk has, as gauges; asked of the file system when somebody reads.
#pragma once

struct footprint;

// `dir` is the state directory.
struct footprint *footprint_open(const char *dir);
// NULL is accepted.
void footprint_close(struct footprint *f);
