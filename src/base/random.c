// SPDX-License-Identifier: MIT
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/panic.h"

void random_bytes(void *ret, size_t len) {
    unsigned char *p = ret;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0) {
            ASSERT(errno == EINTR);
            continue;
        }
        p += n;
        len -= (size_t)n;
    }
}

uint64_t random_u64(void) {
    uint64_t v;
    random_bytes(&v, sizeof(v));
    return v;
}

void random_string(char *ret, size_t len, const char *alphabet) {
    size_t n = strlen(alphabet);
    ASSERT(n >= 2 && n <= 256);
    // Octets at or above the largest multiple of n would favour the first characters; they are drawn again.
    size_t limit = 256 - 256 % n;
    for (size_t i = 0; i < len;) {
        unsigned char octets[64];
        random_bytes(octets, sizeof(octets));
        for (size_t j = 0; j < sizeof(octets) && i < len; j++)
            if (octets[j] < limit)
                ret[i++] = alphabet[octets[j] % n];
    }
    ret[len] = '\0';
}
