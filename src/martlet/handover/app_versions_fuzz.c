// SPDX-License-Identifier: MIT
// A file of app versions: whatever is in it, what comes out is one line that is taken again as it is, and never longer.
#include "martlet/handover/app_versions.h"

#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_again(struct slice line, const struct config *c) {
    struct buf again;
    char error[APP_VERSIONS_ERROR_MAX];
    buf_init(&again, APP_VERSIONS_MAX);
    bool same = app_versions_parse(line, c, &again, error) && slice_eq(buf_slice(&again), line);
    buf_done(&again);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct config *config;
    if (config == NULL)
        config = config_parse(SLICE("[params]\nmail_domain = a.org\nappversions_hosts = b.org, c.org/d/\n"), "fuzz.ini",
                              NULL, NULL, NULL);
    struct buf line;
    char error[APP_VERSIONS_ERROR_MAX] = "";
    buf_init(&line, APP_VERSIONS_MAX);
    if (app_versions_parse(slice_make((const char *)data, size), config, &line, error)) {
        struct slice s = buf_slice(&line);
        ASSERT(error[0] == '\0' && s.len <= size && slice_find(s, '\n') == s.len && read_again(s, config));
    } else {
        ASSERT(error[0] != '\0' && strlen(error) < APP_VERSIONS_ERROR_MAX && line.len == 0);
    }
    buf_done(&line);
    return 0;
}
