// SPDX-License-Identifier: MIT
#include "martlet/acme/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "martlet/acme/selfsigned.h"
#include "martlet/acme/status.h"

enum { PEM_MAX = 512 * 1024 };

void certificate_free(struct certificate *c) {
    if (c->key_pem != NULL)
        OPENSSL_cleanse(c->key_pem, strlen(c->key_pem));
    free(c->key_pem);
    free(c->cert_pem);
    *c = (struct certificate){0};
}

static void wipe(struct buf *b) {
    if (b->mem != NULL)
        OPENSSL_cleanse(b->mem, b->cap);
    buf_done(b);
}

static bool read_pair(int dir_fd, const char *cert, const char *key, bool no_follow, struct certificate *ret,
                      char ret_error[FILES_ERROR_MAX]) {
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, PEM_MAX);
    buf_init(&key_pem, PEM_MAX);
    bool ok = files_read(dir_fd, cert, no_follow, &cert_pem, ret_error) &&
              files_read(dir_fd, key, no_follow, &key_pem, ret_error);
    if (ok)
        *ret = (struct certificate){slice_dup(buf_slice(&cert_pem)), slice_dup(buf_slice(&key_pem))};
    wipe(&cert_pem);
    wipe(&key_pem);
    return ok;
}

// What to do when one of the files cannot be read.
static void add_advice(const struct config *config, char error[FILES_ERROR_MAX]) {
    const char *paths[] = {config->tls_cert_path, config->tls_key_path};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (faccessat(AT_FDCWD, paths[i], R_OK, AT_EACCESS) == 0)
            continue;
        size_t len = strlen(error);
        if (errno == EACCES)
            (void)snprintf(error + len, FILES_ERROR_MAX - len,
                           " (read as user %u): let it read both files of tls_external_cert_and_key, or start as root",
                           (unsigned)geteuid());
        else
            (void)snprintf(error + len, FILES_ERROR_MAX - len, ": see tls_external_cert_and_key");
        return;
    }
}

bool certificate_read(const struct config *config, struct certificate *ret, char ret_error[FILES_ERROR_MAX]) {
    if (read_pair(AT_FDCWD, config->tls_cert_path, config->tls_key_path, false, ret, ret_error))
        return true;
    add_advice(config, ret_error);
    return false;
}

bool certificate_key_is_open(const struct config *config) {
    struct stat st;
    return config->tls_key_path[0] != '\0' && stat(config->tls_key_path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

bool certificate_read_acme(int acme_fd, const char *mail_domain, struct certificate *ret,
                           char ret_error[FILES_ERROR_MAX]) {
    char cert[ACME_PATH_SIZE], key[ACME_PATH_SIZE];
    acme_cert_path(mail_domain, cert);
    acme_key_path(mail_domain, key);
    return read_pair(acme_fd, cert, key, true, ret, ret_error);
}

bool certificate_stand_in(const char *mail_domain, struct certificate *ret) {
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, PEM_MAX);
    buf_init(&key_pem, PEM_MAX);
    bool ok = selfsigned_make(slice_from_cstr(mail_domain), false, &cert_pem, &key_pem);
    if (ok)
        *ret = (struct certificate){slice_dup(buf_slice(&cert_pem)), slice_dup(buf_slice(&key_pem))};
    wipe(&cert_pem);
    wipe(&key_pem);
    return ok;
}

// The key is written first: where there is a certificate, its key is there too.
static bool make_pair(int tls_fd, const struct config *config, bool is_dev, char ret_error[FILES_ERROR_MAX]) {
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, PEM_MAX);
    buf_init(&key_pem, PEM_MAX);
    bool ok = selfsigned_make(slice_from_cstr(config->mail_domain), is_dev, &cert_pem, &key_pem);
    if (!ok)
        (void)snprintf(ret_error, FILES_ERROR_MAX, "no self-signed certificate can be made for %.300s",
                       config->mail_domain);
    ok = ok && files_write(tls_fd, "key.pem", buf_slice(&key_pem), ret_error) &&
         files_write(tls_fd, "cert.pem", buf_slice(&cert_pem), ret_error);
    wipe(&cert_pem);
    wipe(&key_pem);
    return ok;
}

