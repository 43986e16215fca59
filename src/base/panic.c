// SPDX-License-Identifier: MIT
#include "base/panic.h"

#include <stdio.h>
#include <stdlib.h>

void panic_at(const char *file, int line, const char *what) {
    (void)fprintf(stderr, "martlet: bug at %s:%d: %s\n", file, line, what);
    abort();
}
