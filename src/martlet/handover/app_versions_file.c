// SPDX-License-Identifier: MIT
#include "martlet/handover/app_versions_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"

void app_versions_file_done(struct app_versions_file *f) {
    free(f->line);
    *f = (struct app_versions_file){0};
}

void app_versions_file_path(const struct config *c, const char *config_path, char ret[PATH_MAX]) {
    const char *name = c->appversions_file[0] != '\0' ? c->appversions_file : "appversions.json";
    size_t folder = slice_rfind(slice_from_cstr(config_path), '/');
    bool is_beside = name[0] != '/' && config_path[folder] == '/';
    (void)snprintf(ret, PATH_MAX, "%.*s%s", is_beside ? (int)folder + 1 : 0, config_path, name);
}

static struct stat look(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 ? st : (struct stat){0};
}

bool app_versions_file_changed(const struct app_versions_file *f, const char *path) {
    // The change of status follows the modification time, and new rights too.
    const struct stat now = look(path);
    return now.st_dev != f->as.st_dev || now.st_ino != f->as.st_ino || now.st_size != f->as.st_size ||
           now.st_ctim.tv_sec != f->as.st_ctim.tv_sec || now.st_ctim.tv_nsec != f->as.st_ctim.tv_nsec;
}

static bool parse(struct app_versions_file *f, const struct config *c, const char *path, struct slice text,
                  char ret_error[APP_VERSIONS_SENTENCE_MAX]) {
    char error[APP_VERSIONS_ERROR_MAX];
    struct buf line;
    buf_init(&line, APP_VERSIONS_MAX);
    bool ok = app_versions_parse(text, c, &line, error);
    if (ok) {
        free(f->line);
        f->line = slice_dup(buf_slice(&line));
    } else {
        (void)snprintf(ret_error, APP_VERSIONS_SENTENCE_MAX, "%.400s: %s", path, error);
    }
    buf_done(&line);
    return ok;
}

bool app_versions_file_read(struct app_versions_file *f, const struct config *c, const char *path,
                            char ret_error[APP_VERSIONS_SENTENCE_MAX]) {
    // Looked at before reading: a change in between is seen at the next look.
    f->as = look(path);
    if (f->as.st_ino == 0 && errno == ENOENT) {
        free(f->line);
        f->line = NULL;
        (void)snprintf(ret_error, APP_VERSIONS_SENTENCE_MAX, "%.400s: %s", path, strerror(ENOENT));
        return c->appversions_file[0] == '\0';
    }
    char error[FILES_ERROR_MAX];
    struct buf text;
    buf_init(&text, APP_VERSIONS_MAX);
    bool ok = files_read(AT_FDCWD, path, false, &text, error);
    if (ok)
        ok = parse(f, c, path, buf_slice(&text), ret_error);
    else
        (void)snprintf(ret_error, APP_VERSIONS_SENTENCE_MAX, "%s", error);
    buf_done(&text);
    return ok;
}
