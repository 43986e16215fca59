// SPDX-License-Identifier: MIT
#include "push/tries.h"

#include "base/panic.h"
#include "push/push.h"

bool tries_is_late(int64_t asked, int64_t now) {
    return now > asked && now - asked > PUSH_LIFETIME_MS;
}

int64_t tries_next(uint32_t tries, int64_t asked, int64_t now, uint64_t chance) {
    ASSERT(tries > 0);
    if (tries >= PUSH_TRIES_MAX)
        return 0;
    uint64_t delay = (uint64_t)1000 << (3 * tries);
    int64_t next = now + (int64_t)(delay + chance % (delay / 8 + 1));
    return tries_is_late(asked, next) ? 0 : next;
}
