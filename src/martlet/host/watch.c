// SPDX-License-Identifier: MIT
#include "martlet/host/watch.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "config/config.h"

// The folder that a path names, and the one that it leads to when the file is a link (certbot: live/ and archive/).
static void watch_folders(int fd, const char *path, uint32_t more_events) {
    char folder[PATH_MAX], *real = realpath(path, NULL);
    const char *paths[] = {path, real};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const char *slash = paths[i] != NULL ? strrchr(paths[i], '/') : NULL;
        if (paths[i] == NULL)
            continue;
        (void)snprintf(folder, sizeof(folder), "%.*s", slash != NULL ? (int)(slash - paths[i]) : 1,
                       slash != NULL ? paths[i] : ".");
        (void)inotify_add_watch(fd, folder[0] != '\0' ? folder : "/",
                                IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_MASK_ADD | more_events);
    }
    free(real);
}

int watch_open(const struct config *config, const char *app_versions_path) {
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd < 0)
        return -1;
    if (config->tls_cert_path[0] != '\0') {
        watch_folders(fd, config->tls_cert_path, 0);
        watch_folders(fd, config->tls_key_path, 0);
    }
    // A certificate that is gone leaves nothing to do, a list that is gone takes what it said with it.
    watch_folders(fd, app_versions_path, IN_DELETE | IN_MOVED_FROM);
    return fd;
}

void watch_drain(int fd) {
    char events[4096];
    while (read(fd, events, sizeof(events)) > 0)
        continue;
}
