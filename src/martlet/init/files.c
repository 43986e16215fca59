// SPDX-License-Identifier: MIT
#include "martlet/init/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "martlet/acme/certificate.h"
#include "martlet/dkim/keys.h"
#include "martlet/host/preflight.h"

static bool fail(char ret_error[FILES_ERROR_MAX], const char *name) {
    int error = errno;
    (void)snprintf(ret_error, FILES_ERROR_MAX, "%.300s: %s%s", name, strerror(error),
                   error == EACCES || error == EPERM ? "; try sudo, or --dir DIRECTORY for a relay of your own" : "");
    return false;
}

// ---- the configuration ----

static int open_config_dir(const char *dir, char ret_error[FILES_ERROR_MAX]) {
    bool is_there = access(dir, F_OK) == 0;
    int fd = files_make_dir(dir, ret_error);
    if (fd < 0) {
        (void)fail(ret_error, dir);
        return -1;
    }
    if (!is_there && fchmod(fd, 0755) != 0) {
        (void)fail(ret_error, dir);
        (void)close(fd);
        return -1;
    }
    return fd;
}

// A link puts the file into its place and refuses when one is there.
static bool write_into(int dir_fd, const char *name, struct slice text) {
    char fresh[NAME_MAX];
    (void)snprintf(fresh, sizeof(fresh), "%.200s.new", name);
    (void)unlinkat(dir_fd, fresh, 0);
    int fd = openat(dir_fd, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool ok = write(fd, text.ptr, text.len) == (ssize_t)text.len && fchmod(fd, 0644) == 0 && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && linkat(dir_fd, fresh, dir_fd, name, 0) == 0;
    int error = errno;
    (void)unlinkat(dir_fd, fresh, 0);
    (void)fsync(dir_fd);
    errno = error;
    return ok;
}

bool init_write_config(const char *path, struct slice text, char ret_error[FILES_ERROR_MAX]) {
    char for_dir[PATH_MAX], for_name[PATH_MAX];
    (void)snprintf(for_dir, sizeof(for_dir), "%s", path);
    (void)snprintf(for_name, sizeof(for_name), "%s", path);
    int fd = open_config_dir(dirname(for_dir), ret_error);
    if (fd < 0)
        return false;
    bool ok = write_into(fd, basename(for_name), text) || fail(ret_error, path);
    (void)close(fd);
    return ok;
}

// ---- the state directory ----

static bool is_empty(int dir_fd) {
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    bool ret = true;
    for (const struct dirent *e; ret && (e = readdir(dir)) != NULL;)
        ret = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
    (void)closedir(dir);
    return ret;
}

static bool is_owned(int fd, const struct init_owner *owner) {
    struct stat st;
    uid_t wanted = owner->name[0] != '\0' ? owner->uid : geteuid();
    return fstat(fd, &st) == 0 && st.st_uid == wanted;
}

static bool refuse_owner(const char *path, const struct init_owner *owner, char ret_error[FILES_ERROR_MAX]) {
    const char *name = owner->name[0] != '\0' ? owner->name : "you";
    (void)snprintf(ret_error, FILES_ERROR_MAX,
                   "%.160s does not belong to %.60s, who the relay runs as: chown -R %.60s %.160s", path, name,
                   owner->name[0] != '\0' ? name : "USER", path);
    return false;
}

static bool refuse_strange(const char *path, char ret_error[FILES_ERROR_MAX]) {
    (void)snprintf(ret_error, FILES_ERROR_MAX,
                   "%.160s is another user's and has files of others in it: name a directory of its own, such as "
                   "%.160s/martlet",
                   path, strcmp(path, "/") == 0 ? "/var/lib" : path);
    return false;
}

static bool take_over(int fd, const struct init_owner *owner) {
    return (owner->name[0] == '\0' || fchown(fd, owner->uid, owner->gid) == 0) && fchmod(fd, 0700) == 0;
}

bool init_make_state(const char *dir, const struct init_owner *owner, char ret_path[PATH_MAX], bool *ret_made,
                     char ret_error[FILES_ERROR_MAX]) {
    struct stat st;
    *ret_made = stat(dir, &st) != 0 && errno == ENOENT;
    int fd = files_make_dir(dir, ret_error);
    if (fd < 0)
        return fail(ret_error, dir);
    bool ok = true;
    if (*ret_made || (!is_owned(fd, owner) && geteuid() == 0 && is_empty(fd)))
        ok = take_over(fd, owner) || fail(ret_error, dir);
    else if (!is_owned(fd, owner))
        ok = preflight_is_of_relay(fd) || is_empty(fd) ? refuse_owner(dir, owner, ret_error)
                                                       : refuse_strange(dir, ret_error);
    ok = ok && (realpath(dir, ret_path) != NULL || fail(ret_error, dir));
    (void)close(fd);
    return ok;
}

// ---- keys and certificate ----

static bool check_key_owner(const char *state_dir, const struct init_owner *owner, char ret_error[FILES_ERROR_MAX]) {
    char path[PATH_MAX];
    (void)snprintf(path, sizeof(path), "%.4000s/dkim", state_dir);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(ret_error, path);
    bool ok = is_owned(fd, owner) || refuse_owner(path, owner, ret_error);
    (void)close(fd);
    return ok;
}

bool init_make_keys(const struct config *c, const struct init_owner *owner, bool *ret_made,
                    char ret_error[FILES_ERROR_MAX]) {
    struct dkim_keys keys;
    if (!dkim_keys_load(c->state_dir, &keys, ret_error))
        return false;
    *ret_made = dkim_keys_oldest(&keys, DKIM_RSA_SHA256) == NULL;
    bool ok = dkim_keys_make_first(c->state_dir, c->dkim_selector, &keys, ret_error) &&
              check_key_owner(c->state_dir, owner, ret_error);
    dkim_keys_done(&keys);
    return ok;
}

bool init_make_certificate(const struct config *c, bool *ret_made, char ret_error[FILES_ERROR_MAX]) {
    int fd = files_make_dir(c->state_dir, ret_error);
    if (fd < 0)
        return false;
    *ret_made = faccessat(fd, "tls/cert.pem", F_OK, AT_SYMLINK_NOFOLLOW) != 0;
    struct certificate pair = {0};
    bool ok = certificate_self_signed(fd, c, false, &pair, ret_error);
    certificate_free(&pair);
    (void)close(fd);
    return ok;
}