static int open_tls_dir(int state_fd, bool is_dev) {
    bool made = mkdirat(state_fd, "tls", 0700) == 0;
    int fd = openat(state_fd, "tls", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    // A service's key is for the parent alone, which may be root; in development all belongs to one user.
    if (fd >= 0 && made && is_dev)
        (void)!files_inherit_owner(fd, state_fd);
    return fd;
}

static bool read_or_make(int tls_fd, const struct config *config, bool is_dev, struct certificate *ret,
                         char ret_error[FILES_ERROR_MAX]) {
    struct stat st;
    bool is_there = fstatat(tls_fd, "cert.pem", &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && !make_pair(tls_fd, config, is_dev, ret_error))
        return false;
    if (!read_pair(tls_fd, "cert.pem", "key.pem", true, ret, ret_error)) {
        char why[200];
        (void)snprintf(why, sizeof(why), "%.190s", ret_error);
        (void)snprintf(ret_error, FILES_ERROR_MAX,
                       "%.160s/tls: %s: put it back from a backup, or move the folder away and a new pair is made, "
                       "which clients have to accept anew",
                       config->state_dir, why);
        return false;
    }
    if (selfsigned_covers(slice_from_cstr(ret->cert_pem), slice_from_cstr(config->mail_domain)))
        return true;
    certificate_free(ret);
    if (is_dev && is_there)
        return make_pair(tls_fd, config, is_dev, ret_error) &&
               read_pair(tls_fd, "cert.pem", "key.pem", true, ret, ret_error);
    (void)snprintf(ret_error, FILES_ERROR_MAX, "%.200s/tls/cert.pem is for another domain than %.200s",
                   config->state_dir, config->mail_domain);
    return false;
}

bool certificate_self_signed(int state_fd, const struct config *config, bool is_dev, struct certificate *ret,
                             char ret_error[FILES_ERROR_MAX]) {
    int tls_fd = open_tls_dir(state_fd, is_dev);
    if (tls_fd < 0) {
        (void)snprintf(ret_error, FILES_ERROR_MAX, "%.300s/tls: %s", config->state_dir, strerror(errno));
        return false;
    }
    bool ok = read_or_make(tls_fd, config, is_dev, ret, ret_error);
    (void)close(tls_fd);
    return ok;
}

struct certificate_stamp certificate_look(const struct config *config, enum config_certificate_source source) {
    char cert[PATH_MAX], key[PATH_MAX], name[ACME_PATH_SIZE];
    const char *paths[] = {config->tls_cert_path, config->tls_key_path};
    struct certificate_stamp stamp = {0};
    if (source == CERTIFICATE_FROM_SELF)
        return stamp;
    if (source == CERTIFICATE_FROM_ACME) {
        acme_cert_path(config->mail_domain, name);
        (void)snprintf(cert, sizeof(cert), "%.3000s/" ACME_DIR_NAME "/%s", config->state_dir, name);
        acme_key_path(config->mail_domain, name);
        (void)snprintf(key, sizeof(key), "%.3000s/" ACME_DIR_NAME "/%s", config->state_dir, name);
        paths[0] = cert;
        paths[1] = key;
    }
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct stat st;
        if (paths[i][0] == '\0' || stat(paths[i], &st) != 0)
            continue;
        stamp.file[i].inode = st.st_ino;
        stamp.file[i].size = st.st_size;
        stamp.file[i].changed = st.st_ctim; // follows the modification time, and new rights too
    }
    return stamp;
}

bool certificate_same(const struct certificate_stamp *a, const struct certificate_stamp *b) {
    for (size_t i = 0; i < ARRAY_LEN(a->file); i++)
        if (a->file[i].inode != b->file[i].inode || a->file[i].size != b->file[i].size ||
            a->file[i].changed.tv_sec != b->file[i].changed.tv_sec ||
            a->file[i].changed.tv_nsec != b->file[i].changed.tv_nsec)
            return false;
    return true;
}
