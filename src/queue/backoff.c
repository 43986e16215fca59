// SPDX-License-Identifier: MIT
#include "queue/backoff.h"

int64_t backoff_delay(uint32_t attempts, uint32_t min_s, uint32_t max_s, uint64_t chance) {
    uint64_t delay = min_s > 0 ? min_s : 1;
    uint64_t max = max_s > delay ? max_s : delay;
    for (uint32_t i = 1; i < attempts && delay < max; i++)
        delay *= 2;
    if (delay > max)
        delay = max;
    uint64_t quarter = delay / 4;
    return (int64_t)(delay - quarter + chance % (2 * quarter + 1));
}
