// SPDX-License-Identifier: MIT
#include "martlet/dkim/keys.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"

#define SUFFIX ".pem"
#define ED25519_SUFFIX "-ed25519"

enum { FILE_NAME_SIZE = DKIM_SELECTOR_SIZE + sizeof(SUFFIX) };

bool dkim_selector_is_valid(const char *selector) {
    size_t len = strlen(selector);
    if (len == 0 || len >= DKIM_SELECTOR_SIZE || strchr("-.", selector[0]) != NULL ||
        strchr("-.", selector[len - 1]) != NULL || strstr(selector, "..") != NULL)
        return false;
    return strspn(selector, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

void dkim_selector_of_ed25519(const char *selector, char ret[DKIM_SELECTOR_SIZE]) {
    int room = DKIM_SELECTOR_SIZE - (int)sizeof(ED25519_SUFFIX);
    (void)snprintf(ret, DKIM_SELECTOR_SIZE, "%.*s%s", room, selector, ED25519_SUFFIX);
}

static int open_dir(const char *state_dir, char ret_error[FILES_ERROR_MAX]) {
    int top = files_make_dir(state_dir, ret_error);
    if (top < 0)
        return -1;
    bool made = mkdirat(top, "dkim", 0700) == 0;
    int fd = openat(top, "dkim", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        (void)snprintf(ret_error, FILES_ERROR_MAX, "%.400s/dkim: %s", state_dir, strerror(errno));
    else if (made && !files_inherit_owner(fd, top)) {
        (void)snprintf(ret_error, FILES_ERROR_MAX, "%.400s/dkim: %s", state_dir, strerror(errno));
        (void)close(fd);
        fd = -1;
    }
    (void)close(top);
    return fd;
}

static void file_name(const char *selector, char ret[FILE_NAME_SIZE]) {
    (void)snprintf(ret, FILE_NAME_SIZE, "%.*s%s", DKIM_SELECTOR_SIZE - 1, selector, SUFFIX);
}

static bool name_to_selector(const char *name, char ret[DKIM_SELECTOR_SIZE]) {
    size_t len = strlen(name), suffix = sizeof(SUFFIX) - 1;
    if (len <= suffix || len - suffix >= DKIM_SELECTOR_SIZE || strcmp(name + len - suffix, SUFFIX) != 0)
        return false;
    memcpy(ret, name, len - suffix);
    ret[len - suffix] = '\0';
    return dkim_selector_is_valid(ret);
}

// ---- reading ----

static bool load_one(int dir_fd, const char *name, struct dkim_key_entry *entry, char ret_error[FILES_ERROR_MAX]) {
    struct buf pem;
    buf_init(&pem, DKIM_PEM_MAX);
    bool ok = files_read(dir_fd, name, true, &pem, ret_error);
    if (ok) {
        const char *reason = "";
        struct slice text = buf_slice(&pem);
        entry->key = dkim_private_key_from_pem(text, &reason);
        ok = entry->key != NULL;
        if (!ok)
            (void)snprintf(ret_error, FILES_ERROR_MAX, "dkim/%s: %s; put the right file back, or move this one away",
                           name, reason);
    }
    if (pem.mem != NULL)
        OPENSSL_cleanse(pem.mem, pem.cap);
    buf_done(&pem);
    struct stat st;
    if (ok && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        entry->made_s = st.st_mtime;
    return ok;
}

static int by_age(const void *a, const void *b) {
    const struct dkim_key_entry *x = a, *y = b;
    if (x->made_s != y->made_s)
        return x->made_s < y->made_s ? -1 : 1;
    return strcmp(x->selector, y->selector);
}

static bool load_all(DIR *dir, struct dkim_keys *ret, char ret_error[FILES_ERROR_MAX]) {
    const struct dirent *found;
    while ((found = readdir(dir)) != NULL) {
        struct dkim_key_entry entry = {0};
        if (!name_to_selector(found->d_name, entry.selector))
            continue;
        if (ret->n == DKIM_KEYS_MAX) {
            (void)snprintf(ret_error, FILES_ERROR_MAX, "dkim: more than %d keys; remove old ones", DKIM_KEYS_MAX);
            return false;
        }
        if (!load_one(dirfd(dir), found->d_name, &entry, ret_error))
            return false;
        ret->list[ret->n++] = entry;
    }
    qsort(ret->list, ret->n, sizeof(ret->list[0]), by_age);
    return true;
}

bool dkim_keys_load(const char *state_dir, struct dkim_keys *ret, char ret_error[FILES_ERROR_MAX]) {
    *ret = (struct dkim_keys){0};
    int fd = open_dir(state_dir, ret_error);
    if (fd < 0)
        return false;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)snprintf(ret_error, FILES_ERROR_MAX, "dkim: %s", strerror(errno));
        (void)close(fd);
        return false;
    }
    bool ok = load_all(dir, ret, ret_error);
    (void)closedir(dir);
    if (!ok)
        dkim_keys_done(ret);
    return ok;
}

void dkim_keys_done(struct dkim_keys *keys) {
    for (size_t i = 0; i < keys->n; i++)
        dkim_private_key_unref(keys->list[i].key);
    keys->n = 0;
}

const struct dkim_key_entry *dkim_keys_find(const struct dkim_keys *keys, const char *selector) {
    for (size_t i = 0; i < keys->n; i++)
        if (strcmp(keys->list[i].selector, selector) == 0)
            return &keys->list[i];
    return NULL;
}

const struct dkim_key_entry *dkim_keys_oldest(const struct dkim_keys *keys, enum dkim_algorithm algorithm) {
    for (size_t i = 0; i < keys->n; i++)
        if (dkim_private_key_algorithm(keys->list[i].key) == algorithm)
            return &keys->list[i];
    return NULL;
}

// ---- writing ----

static bool write_key(int dir_fd, const char *name, enum dkim_algorithm algorithm, char ret_error[FILES_ERROR_MAX]) {
    struct dkim_private_key *key = dkim_private_key_generate(algorithm);
    struct buf pem;
    buf_init(&pem, DKIM_PEM_MAX);
    bool ok = dkim_private_key_to_pem(key, &pem);
    ASSERT(ok);
    ok = files_write(dir_fd, name, buf_slice(&pem), ret_error);
    OPENSSL_cleanse(pem.mem, pem.cap);
    buf_done(&pem);
    dkim_private_key_unref(key);
    return ok;
}

bool dkim_keys_make(const char *state_dir, const char *selector, enum dkim_algorithm algorithm,
                    char ret_error[FILES_ERROR_MAX]) {
    ASSERT(dkim_selector_is_valid(selector));
    int fd = open_dir(state_dir, ret_error);
    if (fd < 0)
        return false;
    char name[FILE_NAME_SIZE];
    file_name(selector, name);
    bool ok = false;
    if (faccessat(fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        (void)snprintf(ret_error, FILES_ERROR_MAX, "dkim/%s: there is a key of this name already", name);
    else
        ok = write_key(fd, name, algorithm, ret_error);
    (void)close(fd);
    return ok;
}

bool dkim_keys_make_first(const char *state_dir, const char *selector, struct dkim_keys *keys,
                          char ret_error[FILES_ERROR_MAX]) {
    if (dkim_keys_oldest(keys, DKIM_RSA_SHA256) != NULL)
        return true;
    char second[DKIM_SELECTOR_SIZE];
    dkim_selector_of_ed25519(selector, second);
    // The RSA key, whose absence brings us here again, is the last: an interruption leaves nothing out for good.
    bool ok =
        (dkim_keys_find(keys, second) != NULL || dkim_keys_make(state_dir, second, DKIM_ED25519_SHA256, ret_error)) &&
        dkim_keys_make(state_dir, selector, DKIM_RSA_SHA256, ret_error);
    dkim_keys_done(keys);
    return ok && dkim_keys_load(state_dir, keys, ret_error);
}

bool dkim_keys_remove(const char *state_dir, const char *selector, char ret_error[FILES_ERROR_MAX]) {
    ASSERT(dkim_selector_is_valid(selector));
    int fd = open_dir(state_dir, ret_error);
    if (fd < 0)
        return false;
    char name[FILE_NAME_SIZE];
    file_name(selector, name);
    bool ok = unlinkat(fd, name, 0) == 0;
    if (!ok)
        (void)snprintf(ret_error, FILES_ERROR_MAX, "dkim/%s: %s", name, strerror(errno));
    else
        (void)fsync(fd);
    (void)close(fd);
    return ok;
}

// ---- which ones signed last ----

#define ACTIVE "active"

enum { ACTIVE_MAX = 256 };

static void copy_selector(struct slice word, char ret[DKIM_SELECTOR_SIZE]) {
    (void)snprintf(ret, DKIM_SELECTOR_SIZE, "%.*s", SLICE_FMT(slice_sub(word, 0, DKIM_SELECTOR_SIZE - 1)));
    if (!dkim_selector_is_valid(ret))
        ret[0] = '\0';
}

void dkim_keys_read_active(const char *state_dir, char ret_rsa[DKIM_SELECTOR_SIZE],
                           char ret_ed25519[DKIM_SELECTOR_SIZE]) {
    ret_rsa[0] = ret_ed25519[0] = '\0';
    char error[FILES_ERROR_MAX];
    int fd = open_dir(state_dir, error);
    if (fd < 0)
        return;
    struct buf text;
    buf_init(&text, ACTIVE_MAX);
    if (files_read(fd, ACTIVE, true, &text, error)) {
        struct slice rest = slice_trim(buf_slice(&text));
        copy_selector(slice_next_word(&rest), ret_rsa);
        copy_selector(slice_next_word(&rest), ret_ed25519);
    }
    buf_done(&text);
    (void)close(fd);
}

bool dkim_keys_write_active(const char *state_dir, const char *rsa, const char *ed25519,
                            char ret_error[FILES_ERROR_MAX]) {
    int fd = open_dir(state_dir, ret_error);
    if (fd < 0)
        return false;
    char text[ACTIVE_MAX];
    int n = snprintf(text, sizeof(text), "%s %s\n", rsa, ed25519);
    bool ok = files_write(fd, ACTIVE, slice_make(text, (size_t)n), ret_error);
    (void)close(fd);
    return ok;
}
