// SPDX-License-Identifier: MIT
#include "net/dns_anchor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"

// The key signing keys of the root zone, as IANA publishes them (root-anchors.xml, RFC 9718).
// KSK-2017, key tag 20326
#define KSK_2017                                                                                                       \
    ". 172800 IN DNSKEY 257 3 8 "                                                                                      \
    "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5"             \
    "xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUD"             \
    "K/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM"             \
    "8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU="                                                                 \
    "\n"
// KSK-2024, key tag 38696
#define KSK_2024                                                                                                       \
    ". 172800 IN DNSKEY 257 3 8 "                                                                                      \
    "AwEAAa96jeuknZlaeSrvyAJj6ZHv28hhOKkx3rLGXVaC6rXTsDc449/cidltpkyGwCJNnOAlFNKF2jBosZBU5eeHspaQWOmOElZs"             \
    "jICMQMC3aeHbGiShvZsx4wMYSjH8e7Vrhbu6irwCzVBApESjbUdpWWmEnhathWu1jo+siFUiRAAxm9qyJNg/wOZqqzL/dL/q8Pkc"             \
    "RU5oUKEpUge71M3ej2/7CPqpdVwuMoTvoB+ZOT4YeGyxMvHmbrxlFzGOHOijtzN+u1TQNatX2XBuzZNQ1K+s2CXkPIZo7s6JgZyv"             \
    "aBevYtxPvYLw4z9mR7K2vaF18UYH9Z9GNUUeayffKC73PYc="                                                                 \
    "\n"

static const char KEYS[] = KSK_2017 KSK_2024;
// What the file was made from; changes whenever KEYS does.
static const char ORIGIN[] = "20326 38696\n";

enum { PATH_SIZE = 4096 };

static bool join(const char *path, const char *suffix, char ret[PATH_SIZE]) {
    int n = snprintf(ret, PATH_SIZE, "%s%s", path, suffix);
    if (n > 0 && n < PATH_SIZE)
        return true;
    errno = ENAMETOOLONG;
    return false;
}

static bool write_all(int fd, const char *text) {
    size_t len = strlen(text);
    ssize_t n = write(fd, text, len);
    if (n >= 0 && (size_t)n < len)
        errno = ENOSPC;
    return n == (ssize_t)len && fsync(fd) == 0;
}

// Whole or not at all.
static bool replace_file(const char *path, const char *text) {
    char temporary[PATH_SIZE];
    if (!join(path, ".new", temporary))
        return false;
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, text);
    ok = close(fd) == 0 && ok && rename(temporary, path) == 0;
    if (!ok) {
        int error = errno;
        (void)unlink(temporary);
        errno = error;
    }
    return ok;
}

static bool has_content(const char *path, const char *text) {
    char got[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, got, sizeof(got));
    (void)close(fd);
    return n >= 0 && slice_eq(slice_make(got, (size_t)n), slice_from_cstr(text));
}

bool dns_anchor_prepare(const char *path) {
    char origin[PATH_SIZE];
    struct stat st;
    if (!join(path, ".origin", origin))
        return false;
    if (has_content(origin, ORIGIN) && stat(path, &st) == 0 && st.st_size > 0)
        return access(path, R_OK | W_OK) == 0;
    return dns_anchor_reset(path);
}

// The origin last: a crash between the two makes both again.
bool dns_anchor_reset(const char *path) {
    char origin[PATH_SIZE];
    return join(path, ".origin", origin) && replace_file(path, KEYS) && replace_file(origin, ORIGIN);
}
