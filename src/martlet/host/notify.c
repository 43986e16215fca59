// SPDX-License-Identifier: MIT
#include "martlet/host/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/slice.h"

enum { STATE_MAX = 256, WATCHDOG_DEFAULT_MS = 60 * 1000, WATCHDOG_MIN_MS = 1000 };

static void notify(const char *state) {
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    size_t len = path != NULL ? strlen(path) : 0;
    if (len < 2 || len >= sizeof(to.sun_path))
        return;
    memcpy(to.sun_path, path, len);
    // An abstract socket is written with "@" for its leading NUL.
    if (path[0] == '@')
        to.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    // A manager that does not read must not hold us up for long.
    const struct timeval patience = {.tv_sec = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
    (void)close(fd);
}

void notify_ready(void) {
    notify("READY=1\nSTATUS=serving");
}

void notify_reloading(void) {
    char state[STATE_MAX];
    (void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=reloading", clock_mono_us());
    notify(state);
}

void notify_stopping(void) {
    notify("STOPPING=1\nSTATUS=finishing what is under way");
}

void notify_alive(unsigned connections) {
    char state[STATE_MAX];
    (void)snprintf(state, sizeof(state), "WATCHDOG=1\nSTATUS=serving, %u connection%s", connections,
                   connections == 1 ? "" : "s");
    notify(state);
}

void notify_status(const char *sentence) {
    char state[STATE_MAX];
    (void)snprintf(state, sizeof(state), "STATUS=%s", sentence);
    notify(state);
}

uint64_t notify_watchdog_ms(void) {
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t us = 0;
    if (text == NULL || !slice_to_u64(slice_from_cstr(text), &us) || us == 0)
        return WATCHDOG_DEFAULT_MS;
    return us / 1000 > WATCHDOG_MIN_MS ? us / 1000 : WATCHDOG_MIN_MS;
}
